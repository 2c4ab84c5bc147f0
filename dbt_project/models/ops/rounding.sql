with

charges as (

    select * from {{ ref('int_charges_completed') }}

    where origin = 'bill' and {{ in_scope('day') }}

),

measured as (

    select
        account_id,
        day,
        'billed' as measure,
        billed_cost as amount,
        billed_rounded as rounded

    from charges

    union all

    select
        account_id,
        day,
        'effective' as measure,
        effective_cost as amount,
        effective_rounded as rounded

    from charges

    union all

    select
        account_id,
        day,
        'list' as measure,
        list_cost as amount,
        list_rounded as rounded

    from charges

),

summed as (

    select
        account_id,
        day,
        measure,
        sum(amount - cast(rounded as decimal(38, 18))) as residual

    from measured

    where amount is not null

    group by account_id, day, measure

)

select
    account_id,
    day,
    measure,
    cast(residual as decimal(38, 18)) as residual

from summed
