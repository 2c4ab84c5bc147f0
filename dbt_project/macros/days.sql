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

{#- The day that is so many months after another; the last of its month where that is shorter. -#}
{%- macro months_after(day, months) -%}
cast({{ day }} + {{ months }} * interval '1' month as date)
{%- endmacro -%}

{#- The first day of the day's period: a day, a week (from Monday) or a month. -#}
{%- macro period_start(period, day) -%}
case {{ period }}
            when 'month' then cast(date_trunc('month', {{ day }}) as date)
            when 'week' then cast(date_trunc('week', {{ day }}) as date)
            else {{ day }}
        end
{%- endmacro -%}

{#- How many days the period has that begins on a day. -#}
{%- macro period_days(period, start) -%}
case {{ period }}
            when 'month' then {{ days_between(start, months_after(start, 1)) }}
            when 'week' then 7
            else 1
        end
{%- endmacro -%}

{#- The clock hour (UTC) of an instant. -#}
{%- macro clock_hour(instant) -%}
date_trunc('hour', {{ instant }})
{%- endmacro -%}
