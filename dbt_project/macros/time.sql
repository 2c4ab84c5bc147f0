{#- The calendar day of a UTC instant in the reporting zone. -#}
{%- macro reporting_day(instant) -%}
    {%- set zone = var('reporting_timezone') -%}
    {%- if zone == 'UTC' -%}
cast({{ instant }} as date)
    {%- else -%}
cast(timezone('{{ zone }}', timezone('UTC', {{ instant }})) as date)
    {%- endif -%}
{%- endmacro -%}

{#- Whole microseconds from one UTC instant to another; negative when they are swapped. -#}
{%- macro microseconds_between(start, end) -%}
date_diff('microsecond', {{ start }}, {{ end }})
{%- endmacro -%}

{#- The day that is so many days after another. -#}
{%- macro days_after(day, days) -%}
cast({{ day }} + {{ days }} as date)
{%- endmacro -%}

{#- The same time of day, so many days later. -#}
{%- macro same_time_after(instant, days) -%}
({{ instant }} + {{ days }} * interval '1' day)
{%- endmacro -%}

{#- The day that decides maturity: a setting, never the clock. -#}
{%- macro as_of() -%}
cast('{{ of_run('as_of') }}' as date)
{%- endmacro -%}
