with

charges as (

    select * from {{ ref('int_charges_classified') }}

),

skus as (

    select * from {{ ref('int_skus_named_by_model') }}

),

fx_rates as (

    select
        day,
        currency,
        rate

    from {{ ref('int_fx_rates_dated') }}

),

-- the longest name wins: "omni-mini" is not a kind of "omni"
models as (

    select
        charges.charge_id,
        skus.model

    from charges

    inner join skus
        on
            charges.cost_class = 'token_api'
            and charges.provider = skus.provider
            and charges.sku_price_details is not distinct from skus.sku_price_details
            and charges.sku_meter is not distinct from skus.sku_meter
            and charges.sku_id is not distinct from skus.sku_id
            and {{ is_valid('skus', 'charges.charge_start_day') }}

    qualify
        row_number() over (
            partition by charges.charge_id
            order by
                skus.place asc,
                skus.is_own_alias desc,
                length(skus.model_version) desc,
                skus.model_version asc,
                skus.model asc
        ) = 1

),

dated as (

    select
        charges.*,
        models.model,
        {{ each_day('charges.charge_start_day', 'charges.charge_last_day') }} as day,
        {{ nano_units('charges.billed_cost') }} as billed_nano,
        {{ nano_units('charges.effective_cost') }} as effective_nano,
        {{ nano_units('charges.list_cost') }} as list_nano,
        {{ nano_units('charges.consumed_quantity') }} as quantity_nano

    from charges

    left join models on charges.charge_id = models.charge_id

),

-- a charge without length lies on one day and weighs what it likes
timed as (

    select
        *,
        case
            when charge_start_day = charge_last_day then 1
            else
                {{ microseconds_between(
                    'greatest(charge_start_at, ' ~ day_starts_at('day') ~ ')',
                    'least(charge_end_at, '
                    ~ day_starts_at(days_after('day', 1)) ~ ')'
                ) }}
        end as day_microseconds

    from dated

),

billed as (

    {{ largest_remainder(
        'timed', 'billed_nano', 'day_microseconds', ['charge_id'], ['day'],
        name='billed_share'
    ) }}

),

effective as (

    {{ largest_remainder(
        'billed', 'effective_nano', 'day_microseconds', ['charge_id'], ['day'],
        name='effective_share'
    ) }}

),

listed as (

    {{ largest_remainder(
        'effective', 'list_nano', 'day_microseconds', ['charge_id'], ['day'],
        name='list_share'
    ) }}

),

consumed as (

    {{ largest_remainder(
        'listed', 'quantity_nano', 'day_microseconds', ['charge_id'], ['day'],
        name='quantity_share'
    ) }}

),

-- what is smaller than a nano-unit stays whole, on the longest day
ranked as (

    select
        *,
        row_number() over (
            partition by charge_id
            order by day_microseconds desc, day asc
        ) = 1 as is_longest_day

    from consumed

),

-- where the chosen column is empty the other one stands in, and the row says so
measured as (

    select
        *,
        coalesce(
            {{ var('cost_measure') }}_share, effective_share, billed_share
        ) as cost_share,
        {{ var('cost_measure') }}_cost is null as is_stand_in

    from ranked

),

converted as (

    select
        measured.*,
        case
            when measured.billing_currency = '{{ var("reporting_currency") }}'
                then 1
            when fx_rates.rate is not null then fx_rates.rate
            when measured.cost_share <> 0 or measured.list_share <> 0
                then {{ stop(
                    "'fx_rates.csv has no rate from ' || measured.billing_currency || ' to "
                    ~ var('reporting_currency') ~ " on ' || cast(measured.day as varchar)"
                    ~ " || ': add the line'"
                ) }}
        end as rate

    from measured

    left join fx_rates
        on
            measured.day = fx_rates.day
            and measured.billing_currency = fx_rates.currency

    -- a training run is capitalised from all its days, whichever are built
    where {{ in_scope('measured.day') }} or measured.run_id is not null

)

select
    charge_id,
    day,
    provider,
    account_id,
    sub_account_id,
    invoice_id,
    resource_id,
    resource_name,
    sku_id,
    run_id,
    charge_category,
    charge_class,
    cost_class,
    service_category,
    service_name,
    consumed_unit,
    commitment_discount_status,
    billing_currency,
    model,
    tags,
    billing_period_start,
    billing_period_end,
    charge_start_at,
    charge_end_at,
    {{ exact_part('billed_cost', 'billed_share', 'is_longest_day') }} as billed_cost,
    {{ exact_part('effective_cost', 'effective_share', 'is_longest_day') }}
        as effective_cost,
    {{ exact_part('list_cost', 'list_share', 'is_longest_day') }} as list_cost,
    {{ exact_part('consumed_quantity', 'quantity_share', 'is_longest_day') }}
        as consumed_quantity,
    {{ money_of_nano('billed_share') }} as billed_rounded,
    {{ money_of_nano('effective_share') }} as effective_rounded,
    {{ money_of_nano('list_share') }} as list_rounded,
    {{ money_of_nano('cost_share') }} as billing_cost,
    case
        when cost_share = 0 then {{ money_of_nano('0') }}
        else {{ money_of_nano(convert_nano('cost_share', 'rate')) }}
    end as cost,
    case
        when billing_currency = '{{ var("reporting_currency") }}'
            then {{ exact_part('list_cost', 'list_share', 'is_longest_day') }}
        when list_share = 0 then 0
        else
            cast(
                {{ money_of_nano(convert_nano('list_share', 'rate')) }}
                as decimal(38, 18)
            )
    end as converted_list_cost,
    case when is_stand_in then 'mixed' else 'billed' end as cost_basis,
    _load_id,
    _source_file,
    _source_row

from converted
