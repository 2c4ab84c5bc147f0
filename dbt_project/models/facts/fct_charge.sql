with

charges as (

    select * from {{ ref('int_charges_completed') }}

),

-- an agent is a charge's own only where the rules give it all of it
owners as (

    select
        charge_id,
        day,
        max(agent_id) as agent_id

    from {{ ref('int_charges_matched_to_rules') }}

    group by charge_id, day

    having count(*) = 1 and max(share_billionths) >= 1000000000

),

owned as (

    select
        charges.*,
        owners.agent_id

    from charges

    left join owners
        on
            charges.charge_id = owners.charge_id
            and charges.day = owners.day

    where {{ in_scope('charges.day') }}

)

select
    charge_id,
    day,
    provider,
    account_id,
    sub_account_id,
    billing_period_start,
    billing_period_end,
    invoice_id,
    charge_category,
    charge_class,
    cost_class,
    service_category,
    service_name,
    resource_id,
    sku_id,
    charge_start_at,
    charge_end_at,
    model,
    agent_id,
    run_id,
    consumed_quantity,
    consumed_unit,
    commitment_discount_status,
    tags,
    billed_cost,
    effective_cost,
    list_cost,
    billing_cost,
    cost,
    cost_basis,
    '{{ var("reporting_currency") }}' as currency,
    billing_currency,
    origin,
    _load_id,
    _source_file,
    _source_row,
    {{ transform_run_id('owned.day') }} as _transform_run_id

from owned
