with

source as (

    select * from {{ bronze_rows('tokens', 'evaluations') }} as evaluations

),

renamed as (

    select

        ---------- ids
        trace_id,
        span_id,
        conversation_id as task_id,
        agent_id,
        evaluator_id,

        ---------- strings
        coalesce(reviewer_kind, 'evaluator') as reviewer_kind,
        rubric_version,

        ---------- numerics
        sampling_probability,

        ---------- booleans
        is_hallucination,
        is_random,

        ---------- timestamps (UTC)
        reviewed_at,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from source

)

select * from renamed
