with

versions as (

    select * from {{ ref('stg_tickets__tickets') }}

),

-- the system's own order decides, never the order of arrival
current_versions as (

    select * from versions

    qualify
        row_number() over (
            partition by ticket_id
            order by
                version_number desc nulls last,
                updated_at desc nulls last,
                _source_row desc,
                _source_file desc
        ) = 1

),

read_by_system as (

    select
        *,
        case
            when source_system = 'zendesk'
                then ticket_status in ('solved', 'closed')
            when source_system = 'servicenow'
                then ticket_status in ('resolved', 'closed', 'canceled', 'cancelled')
            when source_system = 'jira' then status_category = 'done'
            else ticket_status in ('solved', 'resolved', 'closed', 'done')
        end as is_ended_by_status,
        case
            when source_system = 'servicenow'
                then ticket_status in ('resolved', 'closed')
            when source_system = 'jira'
                then
                    resolution is not null
                    and resolution not in (
                        'won''t do',
                        'won''t fix',
                        'wont do',
                        'wont fix',
                        'duplicate',
                        'cannot reproduce',
                        'declined',
                        'rejected',
                        'invalid',
                        'incomplete',
                        'abandoned',
                        'canceled',
                        'cancelled'
                    )
            else true
        end as is_success_by_status

    from current_versions

),

ended as (

    select
        *,
        coalesce(is_ended_by_status, false) as is_ended,

        -- some exports stamp final times on early rows, so only an ended ticket has one
        case
            when is_ended_by_status
                then coalesce(resolved_at, closed_at, updated_at, created_at)
        end as ended_at,

        -- the count carries no time: every reopening counts as one inside the window
        coalesce(reopen_count, 0) > 0 as is_reopened,

        -- Zendesk's own one-touch: solved with fewer than two replies of the desk; no
        -- other export here has a number of its own
        case
            when source_system = 'zendesk' and is_ended_by_status
                then reply_count < 2
        end as is_one_touch

    from read_by_system

)

select
    ticket_id,
    task_id,
    agent_id,
    requester_id,
    follow_up_of_ticket_id,
    source_system,
    ticket_status,
    task_type,
    department,
    channel,
    user_group,
    priority,
    initiated_by,
    failure_reason,
    reviewer_kind,
    rubric_version,
    reopen_count,
    human_minutes,
    satisfaction,
    direct_value,
    avoided_loss,
    capital_allocated,
    sampling_probability,
    is_success as is_success_by_mapping,
    coalesce(is_success, is_ended and is_success_by_status) as is_success,
    is_escalated as is_escalated_by_mapping,
    is_excluded,
    is_auto_closed,
    is_rejected,
    is_hallucination,
    is_random,
    is_person_assigned,
    is_ended,
    is_reopened,
    is_one_touch,
    created_at,
    first_response_at,
    resolved_at,
    closed_at,
    ended_at,
    updated_at,
    reviewed_at,
    _load_id,
    _source_file,
    _source_row

from ended
