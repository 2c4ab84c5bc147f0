{#- Nano-units of a training run that were amortised by the end of a day: nothing before its
    completion, a whole daily amount each day, all of it on the last day of use; from the day
    of retirement on nothing more. A run with no lifespan stays capitalised. -#}
{%- macro amortised_by(day) -%}
{%- set last = 'least(' ~ day ~ ', coalesce(' ~ days_after('retired_on', -1) ~ ', ' ~ day ~ '))' -%}
case
    when completed_on is null or coalesce(lifespan_days, 0) <= 0 then 0
    when {{ last }} <= completed_on then 0
    when {{ last }} >= last_use_day then total_nano
    else daily_nano * {{ days_between('completed_on', last) }}
end
{%- endmacro -%}
