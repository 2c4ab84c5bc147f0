with

source as (

    select * from {{ bronze_rows('gpu', 'samples') }} as samples

),

renamed as (

    select

        ---------- ids
        gpu_uuid,
        mig_id,

        ---------- strings
        metric,
        hostname,
        gpu_model,
        mig_profile,
        namespace,
        pod,
        container,
        nullif(concat_ws('/', namespace, pod), '') as workload,

        ---------- numerics
        value,

        ---------- timestamps (UTC)
        sampled_at,

        ---------- days
        {{ reporting_day('sampled_at') }} as day,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from source

    where gpu_uuid is not null and sampled_at is not null

)

select * from renamed
