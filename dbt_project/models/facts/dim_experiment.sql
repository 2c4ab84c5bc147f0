with

experiments as (

    select * from {{ ref('stg_reference__experiments') }}

),

-- of two lines for one experiment the later line counts
latest as (

    select
        experiment_id,
        hypothesis,
        metric,
        coalesce(unit, 'task') as unit,
        arms,
        allocation,
        starts_on,
        ends_on,
        minimum_effect,
        guardrails,
        _load_id,
        _source_file,
        _source_row

    from experiments

    qualify
        row_number() over (
            partition by experiment_id
            order by _source_row desc, _source_file desc
        ) = 1

)

select * from latest
