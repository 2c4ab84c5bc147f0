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

{#- The instant so many whole microseconds after another. -#}
{%- macro microseconds_after(instant, microseconds) -%}
({{ instant }} + to_microseconds({{ microseconds }}))
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

{#- Minutes from midnight to a time of day HH:MM, up to 24:00; NULL where it is none. -#}
{%- macro minute_of_day(time) -%}
try_cast(substr({{ time }}, 1, 2) as bigint) * 60
        + try_cast(substr({{ time }}, 4, 2) as bigint)
{%- endmacro -%}

{#- The UTC instant at which the clock of the reporting zone shows a minute of a day. A time that
    the clock leaves out is as much later, of one that it shows twice one instant is taken. -#}
{%- macro minute_starts_at(day, minute) -%}
    {%- set zone = var('reporting_timezone') -%}
    {%- set local = '(cast(' ~ day ~ ' as timestamp) + ' ~ minute ~ " * interval '1' minute)" -%}
    {%- if zone == 'UTC' -%}
{{ local }}
    {%- else -%}
timezone('UTC', timezone('{{ zone }}', {{ local }}))
    {%- endif -%}
{%- endmacro -%}

{#- The weekday of a day: 1 is Monday, 7 is Sunday. -#}
{%- macro weekday_of(day) -%}
isodow({{ day }})
{%- endmacro -%}
