{#- Slices of a MIG profile ("3g.20gb" → 3); a whole device counts as one. -#}
{%- macro mig_slices(profile) -%}
coalesce(
    try_cast(nullif(regexp_extract({{ profile }}, '^([0-9]+)g', 1), '') as bigint), 1
)
{%- endmacro -%}

{#- The middle value, of two middles the lower: one that occurs, hence exact. -#}
{%- macro median_of(value) -%}
quantile_disc({{ value }}, 0.5)
{%- endmacro -%}

{#- One series is one metric of one device or slice under one set of labels. -#}
{%- macro gpu_series() -%}
concat_ws(
    '|',
    metric,
    gpu_uuid,
    coalesce(mig_id, ''),
    coalesce(namespace, ''),
    coalesce(pod, ''),
    coalesce(container, '')
)
{%- endmacro -%}
