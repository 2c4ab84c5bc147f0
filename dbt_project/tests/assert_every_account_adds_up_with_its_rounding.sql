-- Fails for each account, day and measure whose lines, as they stand on the bill, are
-- not the rounded amounts that are allocated plus the residual of ops.rounding.
with

charges as (

    select * from {{ ref('fct_charge') }}

    where origin = 'bill' and cost_basis = 'billed'

),

rounding as (

    select * from {{ ref('rounding') }}

    where measure = '{{ var("cost_measure") }}'

),

summed as (

    select
        account_id,
        day,
        sum({{ var('cost_measure') }}_cost) as exported,
        sum(cast(billing_cost as decimal(38, 18))) as rounded

    from charges

    group by account_id, day

)

select
    summed.account_id,
    summed.day,
    summed.exported,
    summed.rounded,
    rounding.residual

from summed

left join rounding
    on
        summed.account_id = rounding.account_id
        and summed.day = rounding.day

where summed.exported is distinct from summed.rounded + rounding.residual
