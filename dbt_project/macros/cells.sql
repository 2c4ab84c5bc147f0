{#- A cost cell is the smallest thing that a cost can land on: what an agent's version did for
    one kind of task, department and channel, and how it ended. Everything below names its
    parts once; in this order they are also the key that breaks ties (UTF-8 bytes). -#}

{%- macro cell_columns(relation=none) -%}
    {%- set prefix = relation ~ '.' if relation else '' -%}
    {%- set columns = [] -%}
    {%- for column in [
        'agent_id', 'model_version', 'task_type', 'department', 'channel', 'outcome_class'
    ] -%}
        {%- do columns.append(prefix ~ column) -%}
    {%- endfor -%}
{{ return(columns) }}
{%- endmacro -%}

{#- The cell of a reserved member: all that is known of it is its name. -#}
{%- macro reserved_cell(agent_id) -%}
{{ agent_id }} as agent_id,
    {%- for column in cell_columns()[1:] %}
    '__unknown__' as {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro -%}
