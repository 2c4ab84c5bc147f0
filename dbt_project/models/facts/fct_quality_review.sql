with

reviews as (

    select * from {{ ref('int_reviews_ranked') }}

),

tasks as (

    select
        task_id,
        agent_id,
        model_version,
        task_type,
        day

    from {{ ref('int_tasks') }}

    where {{ in_scope('day') }}

),

-- a review counts on the day of the output, not on that of the review
placed as (

    select
        reviews.*,
        tasks.agent_id as task_agent_id,
        tasks.model_version,
        tasks.task_type,
        tasks.day

    from reviews

    inner join tasks on reviews.task_id = tasks.task_id

)

select
    review_id,
    task_id,
    task_agent_id as agent_id,
    model_version,
    task_type,
    day,
    reviewed_at,
    reviewer_kind,
    evaluator_id,
    is_hallucination,
    is_random,
    sampling_probability,
    rubric_version,
    is_latest,
    _load_id,
    _source_file,
    _source_row,
    {{ transform_run_id('placed.day') }} as _transform_run_id

from placed
