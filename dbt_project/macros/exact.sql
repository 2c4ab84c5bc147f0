{#- Exact arithmetic. Money and weights are whole numbers here; nothing becomes a float.

    While calculating, a whole number is a 128-bit integer, which refuses to overflow. It is
    never stored as one: Parquet has no such type and DuckDB would write a double. What a table
    keeps is DECIMAL(38,0) (`stored_integer`) or money (`money_of_nano`). -#}

{#- A whole number to calculate with. -#}
{%- macro integer(value) -%}
cast({{ value }} as hugeint)
{%- endmacro -%}

{#- A whole number as a table keeps it. -#}
{%- macro stored_integer(value) -%}
cast({{ value }} as decimal(38, 0))
{%- endmacro -%}

{#- The quotient of two whole numbers >= 0, cut to a whole number; NULL when divided by 0. -#}
{%- macro divide(dividend, divisor) -%}
(({{ dividend }}) // ({{ divisor }}))
{%- endmacro -%}

{#- Nano-units of a decimal, rounded half away from zero. -#}
{%- macro nano_units(amount) -%}
cast(cast(round({{ amount }}, 9) as decimal(38, 9)) * 1000000000 as hugeint)
{%- endmacro -%}

{#- Money of a whole number of nano-units. -#}
{%- macro money_of_nano(nano) -%}
cast(
    cast({{ nano }} as decimal(38, 0)) * cast(0.000000001 as decimal(9, 9))
    as decimal(38, 9)
)
{%- endmacro -%}

{#- Nano-units times a rate of at most 9 decimals, rounded half away from zero. -#}
{%- macro convert_nano(nano, rate) -%}
(
    sign({{ nano }})
    * {{ divide(
        'abs(' ~ nano ~ ') * ' ~ nano_units(rate) ~ ' + 500000000',
        '1000000000'
    ) }}
)
{%- endmacro -%}

{#- An amount's part of one day at its own scale: the day's share in nano-units, and on the day
    that takes it what is smaller than a nano-unit. -#}
{%- macro exact_part(amount, share, takes_rest) -%}
cast(
    cast({{ money_of_nano(share) }} as decimal(38, 18))
    + case
        when {{ takes_rest }}
            then {{ amount }} - cast(round({{ amount }}, 9) as decimal(38, 18))
        else cast(0 as decimal(38, 18))
    end
    as decimal(38, 18)
)
{%- endmacro -%}

{#- Stop the build with a sentence: a wrong number would be worse. -#}
{%- macro stop(sentence) -%}
error({{ sentence }})
{%- endmacro -%}

{#- Share whole amounts over whole weights by largest remainder (Hamilton), exactly.

    Returns a select of all columns of `relation` and `name` (a 128-bit integer). `amount` is
    the same in all rows of a group. Per group: floor(|amount| * w / W) each, then one unit each
    by descending remainder, ties by `key` ascending (UTF-8 bytes); the sign is put back. So
    sum(share) = amount. Where W = 0 the share is NULL: nobody is there to charge.

    |amount| * w may not fit 128 bits, hence |amount| = q * W + r and
    |amount| * w / W = q * w + r * w / W. That needs W < 10^19, more overflows loudly.

    relation  name of a CTE or table      group, key  lists of its columns
    name  of the new column
    amount, weight  columns of whole numbers (any type); a weight < 0 stops the build -#}
{%- macro largest_remainder(relation, amount, weight, group, key, name='share') -%}
{%- set groups = group | join(', ') -%}
select
    * exclude (lr_amount, lr_weight, lr_total, lr_floor, lr_rest, lr_left, lr_place),
    sign(lr_amount)
    * (lr_floor + case when lr_place <= lr_left then 1 else 0 end) as {{ name }}
from (
    select
        *,
        abs(lr_amount) - sum(lr_floor) over (partition by {{ groups }}) as lr_left,
        row_number() over (
            partition by {{ groups }}
            order by lr_rest desc, {{ key | join(', ') }}
        ) as lr_place
    from (
        select
            *,
            {{ divide('abs(lr_amount)', 'lr_total') }} * lr_weight
            + {{ divide('(abs(lr_amount) % lr_total) * lr_weight', 'lr_total') }}
                as lr_floor,
            ((abs(lr_amount) % lr_total) * lr_weight) % lr_total as lr_rest
        from (
            select
                *,
                nullif(sum(lr_weight) over (partition by {{ groups }}), 0) as lr_total
            from (
                select
                    *,
                    {{ integer(amount) }} as lr_amount,
                    case
                        when {{ weight }} >= 0 then {{ integer(weight) }}
                        else {{ stop("'A weight of an allocation is negative or NULL: '
                            || coalesce(cast(" ~ weight ~ " as varchar), 'NULL')") }}
                    end as lr_weight
                from {{ relation }}
            )
        )
    )
)
{%- endmacro -%}

{#- The greatest common divisor of two whole numbers >= 0 that are not both 0. -#}
{%- macro common_divisor(left, right) -%}
gcd({{ left }}, {{ right }})
{%- endmacro -%}

{#- Units of 10^-18 of a decimal(38,18); in two parts, because the whole would not fit one. -#}
{%- macro atto_units(amount) -%}
(
    cast(trunc({{ amount }}) as hugeint) * cast(1000000000000000000 as hugeint)
    + cast(({{ amount }} - trunc({{ amount }})) * 1000000000000000000 as hugeint)
)
{%- endmacro -%}

{#- Share whole amounts in two, part : total - part, by largest remainder, exactly, where the
    weights are too wide for `largest_remainder` (totals below 8 * 10^31). The tie goes to the
    part. Returns a select of all columns of `relation` and `name`, the part's share.

    A long division: the digits of |amount| to the base 10^6 come down one by one, and what is
    left of each step stays below the total. -#}
{%- macro split_in_two(relation, amount, part, total, name) -%}
{%- set million = 'cast(1000000 as hugeint)' -%}
select
    * exclude (wide_amount, wide_part, wide_total, wide_whole, wide_rest),
    sign(wide_amount)
    * (
        wide_whole
        + case
            when wide_rest > 0 and wide_rest >= wide_total - wide_rest then 1 else 0
        end
    ) as {{ name }}
from (
    {%- for power in [0, 6, 12, 18] %}
    select
        * exclude (wide_whole, wide_rest, wide_step),
        wide_whole * {{ million }} + {{ divide('wide_step', 'wide_total') }} as wide_whole,
        wide_step % wide_total as wide_rest
    from (
        select
            *,
            wide_rest * {{ million }}
            + {{ divide('abs(wide_amount)', integer('1' ~ '0' * power)) }}
            {%- if power < 18 %} % {{ million }}{% endif %} * wide_part as wide_step
        from (
    {%- endfor %}
            select
                *,
                {{ integer(amount) }} as wide_amount,
                {{ integer(part) }} as wide_part,
                {{ integer(total) }} as wide_total,
                cast(0 as hugeint) as wide_whole,
                cast(0 as hugeint) as wide_rest
            from {{ relation }}
    {%- for power in [0, 6, 12, 18] %}
        )
    )
    {%- endfor %}
)
{%- endmacro -%}
