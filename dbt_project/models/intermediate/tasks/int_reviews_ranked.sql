with

tickets as (

    select
        ticket_id,
        task_id,
        agent_id,
        reviewer_kind,
        rubric_version,
        is_hallucination,
        is_random,
        sampling_probability,
        coalesce(reviewed_at, updated_at) as reviewed_at,
        _load_id,
        _source_file,
        _source_row

    from {{ ref('int_tickets_reduced_to_current') }}

    where
        is_hallucination is not null
        and not is_excluded

),

evaluations as (

    select * from {{ ref('stg_tokens__evaluations') }}

    where is_hallucination is not null

),

spans as (

    select
        trace_id,
        task_id

    from {{ ref('stg_tokens__spans') }}

    where
        task_id is not null
        and trace_id in (
            select evaluations.trace_id from evaluations
            where evaluations.task_id is null
        )

),

-- an evaluation that names no task belongs to that of its trace, if there is just one
traces as (

    select
        trace_id,
        min(task_id) as task_id

    from spans

    group by trace_id

    having min(task_id) = max(task_id)

),

placed_evaluations as (

    select
        md5(
            coalesce(evaluations.task_id, traces.task_id, '')
            || '|' || coalesce(evaluations.trace_id, '')
            || '|' || coalesce(evaluations.span_id, '')
            || '|' || coalesce(evaluations.evaluator_id, '')
            || '|' || evaluations.reviewer_kind
            || '|' || coalesce(cast(evaluations.reviewed_at as varchar), '')
        ) as review_id,
        coalesce(evaluations.task_id, traces.task_id) as task_id,
        evaluations.agent_id,
        evaluations.reviewer_kind,
        evaluations.evaluator_id,
        evaluations.rubric_version,
        evaluations.is_hallucination,
        evaluations.is_random,
        evaluations.sampling_probability,
        evaluations.reviewed_at,
        evaluations._load_id,
        evaluations._source_file,
        evaluations._source_row

    from evaluations

    left join traces on evaluations.trace_id = traces.trace_id

),

ticket_reviews as (

    select
        md5('ticket|' || ticket_id) as review_id,
        task_id,
        agent_id,
        reviewer_kind,
        cast(null as varchar) as evaluator_id,
        rubric_version,
        is_hallucination,
        is_random,
        sampling_probability,
        reviewed_at,
        _load_id,
        _source_file,
        _source_row

    from tickets

),

reviews as (

    select * from ticket_reviews

    union all

    select * from placed_evaluations

),

-- a review that was delivered again is one review
delivered_once as (

    select * from reviews

    where task_id is not null

    qualify
        row_number() over (
            partition by review_id
            order by _source_row desc, _source_file desc
        ) = 1

),

-- of several, a person's outranks an evaluator's, the later outranks the earlier
ranked as (

    select
        review_id,
        task_id,
        agent_id,
        reviewer_kind,
        evaluator_id,
        rubric_version,
        is_hallucination,
        coalesce(is_random, false) as is_random,
        sampling_probability,
        reviewed_at,
        _load_id,
        _source_file,
        _source_row,
        row_number() over (
            partition by task_id
            order by
                case when reviewer_kind = 'human' then 0 else 1 end asc,
                reviewed_at desc nulls last,
                review_id asc
        ) = 1 as is_latest,
        row_number() over (
            partition by task_id, reviewer_kind
            order by reviewed_at desc nulls last, review_id asc
        ) = 1 as is_latest_of_kind

    from delivered_once

)

select * from ranked
