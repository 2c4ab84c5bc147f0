-- Fails for each billing line, all of whose days are built, whose days do not add up
-- to the export's own amounts at their own scale.
with

days as (

    select
        charge_id,
        count(*) as days,
        sum(billed_cost) as billed_cost,
        sum(effective_cost) as effective_cost,
        sum(list_cost) as list_cost,
        sum(consumed_quantity) as consumed_quantity

    from {{ ref('fct_charge') }}

    where origin = 'bill'

    group by charge_id

),

lines as (

    select
        *,
        {{ days_between('charge_start_day', 'charge_last_day') }} + 1 as days

    from {{ ref('int_charges_kept_current') }}

)

select lines.charge_id

from lines

inner join days
    on
        lines.charge_id = days.charge_id
        and lines.days = days.days

where
    lines.billed_cost is distinct from days.billed_cost
    or lines.effective_cost is distinct from days.effective_cost
    or lines.list_cost is distinct from days.list_cost
    or lines.consumed_quantity is distinct from days.consumed_quantity
