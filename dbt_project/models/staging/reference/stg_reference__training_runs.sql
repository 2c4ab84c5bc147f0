with

source as (

    select * from {{ bronze_rows('reference', 'training_runs') }} as training_runs

),

renamed as (

    select

        ---------- ids
        run_id,

        ---------- strings
        model_version,
        currency,
        match_key,
        match_value,

        ---------- numerics
        gpu_hours,
        flops,
        peak_vram_gib,
        cost,
        lifespan_days,

        ---------- days
        completed_on,
        retired_on,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from source

)

select * from renamed
