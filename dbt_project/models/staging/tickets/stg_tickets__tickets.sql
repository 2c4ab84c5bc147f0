with

source as (

    select * from {{ bronze_rows('tickets', 'tickets') }} as tickets

),

renamed as (

    select

        ---------- ids
        ticket_id,
        coalesce(correlation_id, ticket_id) as task_id,
        agent_id,
        assignee_id,
        requester_id,
        follow_up_of as follow_up_of_ticket_id,

        ---------- strings
        system as source_system,
        lower(status) as ticket_status,
        lower(status_category) as status_category,
        lower(resolution) as resolution,
        coalesce(task_type, '__unknown__') as task_type,
        department,
        coalesce(channel, '__unknown__') as channel,
        coalesce(user_group, '__unknown__') as user_group,
        priority,
        coalesce(initiated_by, '__unknown__') as initiated_by,
        failure_reason,
        coalesce(reviewer_kind, 'human') as reviewer_kind,
        rubric_version,

        ---------- numerics
        version_number,
        reopen_count,
        reassignment_count,
        reply_count,
        human_minutes,
        satisfaction,
        direct_value,
        avoided_loss,
        capital_allocated,
        sampling_probability,

        ---------- booleans
        is_success,
        is_escalated,
        coalesce(is_excluded, false) as is_excluded,
        coalesce(is_auto_closed, false) as is_auto_closed,
        coalesce(is_rejected, false) as is_rejected,
        is_hallucination,
        is_random,
        coalesce(is_person_assigned, assignee_id is not null) as is_person_assigned,

        ---------- timestamps (UTC)
        created_at,
        first_response_at,
        resolved_at,
        closed_at,
        updated_at,
        reviewed_at,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from source

)

select * from renamed
