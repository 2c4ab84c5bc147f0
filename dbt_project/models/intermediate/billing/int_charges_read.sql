with

charges as (

    select * from {{ ref('stg_billing__charges') }}

),

read_days as (

    select day from {{ source('ops', 'read_day') }}

    where source = 'billing'

),

training_runs as (

    select
        match_key,
        match_value

    from {{ ref('stg_reference__training_runs') }}

    where match_key is not null

),

charged_spans as (

    select distinct
        period_key,
        charge_start_day,
        charge_last_day

    from charges

),

-- what was capitalised in an old period is paid off on the days read now
periods_read as (

    select charged_spans.period_key

    from charged_spans

    inner join read_days
        on
            read_days.day between charged_spans.charge_start_day
            and charged_spans.charge_last_day

    union

    select charges.period_key

    from charges

    inner join training_runs
        on
            {{ matches_pattern(
                focus_value('charges', 'training_runs.match_key'),
                'training_runs.match_value'
            ) }}

),

charges_read as (

    select charges.*

    from charges

    inner join periods_read on charges.period_key = periods_read.period_key

)

select
    {{ line_columns() | join(',\n    ') }}

from charges_read
