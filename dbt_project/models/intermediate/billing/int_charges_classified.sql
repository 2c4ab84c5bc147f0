with

charges as (

    select * from {{ ref('int_charges_kept_current') }}

),

cost_classes as (

    select * from {{ ref('stg_reference__cost_classes') }}

),

provider_aliases as (

    select
        raw_provider,
        min(provider) as provider

    from {{ ref('stg_reference__provider_aliases') }}

    group by raw_provider

),

training_runs as (

    select
        run_id,
        match_key,
        match_value

    from {{ ref('stg_reference__training_runs') }}

    where match_key is not null

),

-- the first rule that matches wins
ruled as (

    select
        charges.charge_id,
        cost_classes.cost_class

    from charges

    inner join cost_classes
        on
            {{ matches_pattern(
                focus_value('charges', 'cost_classes.column_name'),
                'cost_classes.pattern'
            ) }}

    qualify
        row_number() over (
            partition by charges.charge_id
            order by cost_classes.rule_order, cost_classes._source_row
        ) = 1

),

trained as (

    select
        charges.charge_id,
        min(training_runs.run_id) as run_id

    from charges

    inner join training_runs
        on
            {{ matches_pattern(
                focus_value('charges', 'training_runs.match_key'),
                'training_runs.match_value'
            ) }}

    group by charges.charge_id

),

classified as (

    select
        charges.*,
        trained.run_id,
        coalesce(provider_aliases.provider, charges.provider_name) as provider,
        case
            when trained.run_id is not null then 'training'
            else coalesce(ruled.cost_class, 'out_of_scope')
        end as cost_class

    from charges

    left join ruled on charges.charge_id = ruled.charge_id

    left join trained on charges.charge_id = trained.charge_id

    left join provider_aliases
        on charges.provider_name = provider_aliases.raw_provider

)

select
    charge_id,
    provider,
    cost_class,
    run_id,
    {{ line_columns() | join(',\n    ') }}

from classified
