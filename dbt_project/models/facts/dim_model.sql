with

model_aliases as (

    select * from {{ ref('stg_reference__model_aliases') }}

),

dated as (

    select
        coalesce(provider, '__unknown__') as provider,
        raw_model as model_version,
        model,
        {{ starts_on() }} as valid_from,
        valid_to,
        _load_id,
        _source_file,
        _source_row

    from model_aliases

),

-- of two lines for one name and one start the later line counts
latest as (

    select * from dated

    qualify
        row_number() over (
            partition by provider, model_version, valid_from
            order by _source_row desc, _source_file desc
        ) = 1

),

closed as (

    select
        provider,
        model_version,
        model,
        valid_from,
        {{ ends_on('provider, model_version') }} as valid_to,
        _load_id,
        _source_file,
        _source_row

    from latest

)

select
    model,
    provider,
    model_version,
    valid_from,
    valid_to,
    _load_id,
    _source_file,
    _source_row

from closed
