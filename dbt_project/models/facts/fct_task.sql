with

tasks as (

    select * from {{ ref('int_tasks') }}

),

clocked as (

    select * from {{ ref('int_tasks_clocked') }}

),

bought_again as (

    select * from {{ ref('int_tasks_bought_again') }}

),

in_scope as (

    select
        tasks.*,
        clocked.business_cycle_microseconds,
        clocked.value_microseconds,
        clocked.handoff_microseconds,
        bought_again.is_redundant

    from tasks

    left join clocked on tasks.task_id = clocked.task_id

    left join bought_again on tasks.task_id = bought_again.task_id

    where {{ in_scope('tasks.day') }}

)

select
    task_id,
    day,
    created_day,
    resolved_day,
    created_at,
    first_response_at,
    ended_at as resolved_at,
    ticket_id,
    source_system,
    agent_id,
    model_version,
    model_registry_version,
    feature_version,
    ensemble_id,
    task_type,
    department,
    channel,
    user_group,
    outcome_class,
    failure_reason,
    failed_by,
    handled_by,
    initiated_by,
    human_equivalent_cost,
    labour_value,
    speed_value,
    direct_value,
    avoided_loss,
    capital_allocated,
    human_cost,
    human_minutes,
    human_minutes_basis,
    cast(inference_microseconds / 1000000.0 as double) as inference_seconds,
    inference_microseconds,
    inference_basis,
    cycle_microseconds,
    cast(
        {{ microseconds_between('created_at', 'first_response_at') }} as bigint
    ) as first_response_microseconds,
    business_cycle_microseconds,
    value_microseconds,
    handoff_microseconds,
    actions,
    unpriced_calls,
    tokens,
    priced_cost,
    cpu_microseconds,
    peak_memory_bytes,
    received_bytes,
    sent_bytes,
    status,
    evidence,
    {{ reporting_currency('is_rate_missing', 'native_currency', 'day') }} as currency,
    baseline_minutes,
    hourly_cost,
    remediation_minutes,
    liability_per_hallucination,
    later_detected_probability,
    is_ended,
    is_output_delivered,
    is_escalated,
    is_reopened,
    is_one_touch,
    is_followed_up,
    is_contacted_again,
    is_redundant,
    is_approved_by_human,
    has_retrieval,
    is_mature,
    is_novel,
    is_human_reviewed,
    is_hallucination,
    evaluator_id,
    evaluator_verdict,
    is_random_review,
    sampling_probability,
    has_speed_value,
    cast(satisfaction as double) as satisfaction,
    _load_id,
    _source_file,
    _source_row,
    {{ transform_run_id('in_scope.day') }} as _transform_run_id

from in_scope
