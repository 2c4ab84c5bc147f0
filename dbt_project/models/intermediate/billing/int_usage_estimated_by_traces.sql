with

cells as (

    select * from {{ ref('int_actions_with_cells') }}

    where {{ in_scope('day') }}

),

usage_lines as (

    select distinct
        day,
        lower(provider) as provider,
        cost_class = 'token_api' as is_token_line

    from {{ ref('int_charges_split_to_days') }}

    where charge_category = 'Usage'

),

modelled as (

    select
        cells.day,
        'estimate:' || cells.provider || ':' || cells.model || ':'
        || cast(cells.day as varchar) as charge_id,
        cells.provider,
        cells.model,
        'token_api' as cost_class,
        cast(null as varchar) as stated_by,
        cast(sum(cells.priced_cost) as decimal(38, 9)) as cost

    from cells

    where
        not exists (
            select 1

            from usage_lines

            where
                usage_lines.day = cells.day
                and usage_lines.provider = cells.provider
                and usage_lines.is_token_line
        )

    group by cells.day, cells.provider, cells.model

),

stated as (

    select
        cells.day,
        'estimate:stated:' || cells.stated_by || ':'
        || cast(cells.day as varchar) as charge_id,
        cells.stated_by as provider,
        cast(null as varchar) as model,
        'platform' as cost_class,
        cells.stated_by,
        cast(sum(cells.stated_cost) as decimal(38, 9)) as cost

    from cells

    where
        cells.stated_by is not null
        and not exists (
            select 1

            from usage_lines

            where
                usage_lines.day = cells.day
                and usage_lines.provider = lower(cells.stated_by)
        )

    group by cells.day, cells.stated_by

),

estimated as (

    select * from modelled

    union all

    select * from stated

)

select * from estimated

where cost <> 0
