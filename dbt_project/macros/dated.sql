{#- Dated rows that people keep: half-open intervals, the later start wins.

    A row with no start counts since always, which is written as the year 1, so that a
    plain `>=` finds it. A row ends where it says, or where the next row of its key
    starts, whichever is first. -#}
{%- macro starts_on(column='valid_from') -%}
coalesce({{ column }}, cast('0001-01-01' as date))
{%- endmacro -%}

{%- macro ends_on(key, start='valid_from', end='valid_to') -%}
least({{ end }}, lead({{ start }}) over (partition by {{ key }} order by {{ start }}))
{%- endmacro -%}

{#- True when a day or an instant lies in [valid_from, valid_to) of a dated relation. Two plain
    comparisons: an OR here would turn a hash join into a nested loop. -#}
{%- macro is_valid(relation, moment) -%}
{{ moment }} >= {{ relation }}.valid_from
            and {{ moment }}
            < coalesce({{ relation }}.valid_to, cast('9999-12-31' as date))
{%- endmacro -%}
