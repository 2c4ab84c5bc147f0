with

tickets as (

    select * from {{ ref('int_tickets_reduced_to_current') }}

    where not is_excluded

),

returns as (

    select * from {{ ref('int_tickets_matched_to_return') }}

),

actions as (

    select * from {{ ref('int_actions_summed_to_task_agent') }}

),

reviews as (

    select * from {{ ref('int_reviews_ranked') }}

),

agents as (

    select
        agent_id,
        department,
        valid_from,
        valid_to

    from {{ ref('dim_agent') }}

),

-- of several tickets with one correlation id the newest says how the task stands
newest_tickets as (

    select
        tickets.*,
        coalesce(returns.is_followed_up, false) as is_followed_up,
        coalesce(returns.is_contacted_again, false) as is_contacted_again

    from tickets

    left join returns on tickets.ticket_id = returns.ticket_id

    qualify
        row_number() over (
            partition by tickets.task_id
            order by tickets.created_at desc nulls last, tickets.ticket_id desc
        ) = 1

),

-- a person who helped on any of them helped on the task
ticket_sums as (

    select
        task_id,
        sum(human_minutes) as ticket_minutes,
        bool_or(is_person_assigned) as is_person_assigned,
        bool_or(is_escalated_by_mapping) as is_escalated_by_mapping

    from tickets

    group by task_id

),

action_sums as (

    select
        task_id,
        cast(sum(actions) as bigint) as actions,
        cast(sum(unpriced_calls) as bigint) as unpriced_calls,
        cast(sum(tokens) as bigint) as tokens,
        cast(sum(priced_cost) as decimal(38, 9)) as priced_cost,
        cast(sum(cpu_microseconds) as bigint) as cpu_microseconds,
        max(peak_memory_bytes) as peak_memory_bytes,
        cast(sum(received_bytes) as bigint) as received_bytes,
        cast(sum(sent_bytes) as bigint) as sent_bytes,
        min(first_action_at) as first_action_at,
        max(last_action_at) as last_action_at,
        min_by(
            initiated_by,
            row(first_action_at, agent_id, model_version)
        ) as initiated_by,
        bool_or(has_retrieval) as has_retrieval,
        bool_or(is_approved_by_human) as is_approved_by_human,

        -- one agent is no ensemble, and nobody knows whether an unnamed one is another
        case
            when
                count(distinct agent_id) filter (where agent_id <> '__unknown__')
                > 1
                then
                    string_agg(distinct agent_id, '+' order by agent_id)
                    filter (where agent_id <> '__unknown__')
        end as ensemble_id,
        min_by(_load_id, agent_id || model_version) as _load_id,
        min_by(_source_file, agent_id || model_version) as _source_file,
        min_by(_source_row, agent_id || model_version) as _source_row

    from actions

    group by task_id

),

-- the agent of the last model call, else of most priced usage, else of most tokens,
-- ties by name
final_responders as (

    select
        task_id,
        agent_id,
        model_version,
        model_registry_version,
        feature_version

    from actions

    qualify
        row_number() over (
            partition by task_id
            order by
                last_model_call_at desc nulls last,
                priced_cost desc nulls last,
                tokens desc,
                agent_id asc,
                model_version asc
        ) = 1

),

review_sums as (

    select
        task_id,
        max(agent_id) filter (where is_latest) as agent_id,
        max(reviewed_at) as reviewed_at,
        min(reviewed_at) as first_reviewed_at,
        bool_or(reviewer_kind = 'human') as is_human_reviewed,
        bool_or(is_hallucination) filter (
            where reviewer_kind = 'human' and is_latest_of_kind
        ) as is_hallucination,
        bool_or(is_random) filter (
            where reviewer_kind = 'human' and is_latest_of_kind
        ) as is_random_review,
        max(sampling_probability) filter (
            where reviewer_kind = 'human' and is_latest_of_kind
        ) as sampling_probability,
        max(evaluator_id) filter (
            where reviewer_kind = 'evaluator' and is_latest_of_kind
        ) as evaluator_id,
        bool_or(is_hallucination) filter (
            where reviewer_kind = 'evaluator' and is_latest_of_kind
        ) as evaluator_verdict,
        min_by(_load_id, review_id) as _load_id,
        min_by(_source_file, review_id) as _source_file,
        min_by(_source_row, review_id) as _source_row

    from reviews

    group by task_id

),

-- a task is whatever anything knows of: a ticket, actions, a review
task_ids as (

    select task_id from newest_tickets

    union distinct

    select task_id from action_sums

    union distinct

    select task_id from review_sums

),

joined as (

    select
        task_ids.task_id,
        newest_tickets.ticket_id,
        newest_tickets.requester_id,
        newest_tickets.source_system,
        newest_tickets.failure_reason,
        newest_tickets.direct_value,
        newest_tickets.avoided_loss,
        newest_tickets.capital_allocated,
        newest_tickets.is_success_by_mapping,
        newest_tickets.satisfaction,
        newest_tickets.first_response_at,
        newest_tickets.ended_at,
        ticket_sums.ticket_minutes,
        review_sums.evaluator_id,
        review_sums.evaluator_verdict,
        review_sums.sampling_probability,
        action_sums.priced_cost,
        action_sums.cpu_microseconds,
        action_sums.peak_memory_bytes,
        action_sums.received_bytes,
        action_sums.sent_bytes,
        final_responders.model_registry_version,
        final_responders.feature_version,
        action_sums.is_approved_by_human,
        action_sums.ensemble_id,

        -- who answers for it
        coalesce(
            nullif(final_responders.agent_id, '__unknown__'),
            newest_tickets.agent_id,
            review_sums.agent_id,
            case when action_sums.task_id is null then '__human__' end,
            '__unknown__'
        ) as agent_id,
        coalesce(final_responders.model_version, '__unknown__') as model_version,
        coalesce(newest_tickets.task_type, '__unknown__') as task_type,
        coalesce(newest_tickets.user_group, '__unknown__') as user_group,
        newest_tickets.department as ticket_department,
        coalesce(newest_tickets.channel, '__unknown__') as channel,
        coalesce(
            nullif(newest_tickets.initiated_by, '__unknown__'),
            action_sums.initiated_by,
            '__unknown__'
        ) as initiated_by,

        ---------- booleans
        newest_tickets.task_id is not null as has_ticket,
        coalesce(action_sums.has_retrieval, false) as has_retrieval,
        coalesce(newest_tickets.is_ended, false) as is_ticket_ended,
        coalesce(newest_tickets.is_success, false) as is_success_by_ticket,
        coalesce(newest_tickets.is_reopened, false) as is_reopened,
        newest_tickets.is_one_touch,
        coalesce(newest_tickets.is_followed_up, false) as is_followed_up,
        coalesce(newest_tickets.is_contacted_again, false) as is_contacted_again,
        coalesce(newest_tickets.is_rejected, false) as is_rejected,
        coalesce(newest_tickets.is_auto_closed, false) as is_auto_closed,
        coalesce(ticket_sums.is_person_assigned, false) as is_person_assigned,
        ticket_sums.is_escalated_by_mapping,
        coalesce(review_sums.is_human_reviewed, false) as is_human_reviewed,
        coalesce(review_sums.is_hallucination, false) as is_hallucination,
        review_sums.is_random_review,

        ---------- numbers
        coalesce(action_sums.actions, 0) as actions,
        coalesce(action_sums.unpriced_calls, 0) as unpriced_calls,
        coalesce(action_sums.tokens, 0) as tokens,

        ---------- timestamps (UTC)
        coalesce(
            newest_tickets.created_at,
            action_sums.first_action_at,
            review_sums.first_reviewed_at
        ) as created_at,
        coalesce(
            newest_tickets.ended_at,
            newest_tickets.updated_at,
            newest_tickets.created_at,
            action_sums.last_action_at,
            review_sums.reviewed_at
        ) as last_update_at,

        ---------- lineage
        coalesce(
            newest_tickets._load_id, action_sums._load_id, review_sums._load_id
        ) as _load_id,
        coalesce(
            newest_tickets._source_file,
            action_sums._source_file,
            review_sums._source_file
        ) as _source_file,
        coalesce(
            newest_tickets._source_row,
            action_sums._source_row,
            review_sums._source_row
        ) as _source_row

    from task_ids

    left join newest_tickets on task_ids.task_id = newest_tickets.task_id

    left join ticket_sums on task_ids.task_id = ticket_sums.task_id

    left join action_sums on task_ids.task_id = action_sums.task_id

    left join final_responders on task_ids.task_id = final_responders.task_id

    left join review_sums on task_ids.task_id = review_sums.task_id

),

dated as (

    select
        *,
        {{ reporting_day('last_update_at') }} as day,
        {{ reporting_day('created_at') }} as created_day,
        {{ reporting_day('ended_at') }} as resolved_day,
        agent_id <> '__human__' as has_agent

    from joined

),

judged as (

    select
        *,

        -- nobody is waiting any more
        has_ticket
        and not is_ticket_ended
        and {{ days_after('created_day', var('open_timeout_days')) }}
        < {{ as_of() }} as is_timed_out,

        -- a hand-over is one from an agent to a person, never the other way
        has_agent
        and coalesce(is_escalated_by_mapping, is_person_assigned) as is_escalated

    from dated

),

placed as (

    select
        judged.*,
        coalesce(judged.ticket_department, agents.department, '__unknown__')
            as department

    from judged

    left join agents
        on
            judged.agent_id = agents.agent_id
            and {{ is_valid('agents', 'judged.day') }}

)

select * from placed
