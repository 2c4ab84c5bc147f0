"""Declaration of daily_duration: how long work took, counted in buckets that can be added up."""

from roi_engine.marts.columns import COUNT, Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, count, key

TASK = "fct_task"
MEASURES = (
    "handle_minutes",
    "work_minutes",
    "cycle_hours",
    "first_response_minutes",
    "business_cycle_hours",
    "value_hours",
    "handoff_minutes",
)

HANDLER = key(
    "handler",
    "Who ended the work: the agent that answered last, or __human__ where no agent took part.",
    (f"{TASK}.agent_id",),
    "§6",
)
BUCKET = Column(
    "bucket",
    COUNT,
    "bucket",
    "Bucket of the value: values of one bucket differ by 1 % at most; −2147483648 holds those"
    " that are not above 0.",
    "⌈ln(value) / ln(1.005 / 0.995)⌉",
    ("measure",),
    "§6",
    grain=True,
)

DAILY_DURATION = Mart(
    name="daily_duration",
    about="How long tasks took: counts by size, from which any percentile at any level is read.",
    row="One row per day, handler, task type, department, channel, measure and bucket that holds"
    " an ended task.",
    section="§6",
    columns=(
        KEYS["day"],
        HANDLER,
        KEYS["task_type"],
        KEYS["department"],
        KEYS["channel"],
        Column(
            "measure",
            "VARCHAR",
            "word",
            "What was measured: people's minutes on the task; people's and the models' minutes"
            " together; hours from creation to resolution; minutes to the first answer; of the"
            " hours to resolution, service hours; hours to the accepted output of a success;"
            " minutes from an agent's last action to a person's first on an escalated task.",
            "",
            (
                f"{TASK}.human_minutes",
                f"{TASK}.inference_microseconds",
                f"{TASK}.cycle_microseconds",
                f"{TASK}.first_response_microseconds",
                f"{TASK}.business_cycle_microseconds",
                f"{TASK}.value_microseconds",
                f"{TASK}.handoff_microseconds",
            ),
            "§6",
            grain=True,
            values=MEASURES,
        ),
        BUCKET,
        count("count", "Ended tasks in the bucket.", "count", ("measure", "bucket"), "§6"),
        *TRUST,
    ),
    notes=(
        "Percentiles are never averaged: add up the counts of equal buckets, then read the"
        " percentile off. `roi rollup daily_kpi --column cycle_hours_p90` does so at any level.",
        "Times are calendar times, but for business_cycle_hours, which has no row for a task of"
        " which any day has no service hours on file (service_hours.csv).",
    ),
)
