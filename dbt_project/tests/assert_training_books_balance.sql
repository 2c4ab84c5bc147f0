-- Fails for each training run and day whose balance does not carry over: opening +
-- additions − amortised − written off = closing, and yesterday's closing is today's
-- opening.
with

runs as (

    select
        *,
        lag(closing_balance) over (partition by run_id order by day) as closed_at,
        lag(day) over (partition by run_id order by day) as day_before

    from {{ ref('fct_training_run') }}

),

charged as (

    select
        run_id,
        day,
        sum(cost) filter (where origin = 'bill') as added,
        sum(cost) filter (where origin = 'amortisation') as amortised,
        sum(cost) filter (where origin = 'write_off') as written_off

    from {{ ref('fct_charge') }}

    where run_id is not null

    group by run_id, day

)

select
    runs.run_id,
    runs.day

from runs

left join charged
    on
        runs.run_id = charged.run_id
        and runs.day = charged.day

where
    runs.opening_balance + runs.additions - runs.amortised - runs.written_off
    <> runs.closing_balance
    or (
        runs.day_before = {{ days_after('runs.day', -1) }}
        and runs.closed_at <> runs.opening_balance
    )
    or runs.additions <> coalesce(charged.added, 0)
    or runs.amortised <> coalesce(charged.amortised, 0)
    or runs.written_off <> coalesce(charged.written_off, 0)
