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
