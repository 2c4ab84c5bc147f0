with

charges as (

    select * from {{ ref('int_charges_read') }}

),

versions as (

    select
        period_key,
        earlier_load_id,
        first_day,
        last_day

    from {{ ref('int_exports_compared_by_lines') }}

    where is_version

),

current_lines as (

    select charges.*

    from charges

    where
        not exists (
            select 1

            from versions

            where
                versions.period_key = charges.period_key
                and versions.earlier_load_id = charges._load_id
                and charges.charge_start_day
                between versions.first_day and versions.last_day
        )

),

-- equal lines are told apart by what they cost, not by where they stand in a file
numbered as (

    select
        *,
        row_number() over (
            partition by period_key, line_key
            order by
                billed_cost nulls last,
                effective_cost nulls last,
                list_cost nulls last,
                consumed_quantity nulls last,
                _source_file,
                _source_row
        ) as ordinal

    from current_lines

)

select
    md5(
        concat_ws('|', period_key, line_key, cast(ordinal as varchar))
    ) as charge_id,
    ordinal,
    {{ line_columns() | join(',\n    ') }}

from numbered
