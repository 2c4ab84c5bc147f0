{#- All rows of several CTEs, matched by column name; what one of them lacks is NULL. -#}
{%- macro union_by_name(relations) -%}
{%- for relation in relations -%}
select * from {{ relation }}
{%- if not loop.last %}

union all by name

{% endif -%}
{%- endfor -%}
{%- endmacro -%}
