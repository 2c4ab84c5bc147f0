-- Fails if a row cannot be walked back to its load, or to the run that made it.
with

facts as (

    select
        'fct_agent_action' as fact,
        day,
        _load_id,
        _source_file,
        _source_row,
        _transform_run_id

    from {{ ref('fct_agent_action') }}

    union all

    select
        'fct_ticket' as fact,
        day,
        _load_id,
        _source_file,
        _source_row,
        _transform_run_id

    from {{ ref('fct_ticket') }}

    union all

    select
        'fct_quality_review' as fact,
        day,
        _load_id,
        _source_file,
        _source_row,
        _transform_run_id

    from {{ ref('fct_quality_review') }}

    union all

    select
        'fct_task' as fact,
        day,
        _load_id,
        _source_file,
        _source_row,
        _transform_run_id

    from {{ ref('fct_task') }}

    union all

    select
        'fct_task_credit' as fact,
        day,
        _load_id,
        _source_file,
        _source_row,
        _transform_run_id

    from {{ ref('fct_task_credit') }}

    union all

    select
        'fct_time_entry' as fact,
        day,
        _load_id,
        _source_file,
        _source_row,
        _transform_run_id

    from {{ ref('fct_time_entry') }}

    union all

    select
        'fct_incident' as fact,
        day,
        _load_id,
        _source_file,
        _source_row,
        _transform_run_id

    from {{ ref('fct_incident') }}

    union all

    select
        'fct_duty' as fact,
        day,
        _load_id,
        _source_file,
        _source_row,
        _transform_run_id

    from {{ ref('fct_duty') }}

    union all

    select
        'fct_wallet_entry' as fact,
        day,
        _load_id,
        _source_file,
        _source_row,
        _transform_run_id

    from {{ ref('fct_wallet_entry') }}

    union all

    select
        'fct_experiment_exposure' as fact,
        day,
        _load_id,
        _source_file,
        _source_row,
        _transform_run_id

    from {{ ref('fct_experiment_exposure') }}

)

select * from facts

where
    _load_id is null
    or _source_file is null
    or _source_row is null
    or _transform_run_id is null
