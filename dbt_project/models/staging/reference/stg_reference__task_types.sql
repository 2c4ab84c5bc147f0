with

source as (

    select * from {{ bronze_rows('reference', 'task_types') }} as task_types

),

renamed as (

    select

        ---------- ids
        task_type,

        ---------- strings
        currency,
        basis,
        source,
        approved_by,
        evidence_uri,

        ---------- numerics
        baseline_minutes,
        hourly_cost,
        baseline_cycle_hours,
        delay_cost_per_hour,
        remediation_minutes,
        liability_per_hallucination,
        later_detected_probability,
        realisation_rate,
        low,
        high,

        ---------- booleans
        is_novel,

        ---------- days
        approved_on,

        ---------- validity [from, to)
        valid_from,
        valid_to,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from source

)

select * from renamed
