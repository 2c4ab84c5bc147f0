-- Fails if a row cannot be walked back to its load, or to the run that made it.
with

facts as (

    {% for fact in [
        'fct_agent_action',
        'fct_ticket',
        'fct_quality_review',
        'fct_task',
        'fct_task_credit',
        'fct_time_entry',
        'fct_incident',
    ] -%}
    select
        '{{ fact }}' as fact,
        day,
        _load_id,
        _source_file,
        _source_row,
        _transform_run_id

    from {{ ref(fact) }}
    {% if not loop.last %}
    union all

    {% endif %}
    {%- endfor %}

)

select * from facts

where
    _load_id is null
    or _source_file is null
    or _source_row is null
    or _transform_run_id is null
