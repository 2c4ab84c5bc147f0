"""Declaration of daily_reliability: how often an agent was down, and how soon it was mended."""

from roi_engine.marts.columns import COUNT, RATIO, Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, count, key, quotient, ratio

INCIDENT = "fct_incident"
_TIMES = (f"{INCIDENT}.started_at", f"{INCIDENT}.recovered_at")


def _micro(name: str, about: str, formula: str, *inputs: str) -> Column:
    return Column(name, COUNT, "microseconds", about, formula, inputs, "§7", additive=True, low=0)


def _window(name: str, about: str, formula: str, *inputs: str, day: bool = False) -> Column:
    return Column(
        f"{name}_28d", COUNT, "days" if day else "count", about, formula, inputs, "§7", low=0
    )


def _hours(name: str, about: str, formula: str, end: str) -> Column:
    return Column(
        f"{name}_28d",
        RATIO,
        "hours",
        about,
        formula,
        (f"{INCIDENT}.started_at", f"{INCIDENT}.{end}"),
        "§7",
        nullable=True,
        low=0,
    )


DAILY_RELIABILITY = Mart(
    name="daily_reliability",
    about="How often each agent was down, for how long, and how soon that was seen and mended.",
    row="One row per day and agent that acted or had an incident in the 28 days to it.",
    section="§7",
    columns=(
        KEYS["day"],
        key(
            "agent_id",
            "The agent.",
            (f"{INCIDENT}.agent_id", "fct_agent_action.agent_id"),
            "§7",
        ),
        count("incidents", "Incidents that began on the day.", "count", (f"{INCIDENT}.day",), "§7"),
        _micro(
            "downtime_microseconds",
            "How long the agent was down on the day; what overlaps counts once.",
            "length of the union of its incidents within the day",
            *_TIMES,
        ),
        _micro("observed_microseconds", "Length of the day.", "24 hours", f"{INCIDENT}.day"),
        ratio(
            "availability",
            "Share of the day in which the agent was up.",
            "1 − downtime / observed",
            ("downtime_microseconds", "observed_microseconds"),
            "§7",
            bounds=(0, 1),
            measure=quotient(
                "observed_microseconds - downtime_microseconds", "observed_microseconds"
            ),
        ),
        _window(
            "days",
            "Days of the window from the first on which anything is known of the agent.",
            "day − first day with an action or an incident + 1",
            "fct_agent_action.day",
            f"{INCIDENT}.day",
            day=True,
        ),
        _window(
            "incidents", "Incidents that began in the window.", "count", f"{INCIDENT}.incident_id"
        ),
        _window(
            "undetected",
            "Of these, not detected by the end of the day.",
            "count",
            f"{INCIDENT}.detected_at",
        ),
        _window(
            "open", "Of these, not over by the end of the day.", "count", f"{INCIDENT}.recovered_at"
        ),
        ratio(
            "availability_28d",
            "Share of these days in which the agent was up.",
            "1 − length of the union of incidents / observed",
            _TIMES,
            "§7",
            bounds=(0, 1),
        ),
        *(
            ratio(
                f"incident_rate{end}_28d",
                f"{word}Incidents in 30 days.",
                "30 · incidents / days; Jeffreys' interval of a Poisson rate",
                ("incidents_28d", "days_28d"),
                "§7",
                unit="incidents per 30 days",
                bounds=(0, None),
            )
            for end, word in (("", ""), ("_low", "Lower end: "), ("_high", "Upper end: "))
        ),
        _hours(
            "time_to_detect_mean",
            "Hours to detection, on average.",
            "Σ hours, undetected ones so far / number detected",
            "detected_at",
        ),
        _hours(
            "time_to_detect_median",
            "Hours within which half of the incidents are detected.",
            "Kaplan–Meier; NULL while fewer than half are",
            "detected_at",
        ),
        _hours(
            "time_to_recover_mean",
            "Hours to recovery, on average.",
            "Σ hours, open ones so far / number recovered",
            "recovered_at",
        ),
        _hours(
            "time_to_recover_median",
            "Hours within which half of the incidents are over.",
            "Kaplan–Meier; NULL while fewer than half are",
            "recovered_at",
        ),
        *TRUST,
    ),
    notes=(
        "Every figure is as of the end of its day (UTC): an incident that ended later was open.",
        "An incident is known from 31 days back; an older one that still goes on is not counted.",
    ),
)
