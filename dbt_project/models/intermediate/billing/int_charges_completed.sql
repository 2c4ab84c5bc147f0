-- what is on no bill lacks a bill's columns, and has NULL in them
-- noqa: disable=AM07
with

days as (

    select * from {{ ref('int_charges_split_to_days') }}

    where {{ in_scope('day') }}

),

estimates as (

    select * from {{ ref('int_usage_estimated_by_traces') }}

),

carried as (

    select * from {{ ref('int_training_runs_carried_to_day') }}

),

billed as (

    select
        charge_id,
        day,
        'bill' as origin,
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
        cast(null as varchar) as stated_by,
        cast(null as varchar) as model_version,
        tags,
        billing_period_start,
        billing_period_end,
        charge_start_at,
        charge_end_at,
        consumed_quantity,
        billed_cost,
        effective_cost,
        list_cost,
        billed_rounded,
        effective_rounded,
        list_rounded,
        billing_cost,
        cost,
        cost_basis,
        _load_id,
        _source_file,
        _source_row

    from days

),

estimated as (

    select
        charge_id,
        day,
        'estimate' as origin,
        provider,
        '__estimate__' as account_id,
        'Usage' as charge_category,
        cost_class,
        '{{ var("reporting_currency") }}' as billing_currency,
        model,
        stated_by,
        {{ day_starts_at('day') }} as charge_start_at,
        {{ day_starts_at(days_after('day', 1)) }} as charge_end_at,
        cost as billing_cost,
        cost,
        'estimated' as cost_basis

    from estimates

),

movements as (

    select
        'training:' || run_id as charge_id,
        day,
        'amortisation' as origin,
        run_id,
        model_version,
        amortised as cost,
        _load_id,
        _source_file,
        _source_row

    from carried

    union all

    select
        'training:' || run_id || ':write-off' as charge_id,
        day,
        'write_off' as origin,
        run_id,
        model_version,
        written_off as cost,
        _load_id,
        _source_file,
        _source_row

    from carried

),

paid_off as (

    select
        charge_id,
        day,
        origin,
        '__deferred__' as provider,
        '__deferred__' as account_id,
        run_id,
        'Adjustment' as charge_category,
        'training' as cost_class,
        '{{ var("reporting_currency") }}' as billing_currency,
        model_version,
        {{ day_starts_at('day') }} as charge_start_at,
        {{ day_starts_at(days_after('day', 1)) }} as charge_end_at,
        cost as billing_cost,
        cost,
        'billed' as cost_basis,
        _load_id,
        _source_file,
        _source_row

    from movements

    where cost <> 0

)

{{ union_by_name(['billed', 'estimated', 'paid_off']) }}
