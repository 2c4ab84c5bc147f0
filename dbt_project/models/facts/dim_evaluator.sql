with

evaluators as (

    select * from {{ ref('stg_reference__evaluators') }}

),

dated as (

    select
        evaluator_id,
        tp,
        fn,
        tn,
        fp,
        rubric_version,
        validated_on,
        {{ starts_on('validated_on') }} as valid_from,
        cast(null as date) as valid_to,
        _load_id,
        _source_file,
        _source_row

    from evaluators

),

-- of two validations on one day the later line counts
latest as (

    select * from dated

    qualify
        row_number() over (
            partition by evaluator_id, valid_from
            order by _source_row desc, _source_file desc
        ) = 1

),

closed as (

    select
        evaluator_id,
        tp,
        fn,
        tn,
        fp,
        rubric_version,
        validated_on,
        valid_from,
        {{ ends_on('evaluator_id') }} as valid_to,
        _load_id,
        _source_file,
        _source_row

    from latest

)

select * from closed
