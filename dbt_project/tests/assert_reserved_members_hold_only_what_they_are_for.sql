-- Fails for each row of a reserved member that is not one of those enumerated here, or
-- that holds what belongs elsewhere: idle fills idle only, what is out of scope is
-- other, what nobody can be charged for says why.
select
    charge_id,
    day,
    agent_id,
    cost_class,
    reason

from {{ ref('fct_cost_allocation') }}

where
    starts_with(agent_id, '__')
    and not coalesce(
        case agent_id
            when '__unallocated__'
                then
                    cost_class <> 'idle'
                    and reason in (
                        'untraced',
                        'no_usage',
                        'no_rule',
                        'zero_amount',
                        'not_sampled',
                        'unmapped_workload'
                    )
            when '__out_of_scope__' then cost_class = 'other'
            when '__deferred__' then cost_class = 'training'
            when '__idle__' then cost_class = 'idle' and reason is not null
            when '__unknown__' then cost_class <> 'idle'
        end,
        false
    )
