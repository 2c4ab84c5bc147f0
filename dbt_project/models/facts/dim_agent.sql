with

agents as (

    select * from {{ ref('stg_reference__agents') }}

),

dated as (

    select
        agent_id,
        name,
        kind,
        category,
        department,
        owner,
        wallet_id,
        autonomy_level,
        {{ starts_on() }} as valid_from,
        valid_to,
        _load_id,
        _source_file,
        _source_row

    from agents

),

-- of two lines for one agent and one start the later line counts
latest as (

    select * from dated

    qualify
        row_number() over (
            partition by agent_id, valid_from
            order by _source_row desc, _source_file desc
        ) = 1

),

closed as (

    select
        agent_id,
        name,
        kind,
        category,
        department,
        owner,
        wallet_id,
        autonomy_level,
        valid_from,
        {{ ends_on('agent_id') }} as valid_to,
        _load_id,
        _source_file,
        _source_row

    from latest

)

select * from closed
