{#- The UTC instant at which a day of the reporting zone begins. -#}
{%- macro day_starts_at(day) -%}
    {%- set zone = var('reporting_timezone') -%}
    {%- if zone == 'UTC' -%}
cast({{ day }} as timestamp)
    {%- else -%}
timezone('UTC', timezone('{{ zone }}', cast({{ day }} as timestamp)))
    {%- endif -%}
{%- endmacro -%}

{#- One row per day from the first to the last, both included; a set-returning expression. -#}
{%- macro each_day(first_day, last_day) -%}
cast(
    unnest(generate_series({{ first_day }}, {{ last_day }}, interval '1' day)) as date
)
{%- endmacro -%}

{#- The reporting day of the last instant of [start, end); of the start where it is empty. -#}
{%- macro last_day(start, end) -%}
{{ reporting_day(
    "greatest(" ~ start ~ ", coalesce(" ~ end ~ ", " ~ start ~ ") - interval '1' microsecond)"
) }}
{%- endmacro -%}

{#- Whole days from one day to another; negative when they are swapped. -#}
{%- macro days_between(first_day, last_day) -%}
date_diff('day', {{ first_day }}, {{ last_day }})
{%- endmacro -%}
