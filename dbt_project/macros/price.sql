{#- Σ tokens × rate per million, rounded once to nano-units, half away from zero.

    `terms` are (tokens, rate) pairs of SQL. The sum is exact: (19,0) × (18,9) fits (38,9),
    and a millionth of it fits (38,15). A term whose bucket is empty adds 0 even where the
    bucket has no rate; a term with tokens and no rate makes the whole cost NULL. -#}
{%- macro priced(terms) -%}
cast(
    (
    {%- for tokens, rate in terms %}
        case
            when {{ tokens }} = 0 then cast(0 as decimal(37, 9))
            else
                cast({{ tokens }} as decimal(19, 0))
                * cast({{ rate }} as decimal(18, 9))
        end
        {%- if not loop.last %} +{% endif %}
    {%- endfor %}
    ) * cast('0.000001' as decimal(7, 6))
    as decimal(38, 9)
)
{%- endmacro -%}
