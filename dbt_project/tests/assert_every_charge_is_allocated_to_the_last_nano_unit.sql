-- Fails for each charge and day whose allocated parts do not add up to its cost.
with

charges as (

    select
        charge_id,
        day,
        cost

    from {{ ref('fct_charge') }}

),

allocated as (

    select
        charge_id,
        day,
        cast(sum(allocated_cost) as decimal(38, 9)) as allocated_cost

    from {{ ref('fct_cost_allocation') }}

    group by charge_id, day

)

select
    coalesce(charges.charge_id, allocated.charge_id) as charge_id,
    coalesce(charges.day, allocated.day) as day,
    charges.cost,
    allocated.allocated_cost

from charges

full outer join allocated
    on
        charges.charge_id = allocated.charge_id
        and charges.day = allocated.day

where charges.cost is distinct from allocated.allocated_cost
