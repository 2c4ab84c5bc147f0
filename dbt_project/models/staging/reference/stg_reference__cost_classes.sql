with

source as (

    select * from {{ bronze_rows('reference', 'cost_classes') }} as cost_classes

),

renamed as (

    select

        ---------- strings
        "column" as column_name,
        pattern,
        cost_class,

        ---------- numerics
        "order" as rule_order,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from source

)

select * from renamed
