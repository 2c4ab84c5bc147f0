with

lines as (

    select
        day,
        lower(provider) as provider,
        coalesce(model, '') as model,
        charge_category,
        {{ atto_units('consumed_quantity') }}
        * {{ tokens_per_unit('consumed_unit') }} as consumed_atto,
        {{ atto_units('converted_list_cost') }} as list_atto

    from {{ ref('int_charges_split_to_days') }}

    where cost_class = 'token_api' and {{ in_scope('day') }}

),

cells as (

    select * from {{ ref('int_actions_with_cells') }}

    where model_calls > 0

),

groups as (

    select distinct
        day,
        provider,
        model

    from lines

),

-- the group of a line without a model is the provider's whole day
billed as (

    select
        groups.day,
        groups.provider,
        groups.model,
        sum(lines.consumed_atto) as consumed_atto,
        sum(lines.list_atto) as list_atto

    from groups

    inner join lines
        on
            groups.day = lines.day
            and groups.provider = lines.provider
            and groups.model in (lines.model, '')
            and lines.charge_category = 'Usage'

    group by groups.day, groups.provider, groups.model

),

traced as (

    select
        groups.day,
        groups.provider,
        groups.model,
        sum({{ integer('cells.tokens') }}) as tokens,
        sum({{ nano_units('cells.priced_cost') }}) as priced_nano,
        sum(cells.unpriced_calls) as unpriced_calls

    from groups

    inner join cells
        on
            groups.day = cells.day
            and groups.provider = cells.provider
            and groups.model in (cells.model, '')

    group by groups.day, groups.provider, groups.model

),

joined as (

    select
        groups.day,
        groups.provider,
        groups.model,
        coalesce(traced.tokens, 0) * {{ integer('1000000000000000000') }}
            as token_atto,
        coalesce(traced.priced_nano, 0) * {{ integer('1000000000') }} as priced_atto,
        coalesce(traced.unpriced_calls, 0) as unpriced_calls,
        coalesce(billed.consumed_atto, 0) as consumed_atto,
        coalesce(billed.list_atto, 0) as list_atto

    from groups

    left join billed
        on
            groups.day = billed.day
            and groups.provider = billed.provider
            and groups.model = billed.model

    left join traced
        on
            groups.day = traced.day
            and groups.provider = traced.provider
            and groups.model = traced.model

),

-- where the bill has neither quantity nor list price, or calls have no price to hold
-- against it, the traces are taken to explain all of it
measured as (

    select
        day,
        provider,
        model,
        case
            when consumed_atto > 0 then 'quantity'
            when list_atto > 0 and unpriced_calls = 0 then 'list_cost'
            else 'unknown'
        end as basis,
        case
            when consumed_atto > 0 then least(token_atto, consumed_atto)
            when list_atto > 0 and unpriced_calls = 0
                then least(priced_atto, list_atto)
            else 1
        end as explained,
        case
            when consumed_atto > 0 then consumed_atto
            when list_atto > 0 and unpriced_calls = 0 then list_atto
            else 1
        end as total

    from joined

),

-- units of 10^-18 are more than anyone needs to read
reduced as (

    select
        day,
        provider,
        model,
        basis,
        {{ divide('explained', common_divisor('explained', 'total')) }} as explained,
        {{ divide('total', common_divisor('explained', 'total')) }} as total

    from measured

)

select
    day,
    provider,
    model,
    basis,
    {{ stored_integer('explained') }} as explained_weight,
    {{ stored_integer('total - explained') }} as untraced_weight

from reduced
