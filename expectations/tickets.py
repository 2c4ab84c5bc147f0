"""What must hold of a day of ticket versions before anything reads them."""

import great_expectations as gx
import great_expectations.expectations as gxe

from expectations import arrival
from expectations.check import Check

SYSTEMS = ["zendesk", "servicenow", "jira"]

STATUSES = [
    # Zendesk
    "new",
    "open",
    "pending",
    "hold",
    "solved",
    "closed",
    "deleted",
    # ServiceNow incident states, as its log writes them
    "active",
    "awaiting user info",
    "awaiting problem",
    "awaiting vendor",
    "awaiting evidence",
    "in progress",
    "on hold",
    "resolved",
    "canceled",
    "cancelled",
]
"""Words of vendors with a fixed list, in lower case; a Jira site makes its own."""

LONGEST_MINUTES = 31 * 24 * 60
"""More minutes than a month has were not worked on one ticket."""


def checks() -> list[Check]:
    """Return the checks of the source ``tickets``: wrong order in time is critical, gaps warn."""
    return [*arrival.checks("tickets"), _tickets(), _agents(), _task_types()]


def _tickets() -> Check:
    present = {
        "ticket_id": "Without a number the versions of a ticket cannot be put together.",
        "created_at": "A ticket belongs to the day on which it was opened.",
        "status": "Without a status nobody knows whether the task ended.",
        "version_order": "The current version is the latest by the system's own clock or count.",
    }
    return Check(
        "tickets",
        "tickets",
        gx.ExpectationSuite(
            name="tickets",
            expectations=[
                arrival.readable(),
                *(
                    gxe.ExpectColumnValuesToNotBeNull(
                        column=column,
                        severity="critical",
                        notes=reason,
                        meta={"rule": f"{column}_present"},
                    )
                    for column, reason in present.items()
                ),
                gxe.ExpectColumnValuesToBeInSet(
                    column="system",
                    value_set=SYSTEMS,
                    severity="critical",
                    notes="Success is read by each system's own words: an unknown one has none.",
                    meta={"rule": "system_known"},
                ),
                *(
                    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                        column_A=column,
                        column_B="created_at",
                        or_equal=True,
                        ignore_row_if="either_value_is_missing",
                        severity="critical",
                        notes="A ticket that ends before it began would have a negative length.",
                        meta={"rule": f"{column}_after_creation"},
                    )
                    for column in ("resolved_at", "closed_at")
                ),
                *(
                    gxe.ExpectColumnValuesToBeBetween(
                        column=column,
                        min_value=0,
                        severity="critical",
                        notes="A count of what happened cannot be below 0.",
                        meta={"rule": f"{column}_not_negative"},
                    )
                    for column in ("reopen_count", "reassignment_count", "reply_count")
                ),
                gxe.ExpectColumnValuesToBeBetween(
                    column="human_minutes",
                    min_value=0,
                    severity="critical",
                    notes="Negative minutes would pay people back.",
                    meta={"rule": "human_minutes_not_negative"},
                ),
                gxe.ExpectColumnValuesToBeBetween(
                    column="sampling_probability",
                    min_value=0,
                    strict_min=True,
                    max_value=1,
                    severity="critical",
                    notes="Reviews are weighted by one over their probability.",
                    meta={"rule": "sampling_probability_possible"},
                ),
                gxe.ExpectColumnValuesToBeBetween(
                    column="human_minutes",
                    max_value=LONGEST_MINUTES,
                    severity="warning",
                    notes="People forget to stop the timer; such a ticket carries days of pay.",
                    meta={"rule": "human_minutes_plausible", "quarantine": True},
                ),
                gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                    column_A="first_response_at",
                    column_B="created_at",
                    or_equal=True,
                    ignore_row_if="either_value_is_missing",
                    severity="warning",
                    notes="A reply before the question: clocks differ, or the ticket was merged.",
                    meta={"rule": "first_response_at_after_creation"},
                ),
                gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                    column_A="updated_at",
                    column_B="created_at",
                    or_equal=True,
                    ignore_row_if="either_value_is_missing",
                    severity="warning",
                    notes="A version older than its ticket: clocks differ.",
                    meta={"rule": "updated_at_after_creation"},
                ),
                gxe.ExpectColumnValuesToBeInSet(
                    column="vendor_status",
                    value_set=STATUSES,
                    severity="warning",
                    notes="A status that no definition of success reads leaves the task open.",
                    meta={"rule": "status_known"},
                ),
                gxe.ExpectColumnValuesToBeInSet(
                    column="reviewer_kind",
                    value_set=["human", "evaluator"],
                    severity="warning",
                    notes="Only a person's verdict changes an outcome; another word is not read.",
                    meta={"rule": "reviewer_kind_known"},
                ),
                gxe.ExpectColumnValuesToBeInSet(
                    column="initiated_by",
                    value_set=["human", "schedule", "event", "agent"],
                    severity="warning",
                    notes="Another word is read as not known who began the work.",
                    meta={"rule": "initiated_by_known"},
                ),
                gxe.ExpectColumnValuesToNotBeNull(
                    column="task_type",
                    severity="warning",
                    notes="Without a type there is no baseline, so the task has no value.",
                    meta={"rule": "task_type_present"},
                ),
            ],
        ),
        required=("ticket_id", "created_at", "status"),
        derived={
            "version_order": "coalesce(cast(epoch_us(this.updated_at) as bigint),"
            " this.version_number)",
            "vendor_status": "case when this.system <> 'jira' then lower(this.status) end",
        },
    )


def _agents() -> Check:
    return Check(
        "tickets",
        "handling_agents",
        gx.ExpectationSuite(
            name="handling_agents",
            expectations=[
                gxe.ExpectColumnValuesToBeBetween(
                    column="spans",
                    min_value=1,
                    severity="warning",
                    notes="The agent handled tickets on a day without one span of it:"
                    " its spend is missing, and its ROI would look free.",
                    meta={"rule": "handling_agent_has_spans"},
                ),
            ],
        ),
        query="""
            with

            handled as (
                select day, agent_id, count(distinct ticket_id) as tickets
                from bronze_tickets
                where agent_id is not null
                group by 1, 2
            ),

            called as (
                select day, agent_id, count(*) as spans
                from bronze_spans
                group by 1, 2
            )

            select
                handled.day,
                handled.agent_id,
                coalesce(called.spans, 0) as spans,
                handled.agent_id || ': ' || handled.tickets || ' tickets' as label
            from handled
            left join called using (day, agent_id)""",
        about="label",
    )


def _task_types() -> Check:
    return Check(
        "tickets",
        "task_types_at_work",
        gx.ExpectationSuite(
            name="task_types_at_work",
            expectations=[
                gxe.ExpectColumnValuesToBeInSet(
                    column="is_known",
                    value_set=[True],
                    severity="warning",
                    notes="The type is not in task_types.csv: without a baseline it has no value.",
                    meta={"rule": "task_type_known"},
                ),
            ],
        ),
        query="""
            select
                tickets.day,
                tickets.task_type,
                exists (
                    select 1 from bronze_task_types as task_types
                    where task_types.task_type = tickets.task_type
                ) as is_known,
                tickets.task_type || ': ' || count(distinct tickets.ticket_id) || ' tickets'
                    as label
            from bronze_tickets as tickets
            where tickets.task_type is not null
            group by 1, 2""",
        about="label",
    )
