with

task_types as (

    select * from {{ ref('stg_reference__task_types') }}

),

dated as (

    select
        task_type,
        baseline_minutes,
        hourly_cost,
        coalesce(currency, '{{ var("reporting_currency") }}') as currency,
        baseline_cycle_hours,
        delay_cost_per_hour,
        remediation_minutes,
        liability_per_hallucination,
        later_detected_probability,
        realisation_rate,
        coalesce(is_novel, false) as is_novel,

        -- a number that does not say where it comes from, or that nobody signed,
        -- is an assumption
        case when approved_by is null then 'assumed' else coalesce(basis, 'assumed') end
            as basis,
        source,
        low,
        high,
        approved_by,
        approved_on,
        evidence_uri,
        {{ starts_on() }} as valid_from,
        valid_to,
        _load_id,
        _source_file,
        _source_row

    from task_types

),

-- of two lines for one type and one start the later line counts
latest as (

    select * from dated

    qualify
        row_number() over (
            partition by task_type, valid_from
            order by _source_row desc, _source_file desc
        ) = 1

),

closed as (

    select
        task_type,
        baseline_minutes,
        hourly_cost,
        currency,
        baseline_cycle_hours,
        delay_cost_per_hour,
        remediation_minutes,
        liability_per_hallucination,
        later_detected_probability,
        realisation_rate,
        is_novel,
        basis,
        source,
        low,
        high,
        approved_by,
        approved_on,
        evidence_uri,
        valid_from,
        {{ ends_on('task_type') }} as valid_to,
        _load_id,
        _source_file,
        _source_row

    from latest

)

select * from closed
