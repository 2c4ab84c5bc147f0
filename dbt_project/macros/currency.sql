{#- An amount in the reporting currency, at nano-units before and after; NULL without a rate. -#}
{%- macro in_reporting_currency(amount, currency, rate) -%}
case
            when {{ currency }} = '{{ var('reporting_currency') }}'
                then {{ money_of_nano(nano_units(amount)) }}
            else {{ money_of_nano(convert_nano(nano_units(amount), rate)) }}
        end
{%- endmacro -%}

{#- The reporting currency; stops the build with a sentence where a rate is missing. -#}
{%- macro reporting_currency(is_rate_missing, currency, day) -%}
case
        when {{ is_rate_missing }}
            then {{ stop(
                "'fx_rates.csv has no rate from ' || " ~ currency ~ " || ' to "
                ~ var('reporting_currency') ~ " on ' || cast(" ~ day
                ~ " as varchar) || ': add the line'"
            ) }}
        else '{{ var('reporting_currency') }}'
    end
{%- endmacro -%}

{#- Rows of a reference file with an amount of theirs in the reporting currency, at the
    rate of their own day: a select over `rows`, an earlier CTE with `native_currency` and
    `fx_rates`. Adds `reported_<amount>` and `is_rate_missing`, for
    `reporting_currency` to stop at. -#}
{%- macro converted_from(rows, amount, day) -%}
select
        {{ rows }}.*,
        {{ in_reporting_currency(
            rows ~ '.' ~ amount, rows ~ '.native_currency', 'fx_rates.rate'
        ) }} as reported_{{ amount }},
        {{ rows }}.native_currency <> '{{ var("reporting_currency") }}'
        and fx_rates.rate is null as is_rate_missing

    from {{ rows }}

    left join fx_rates
        on
            {{ rows }}.{{ day }} = fx_rates.day
            and {{ rows }}.native_currency = fx_rates.currency
{%- endmacro -%}
