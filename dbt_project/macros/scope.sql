{#- Which rows a run reads and which days it writes.

    ops.active_load   loads whose rows count (the newest parse of each file; of a reference
                      table, the newest file)
    ops.read_day      per source, days whose bronze partitions are read: the days that are built,
                      their neighbours, and every day on which one of their tasks did something;
                      under `charges`, all days of the billing periods that are needed
    ops.run_day       days that are built, after the gate
    draft.bronze.*    a view of each bronze table: the rows of active loads on the days read

    All are written by roi_engine/building.py before dbt starts. -#}

{#- A variable that changes from run to run. The pipeline gives it in the environment as
    DBT_ENV_CUSTOM_ENV_name, by hand it may be a --vars; as one of those, every run would have
    to parse the whole project anew. -#}
{%- macro of_run(name) -%}
{{ dbt_metadata_envs.get(name, var(name)) }}
{%- endmacro -%}

{%- macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro -%}

{#- Rows of a bronze table that count: of active loads, of the days read, not in quarantine. -#}
{%- macro bronze_rows(source_name, table_name) -%}
(
    select bronze.*
    from {{ source(source_name, table_name) }} as bronze
    where
        not exists (
            select 1
            from {{ source('ops', 'quarantine') }} as quarantine
            where
                quarantine.severity = 'critical'
                and quarantine._load_id = bronze._load_id
                and quarantine._source_row = bronze._source_row
                and (
                    -- the gate names its rules TABLE.RULE; a parser's refusal of a cell
                    -- stands in the row itself. A parser's other refusals (a cut line, a
                    -- file that is no export) never reached bronze: their row numbers
                    -- count records of the file, not rows of this table.
                    (
                        quarantine.stage = 'gate'
                        and quarantine.rule like '{{ table_name }}.%'
                    )
                    or (
                        quarantine.stage = 'parse'
                        and (
                            quarantine.rule = 'missing_value'
                            or (
                                quarantine.rule = 'bad_value'
                                and bronze._rejected is not null
                            )
                        )
                    )
                )
        )
)
{%- endmacro -%}

{#- True for the days that this run builds. -#}
{%- macro in_scope(day) -%}
{{ day }} in (
    select run_day.day
    from {{ source('ops', 'run_day') }} as run_day
    where run_day.status = 'passed'
)
{%- endmacro -%}

{#- The transform run of a day: hash of code version, day and input loads. -#}
{%- macro transform_run_id(day) -%}
(
    select max(run_day.transform_run_id)
    from {{ source('ops', 'run_day') }} as run_day
    where run_day.day = {{ day }}
)
{%- endmacro -%}
