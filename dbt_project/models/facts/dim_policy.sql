with

policies as (

    select * from {{ ref('stg_reference__policies') }}

),

dated as (

    select
        band,
        decision,
        {{ money_of_nano(nano_units('budget_cap')) }} as budget_cap,
        approval,
        {{ starts_on() }} as valid_from,
        valid_to,
        _load_id,
        _source_file,
        _source_row

    from policies

),

-- of two lines for one band and one start the later line counts
latest as (

    select * from dated

    qualify
        row_number() over (
            partition by band, valid_from
            order by _source_row desc, _source_file desc
        ) = 1

),

closed as (

    select
        band,
        decision,
        budget_cap,
        approval,
        valid_from,
        {{ ends_on('band') }} as valid_to,
        _load_id,
        _source_file,
        _source_row

    from latest

)

select * from closed
