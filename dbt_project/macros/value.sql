{#- What a task is worth, exactly. Factors are whole nano-units, so that their product counts
    units of 10^-18, the scale of a value column; the one division rounds half away. -#}

{#- A whole number of units of 10^-18 as DECIMAL(38,18). -#}
{%- macro from_atto(atto) -%}
cast(
    cast({{ atto }} as decimal(38, 0))
    * cast('0.000000000000000001' as decimal(18, 18))
    as decimal(38, 18)
)
{%- endmacro -%}

{#- dividend / divisor to the nearest whole number, half away from zero; the divisor is > 0. -#}
{%- macro rounded_quotient(dividend, divisor) -%}
sign({{ dividend }})
* {{ divide('2 * abs(' ~ dividend ~ ') + ' ~ divisor, '2 * ' ~ divisor) }}
{%- endmacro -%}

{#- Minutes of work at a cost per hour: minutes / 60 * hourly_cost. -#}
{%- macro worth_of_minutes(minutes, hourly_cost) -%}
{%- set product = nano_units(minutes) ~ ' * ' ~ nano_units(hourly_cost) -%}
{{ from_atto(rounded_quotient(product, integer(60))) }}
{%- endmacro -%}

{#- What a person's minutes cost beyond the agent's microseconds, at a cost per hour:
    (minutes * 60 - microseconds / 10^6) / 3600 * hourly_cost; negative for a slower agent.
    Minutes and cost are nano-units. -#}
{%- macro worth_of_minutes_saved(nano_minutes, microseconds, nano_hourly_cost) -%}
{%- set saved -%}
({{ nano_minutes }} * 60000000 - {{ integer(microseconds) }} * 1000000000)
{%- endset -%}
{%- set product = saved ~ ' * ' ~ nano_hourly_cost -%}
{{ from_atto(rounded_quotient(product, integer(3600000000))) }}
{%- endmacro -%}

{#- What hours of waiting saved are worth: (hours - microseconds / 3.6 * 10^9) * cost. Hours and
    cost are nano-units. -#}
{%- macro worth_of_hours_saved(nano_hours, microseconds, nano_cost_per_hour) -%}
{%- set saved -%}
({{ nano_hours }} * 3600000000 - {{ integer(microseconds) }} * 1000000000)
{%- endset -%}
{%- set product = saved ~ ' * ' ~ nano_cost_per_hour -%}
{{ from_atto(rounded_quotient(product, integer(3600000000))) }}
{%- endmacro -%}

{#- What minutes of work cost at a cost per hour, rounded once to nano-units. -#}
{%- macro cost_of_minutes(minutes, hourly_cost) -%}
{%- set product = nano_units(minutes) ~ ' * ' ~ nano_units(hourly_cost) -%}
{{ money_of_nano(rounded_quotient(product, integer(60000000000))) }}
{%- endmacro -%}
