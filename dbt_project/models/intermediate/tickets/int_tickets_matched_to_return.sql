with

tickets as (

    select
        ticket_id,
        requester_id,
        task_type,
        follow_up_of_ticket_id,
        created_at,
        ended_at

    from {{ ref('int_tickets_reduced_to_current') }}

    where not is_excluded

),

ended as (

    select * from tickets

    where ended_at is not null

),

followed_up as (

    select distinct ended.ticket_id

    from ended

    inner join tickets as later
        on
            ended.ticket_id = later.follow_up_of_ticket_id
            and ended.ended_at <= later.created_at
            and later.created_at < {{ same_time_after(
                'ended.ended_at', var('reopen_window_days')
            ) }}

),

-- the same requester again, on the same kind of task
contacted_again as (

    select distinct ended.ticket_id

    from ended

    inner join tickets as later
        on
            ended.requester_id = later.requester_id
            and ended.task_type = later.task_type
            and ended.task_type <> '__unknown__'
            and ended.ticket_id <> later.ticket_id
            and ended.ended_at <= later.created_at
            and later.created_at < {{ same_time_after(
                'ended.ended_at', var('reopen_window_days')
            ) }}

),

matched as (

    select
        ended.ticket_id,
        followed_up.ticket_id is not null as is_followed_up,
        contacted_again.ticket_id is not null as is_contacted_again

    from ended

    left join followed_up on ended.ticket_id = followed_up.ticket_id

    left join contacted_again on ended.ticket_id = contacted_again.ticket_id

)

select * from matched

where is_followed_up or is_contacted_again
