{#- Rules that people write (cost classes, allocation rules, training runs) name a column of
    the bill and a pattern. A column is a FOCUS name (ServiceCategory), a tag (tag:KEY or
    Tags.KEY), `resource` or `account`, or any column that FOCUS does not name (x_Team). -#}

{#- FOCUS name in lower case → our column. -#}
{%- macro focus_names() -%}
{{ return({
    'account': 'account_id',
    'billingaccountid': 'account_id',
    'billingaccountname': 'account_name',
    'billingcurrency': 'billing_currency',
    'chargecategory': 'charge_category',
    'chargeclass': 'charge_class',
    'chargedescription': 'charge_description',
    'chargefrequency': 'charge_frequency',
    'commitmentdiscountid': 'commitment_discount_id',
    'commitmentdiscountstatus': 'commitment_discount_status',
    'consumedunit': 'consumed_unit',
    'invoiceid': 'invoice_id',
    'invoiceissuer': 'invoice_issuer_name',
    'invoiceissuername': 'invoice_issuer_name',
    'pricingcategory': 'pricing_category',
    'pricingunit': 'pricing_unit',
    'provider': 'provider_name',
    'providername': 'provider_name',
    'publisher': 'publisher_name',
    'publishername': 'publisher_name',
    'regionid': 'region_id',
    'resource': 'resource_id',
    'resourceid': 'resource_id',
    'resourcename': 'resource_name',
    'resourcetype': 'resource_type',
    'servicecategory': 'service_category',
    'servicename': 'service_name',
    'serviceprovidername': 'provider_name',
    'servicesubcategory': 'service_subcategory',
    'skuid': 'sku_id',
    'skumeter': 'sku_meter',
    'skupriceid': 'sku_price_id',
    'subaccountid': 'sub_account_id',
    'subaccountname': 'sub_account_name',
}) }}
{%- endmacro -%}

{#- The columns of a billing line as staging has them. -#}
{%- macro line_columns() -%}
{{ return([
    'line_key', 'period_key', 'account_id', 'sub_account_id',
    'invoice_id', 'resource_id', 'sku_id', 'sku_price_id',
    'commitment_discount_id', 'provider_name', 'publisher_name', 'invoice_issuer_name',
    'account_name', 'sub_account_name', 'charge_category', 'charge_class',
    'charge_description', 'charge_frequency', 'resource_name', 'resource_type',
    'region_id', 'service_category', 'service_subcategory', 'service_name',
    'sku_meter', 'sku_price_details', 'pricing_category', 'pricing_unit',
    'consumed_unit', 'commitment_discount_status', 'billing_currency', 'tags',
    'extra', 'consumed_quantity', 'billed_cost', 'effective_cost',
    'list_cost', 'billing_period_start', 'billing_period_end', 'charge_start_at',
    'charge_end_at', 'charge_start_day', 'charge_last_day', '_load_id',
    '_source_file', '_source_row'
]) }}
{%- endmacro -%}

{#- What a charge has in the column that a rule names; NULL where it has nothing. -#}
{%- macro focus_value(charges, rule_column) -%}
case
    when lower({{ rule_column }}) like 'tag:%'
        then {{ json_text(charges ~ '.tags', 'trim(substr(' ~ rule_column ~ ', 5))') }}
    when lower({{ rule_column }}) like 'tags.%'
        then {{ json_text(charges ~ '.tags', 'trim(substr(' ~ rule_column ~ ', 6))') }}
    {%- for name, column in focus_names().items() %}
    when lower({{ rule_column }}) = '{{ name }}' then {{ charges }}.{{ column }}
    {%- endfor %}
    else {{ json_text(charges ~ '.extra', rule_column) }}
end
{%- endmacro -%}

{#- The text under a key of a JSON object. -#}
{%- macro json_text(object, key) -%}
json_extract_string({{ object }}, '$."' || {{ key }} || '"')
{%- endmacro -%}

{#- True when a value is the pattern; in a pattern * stands for any text and ? for one sign. -#}
{%- macro matches_pattern(value, pattern) -%}
{{ value }} like replace(replace(replace(replace(replace(
    {{ pattern }}, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%'), '?', '_'
) escape '\'
{%- endmacro -%}

{#- A text in lower case, its words apart by one blank, with a blank at both ends. -#}
{%- macro words(text) -%}
' ' || trim(regexp_replace(lower({{ text }}), '[^a-z0-9._-]+', ' ', 'g')) || ' '
{%- endmacro -%}

{#- How many tokens one unit of a ConsumedUnit is ("Tokens", "1K Tokens", "1M output tokens",
    "1,000 tokens"); NULL where it counts something else. -#}
{%- macro tokens_per_unit(unit) -%}
{%- set parts -%}
regexp_extract(
    lower(trim({{ unit }})),
    '^([0-9][0-9,]*)?\s*(?:(k|kilo|thousand|m|mega|million)\b\s*)?(?:[a-z]+\s+)?([km]?)tokens?$',
{%- endset -%}
case
    when
        regexp_matches(
            lower(trim({{ unit }})),
            '^([0-9][0-9,]*)?\s*(?:(k|kilo|thousand|m|mega|million)\b\s*)?(?:[a-z]+\s+)?([km]?)tokens?$'
        )
        then
            coalesce(
                try_cast(replace({{ parts }} 1), ',', '') as bigint), 1
            )
            * case
                when {{ parts }} 2) in ('k', 'kilo', 'thousand') then 1000
                when {{ parts }} 2) in ('m', 'mega', 'million') then 1000000
                when {{ parts }} 3) = 'k' then 1000
                when {{ parts }} 3) = 'm' then 1000000
                else 1
            end
end
{%- endmacro -%}
