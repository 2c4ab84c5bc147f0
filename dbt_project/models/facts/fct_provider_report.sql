with

provider_costs as (

    select * from {{ ref('stg_billing__provider_costs') }}

    where {{ in_scope('day') }}

),

provider_aliases as (

    select
        raw_provider,
        min(provider) as provider

    from {{ ref('stg_reference__provider_aliases') }}

    group by raw_provider

),

arrivals as (

    select
        load_id,
        max(seq) as arrival

    from {{ source('ops', 'active_load') }}

    group by load_id

),

fx_rates as (

    select
        day,
        currency,
        rate

    from {{ ref('int_fx_rates_dated') }}

),

-- a report says a day whole: the document that came last takes the place of others
latest as (

    select provider_costs.*

    from provider_costs

    inner join arrivals on provider_costs._load_id = arrivals.load_id

    qualify
        arrivals.arrival = max(arrivals.arrival) over (
            partition by provider_costs.system, provider_costs.day
        )

),

summed as (

    select
        latest.day,
        lower(coalesce(provider_aliases.provider, latest.raw_provider)) as provider,
        latest.system,
        latest.reported_currency,
        latest._load_id,
        latest._source_file,
        min(latest._source_row) as _source_row,
        count(*) as entries,
        -- without what could not be read it would be a smaller sum, not this one
        case when count(*) = count(latest.amount) then sum(latest.amount) end
            as native_cost

    from latest

    left join provider_aliases
        on latest.raw_provider = provider_aliases.raw_provider

    group by all

),

converted as (

    select
        summed.*,
        case
            when summed.native_cost = 0 then cast(0 as decimal(38, 9))
            else
                {{ in_reporting_currency(
                    'summed.native_cost', 'summed.reported_currency', 'fx_rates.rate'
                ) }}
        end as reported_cost

    from summed

    left join fx_rates
        on
            summed.day = fx_rates.day
            and summed.reported_currency = fx_rates.currency

),

final as (

    select
        day,
        provider,
        system,
        cast(
            case when count(*) = count(reported_cost) then sum(reported_cost) end
            as decimal(38, 9)
        ) as reported_cost,
        cast(sum(entries) as bigint) as entries,
        '{{ var("reporting_currency") }}' as currency,
        _load_id,
        _source_file,
        min(_source_row) as _source_row

    from converted

    group by day, provider, system, _load_id, _source_file

)

select
    *,
    {{ transform_run_id('final.day') }} as _transform_run_id

from final
