with

cells as (

    select * from {{ ref('int_parts_allocated_to_cells') }}

),

charges as (

    select
        charge_id,
        day,
        account_id,
        charge_category,
        cost_basis,
        _load_id,
        _source_file,
        _source_row

    from {{ ref('int_charges_completed') }}

),

-- two parts of a charge can land on one cell in the same way
summed as (

    select
        charge_id,
        day,
        {{ cell_columns() | join(',\n        ') }},
        cost_class,
        method,
        reason,
        cast(sum({{ nano_units('amount') }}) as decimal(38, 0)) as nano,
        cast(sum({{ integer('weight') }}) as decimal(38, 0)) as weight

    from cells

    group by
        charge_id,
        day,
        {{ cell_columns() | join(',\n        ') }},
        cost_class,
        method,
        reason

)

select
    summed.charge_id,
    summed.day,
    {{ cell_columns('summed') | join(',\n    ') }},
    summed.cost_class,
    charges.account_id,
    charges.charge_category,
    {{ money_of_nano('summed.nano') }} as allocated_cost,
    '{{ var("reporting_currency") }}' as currency,
    charges.cost_basis,
    summed.method,
    summed.weight,
    summed.reason,
    charges._load_id,
    charges._source_file,
    charges._source_row,
    {{ transform_run_id('summed.day') }} as _transform_run_id

from summed

inner join charges
    on
        summed.charge_id = charges.charge_id
        and summed.day = charges.day

where {{ in_scope('summed.day') }}
