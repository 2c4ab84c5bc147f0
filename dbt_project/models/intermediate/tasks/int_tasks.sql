with

tasks as (

    select * from {{ ref('int_tasks_joined') }}

),

time_entries as (

    select
        task_id,
        minutes,
        human_cost,
        basis

    from {{ ref('int_time_entries_costed') }}

),

inference as (

    select * from {{ ref('int_model_calls_united_to_task') }}

),

task_types as (

    select * from {{ ref('dim_task_type') }}

),

fx_rates as (

    select
        day,
        currency,
        rate

    from {{ ref('int_fx_rates_dated') }}

),

-- one unknown part makes the whole unknown
human_sums as (

    select
        task_id,
        case
            when count(minutes) = count(*)
                then cast(sum(minutes) as decimal(38, 18))
        end as human_minutes,
        case
            when count(human_cost) = count(*)
                then cast(sum(human_cost) as decimal(38, 9))
        end as human_cost,
        min(basis) as human_minutes_basis

    from time_entries

    group by task_id

),

helped as (

    select
        tasks.*,
        coalesce(human_sums.human_minutes_basis, 'none') as human_minutes_basis,
        case
            when human_sums.task_id is null then cast(0 as decimal(38, 18))
            else human_sums.human_minutes
        end as human_minutes,
        case
            when human_sums.task_id is null then cast(0 as decimal(38, 9))
            else human_sums.human_cost
        end as human_cost,

        -- no model call took no time; one of unknown length took an unknown time
        case
            when inference.task_id is null then 0
            else inference.inference_microseconds
        end as inference_microseconds,
        coalesce(inference.inference_basis, 'none') as inference_basis

    from tasks

    left join human_sums on tasks.task_id = human_sums.task_id

    left join inference on tasks.task_id = inference.task_id

),

-- in order of precedence; the first that holds is the reason
failed as (

    select
        *,
        case
            when not has_ticket then null
            when is_timed_out then 'timed_out'
            when not is_ticket_ended then null
            when is_reopened then 'reopened'
            when is_rejected then 'rejected'
            when is_hallucination then 'hallucinated'
            when not is_success_by_ticket then 'unresolved'
            when is_followed_up then 'followed_up'
            when is_contacted_again then 'contacted_again'
        end as failed_by

    from helped

),

classified as (

    select
        *,
        case
            when not has_ticket then 'unobserved'
            when not is_ticket_ended and not is_timed_out then 'open'
            when failed_by is not null then 'failure'

            -- closed in silence: nobody said that it was solved
            when is_auto_closed and is_success_by_mapping is null
                then 'unconfirmed'

            -- minutes that nobody knows are help all the same
            when
                is_escalated
                or human_minutes is null
                or human_minutes > 0
                or not has_agent
                then 'assisted_success'
            else 'autonomous_success'
        end as outcome_class

    from failed

),

judged as (

    select
        *,
        outcome_class in (
            'autonomous_success', 'assisted_success', 'failure', 'unconfirmed'
        ) as is_ended,
        outcome_class in ('autonomous_success', 'assisted_success') as is_success,
        outcome_class in ('autonomous_success', 'assisted_success')
        or (
            outcome_class = 'failure' and (is_rejected or is_hallucination)
        ) as is_output_delivered,
        case
            when
                has_agent
                and (
                    is_escalated
                    or is_person_assigned
                    or human_minutes is null
                    or human_minutes > 0
                )
                then 'hybrid'
            when has_agent then 'agent'
            else 'human'
        end as handled_by,
        outcome_class <> 'open'
        and {{ days_after('day', var('reopen_window_days')) }}
        <= {{ as_of() }} as is_mature,
        case
            when ended_at is not null
                then {{ microseconds_between('created_at', 'ended_at') }}
        end as cycle_microseconds

    from classified

),

kinds_of_days as (

    select distinct
        task_type,
        day

    from judged

),

-- assumptions as they stood on the task's own day, in the reporting currency: once for
-- each kind of task and day, since exact arithmetic is what costs here
converted as (

    select
        kinds_of_days.task_type,
        kinds_of_days.day,
        task_types.baseline_minutes,
        task_types.baseline_cycle_hours,
        task_types.remediation_minutes,
        task_types.later_detected_probability,
        task_types.is_novel,
        task_types.basis,
        task_types.currency,
        fx_rates.rate as fx_rate,
        {{ in_reporting_currency(
            'task_types.hourly_cost', 'task_types.currency', 'fx_rates.rate'
        ) }} as hourly_cost,
        {{ in_reporting_currency(
            'task_types.delay_cost_per_hour', 'task_types.currency', 'fx_rates.rate'
        ) }} as delay_cost_per_hour,
        {{ in_reporting_currency(
            'task_types.liability_per_hallucination',
            'task_types.currency',
            'fx_rates.rate'
        ) }} as liability_per_hallucination

    from kinds_of_days

    inner join task_types
        on
            kinds_of_days.task_type = task_types.task_type
            and {{ is_valid('task_types', 'kinds_of_days.day') }}

    left join fx_rates
        on
            kinds_of_days.day = fx_rates.day
            and task_types.currency = fx_rates.currency

),

assumptions as (

    select
        *,
        {{ worth_of_minutes('baseline_minutes', 'hourly_cost') }} as baseline_worth,
        {{ nano_units('baseline_minutes') }} as baseline_nano_minutes,
        {{ nano_units('baseline_cycle_hours') }} as baseline_nano_hours,
        {{ nano_units('hourly_cost') }} as nano_hourly_cost,
        {{ nano_units('delay_cost_per_hour') }} as nano_delay_cost

    from converted

),

assumed as (

    select
        judged.*,
        assumptions.baseline_minutes,
        assumptions.baseline_cycle_hours,
        assumptions.remediation_minutes,
        assumptions.later_detected_probability,
        assumptions.basis,
        assumptions.fx_rate,
        assumptions.hourly_cost,
        assumptions.delay_cost_per_hour,
        assumptions.liability_per_hallucination,
        assumptions.baseline_worth,
        assumptions.baseline_nano_minutes,
        assumptions.baseline_nano_hours,
        assumptions.nano_hourly_cost,
        assumptions.nano_delay_cost,
        assumptions.task_type is not null as has_task_type,
        coalesce(assumptions.is_novel, false) as is_novel,
        coalesce(assumptions.currency, '{{ var("reporting_currency") }}')
            as native_currency

    from judged

    left join assumptions
        on
            judged.task_type = assumptions.task_type
            and judged.day = assumptions.day

),

valued as (

    select
        *,
        native_currency <> '{{ var("reporting_currency") }}'
        and fx_rate is null as is_rate_missing,
        case when is_ended then baseline_worth end as human_equivalent_cost,

        -- people's own work saves nobody's
        case
            when not is_success or not has_agent then cast(0 as decimal(38, 18))
            else
                {{ worth_of_minutes_saved(
                    'baseline_nano_minutes',
                    'inference_microseconds',
                    'nano_hourly_cost'
                ) }}
        end as labour_value,
        case
            when not is_success or not has_agent then cast(0 as decimal(38, 18))
            else
                {{ worth_of_hours_saved(
                    'baseline_nano_hours',
                    'cycle_microseconds',
                    'nano_delay_cost'
                ) }}
        end as speed_value,
        case
            when not is_ended or direct_value is null then cast(0 as decimal(38, 18))
            when native_currency = '{{ var("reporting_currency") }}' then direct_value
            else
                {{ in_reporting_currency(
                    'direct_value', 'native_currency', 'fx_rate'
                ) }}
        end as direct_value_reported,
        case
            when not is_success or avoided_loss is null
                then cast(0 as decimal(38, 18))
            when native_currency = '{{ var("reporting_currency") }}' then avoided_loss
            else
                {{ in_reporting_currency(
                    'avoided_loss', 'native_currency', 'fx_rate'
                ) }}
        end as avoided_loss_reported,
        case
            when native_currency = '{{ var("reporting_currency") }}'
                then capital_allocated
            else
                {{ in_reporting_currency(
                    'capital_allocated', 'native_currency', 'fx_rate'
                ) }}
        end as capital_allocated_reported

    from assumed

)

select
    ---------- ids
    task_id,
    ticket_id,
    agent_id,
    model_version,
    model_registry_version,
    feature_version,
    ensemble_id,
    evaluator_id,

    ---------- days
    day,
    created_day,
    resolved_day,

    ---------- strings
    source_system,
    task_type,
    department,
    channel,
    user_group,
    outcome_class,
    case when outcome_class = 'failure' then coalesce(failure_reason, failed_by) end
        as failure_reason,
    case when outcome_class = 'failure' then failed_by end as failed_by,
    handled_by,
    initiated_by,
    human_minutes_basis,
    inference_basis,
    native_currency,
    case when is_mature then 'final' else 'provisional' end as status,
    case
        when human_minutes_basis = 'assumed' then 'assumed'
        when is_ended and has_task_type then basis
        else 'measured'
    end as evidence,

    ---------- value
    cast(human_equivalent_cost as decimal(38, 18)) as human_equivalent_cost,
    cast(labour_value as decimal(38, 18)) as labour_value,
    cast(speed_value as decimal(38, 18)) as speed_value,
    cast(direct_value_reported as decimal(38, 18)) as direct_value,
    cast(avoided_loss_reported as decimal(38, 18)) as avoided_loss,
    cast(capital_allocated_reported as decimal(38, 18)) as capital_allocated,

    ---------- cost and effort
    human_cost,
    human_minutes,
    cast(inference_microseconds as bigint) as inference_microseconds,
    cast(cycle_microseconds as bigint) as cycle_microseconds,
    cast(actions as bigint) as actions,
    cast(unpriced_calls as bigint) as unpriced_calls,
    cast(tokens as bigint) as tokens,
    priced_cost,
    cpu_microseconds,
    peak_memory_bytes,
    received_bytes,
    sent_bytes,

    ---------- assumptions of the day
    baseline_minutes,
    hourly_cost,
    remediation_minutes,
    liability_per_hallucination,
    later_detected_probability,

    ---------- booleans
    is_ended,
    is_output_delivered,
    is_escalated,
    is_reopened,
    is_one_touch,
    is_followed_up,
    is_contacted_again,
    has_retrieval,
    is_approved_by_human,
    is_mature,
    is_novel,
    is_human_reviewed,
    is_hallucination,
    is_random_review,
    sampling_probability,
    evaluator_verdict,
    satisfaction,
    coalesce(
        delay_cost_per_hour is not null and baseline_cycle_hours is not null, false
    ) as has_speed_value,
    is_rate_missing,

    ---------- timestamps (UTC)
    created_at,
    first_response_at,
    ended_at,

    ---------- lineage
    _load_id,
    _source_file,
    _source_row

from valued
