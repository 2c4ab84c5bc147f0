select * from {{ ref('fct_task') }}

where
    business_cycle_microseconds < 0
    or business_cycle_microseconds > cycle_microseconds
    or value_microseconds < 0
    or handoff_microseconds < 0
