with

runs as (

    select * from {{ ref('int_training_runs_carried_to_day') }}

),

in_scope as (

    select * from runs

    where {{ in_scope('day') }}

)

select
    run_id,
    day,
    model_version,
    gpu_hours,
    flops,
    peak_vram_gib,
    completed_on,
    cast(lifespan_days as bigint) as lifespan_days,
    retired_on,
    opening_balance,
    additions,
    amortised,
    written_off,
    closing_balance,
    '{{ var("reporting_currency") }}' as currency,
    _load_id,
    _source_file,
    _source_row,
    {{ transform_run_id('in_scope.day') }} as _transform_run_id

from in_scope
