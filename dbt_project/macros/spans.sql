{#- What a step says that it used. More than any step can have used is not known, and a wrapper's
    figures repeat those of the steps within it, as its tokens do. -#}
{%- macro used_by_step(used) -%}
case
    when not is_rollup and {{ used }} between 0 and 1000000000000000 then {{ used }}
end
{%- endmacro -%}
