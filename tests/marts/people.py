"""What the random estate knows of people, queues, GPUs and incidents."""

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from roi_engine.marts.contract import fact

ENDED = ("autonomous_success", "assisted_success", "failure", "unconfirmed")
GROUPS = ("self_service", "enterprise", "newcomer")


def describe(seed: int, work: list[dict], steps: list[dict]) -> None:
    """Add to tasks how long they took and for whom, to actions how long they took."""
    rng = np.random.default_rng([seed, 2])
    for task in work:
        ended = task["outcome_class"] in ENDED
        by_person = task["agent_id"] == "__human__"
        task["created_day"] = task["day"] - timedelta(days=int(rng.integers(6)))
        task["resolved_day"] = task["day"] if ended else None
        task["user_group"] = str(rng.choice(GROUPS, p=[0.5, 0.3, 0.2]))
        task["handled_by"] = "human" if by_person else "agent"
        if by_person:
            task["human_minutes"] = f"{rng.integers(1, 600) / 10}"
        task["human_minutes_basis"] = "none" if task["human_minutes"] == "0" else "logged"
        if by_person and rng.random() < 0.1:
            task["human_minutes_basis"] = "assumed"
        task["cycle_microseconds"] = int(rng.exponential(4e10)) if ended else None
        task["first_response_microseconds"] = (
            int(rng.exponential(2e9)) if rng.random() < 0.8 else None
        )
        task["is_reopened"] = task["outcome_class"] == "failure" and bool(rng.random() < 0.3)
        task["has_retrieval"] = bool(rng.random() < 0.4) and not by_person
        task["satisfaction"] = float(rng.integers(2)) if ended and rng.random() < 0.3 else None
        task["baseline_minutes"] = "14" if task["task_type"] != "novel" else None
        # columns that came later draw from a stream of their own
        number = int(task["task_id"].rpartition("-")[2])
        clock_of(np.random.default_rng([seed, 5, number]), task)
        use_of(np.random.default_rng([seed, 7, number]), task)
    for step in steps:
        second = int(rng.integers(86_400))
        midnight = datetime.combine(step["day"], datetime.min.time())
        step["started_at"] = midnight + timedelta(seconds=second)
        known = rng.random() < 0.9
        step["latency_microseconds"] = int(rng.lognormal(14.6, 0.6)) if known else None
        step["time_to_first_token_seconds"] = float(rng.exponential(0.4)) if known else None
        step.setdefault("is_error", bool(rng.random() < 0.1))
        number = int(step["action_id"].rpartition("-")[2])
        step["model_registry_version"] = str(number % 3) if number % 4 else None
        step["feature_version"] = f"f{number % 2}" if number % 5 else None


def clock_of(rng: np.random.Generator, task: dict) -> None:
    """Add what a task took of the service hours, until its output, until a person; its touches."""
    cycle = task["cycle_microseconds"]
    shares = rng.random(2)
    covered = cycle is not None and rng.random() < 0.8
    task["business_cycle_microseconds"] = int(cycle * shares[0]) if covered else None
    is_success = task["outcome_class"].endswith("_success")
    task["value_microseconds"] = int(cycle * shares[1]) if is_success else None
    # an agent hands over what comes to nothing, too
    is_lost = task["outcome_class"] in {"failure", "unconfirmed"}
    hands_over = is_lost and task["agent_id"] != "__human__"
    task["is_escalated"] = task["is_escalated"] or (hands_over and bool(rng.random() < 0.8))
    is_taken = task["is_escalated"] and rng.random() < 0.9
    task["handoff_microseconds"] = int(rng.exponential(2e9)) if is_taken else None
    task["is_one_touch"] = bool(rng.random() < 0.6) if cycle and rng.random() < 0.7 else None


def use_of(rng: np.random.Generator, task: dict) -> None:
    """Add what an agent's task used, as far as anything says, and with which versions."""
    for name in ("cpu_microseconds", "peak_memory_bytes", "received_bytes", "sent_bytes"):
        is_said = task["agent_id"] != "__human__" and rng.random() < 0.7
        task[name] = int(rng.integers(10**9)) if is_said else None
    for name in ("model_registry_version", "feature_version"):
        task[name] = str(rng.integers(3)) if rng.random() < 0.5 else None


def log(seed: int, entries: list[dict], first: date) -> None:
    """Add to time entries how long they took, whose duty it was, and who says on which day."""
    rng = np.random.default_rng([seed, 6])
    for entry in entries:
        entry["minutes"] = f"{rng.integers(1, 900) / 10}" if rng.random() < 0.9 else None
        entry["is_day_assumed"] = bool(rng.random() < 0.2)
        is_shared = entry["department"] != "d1" and entry["day"] > first + timedelta(days=2)
        entry["roster"] = "__shared__" if is_shared else entry["department"]


def duties(first: date, days: int) -> pl.DataFrame:
    """Return duty of d1, and from the fourth day on of all others together; one is not known."""
    hour = 3_600_000_000
    return fact(
        "fct_duty",
        [
            {
                "day": first + timedelta(days=shift),
                "roster": roster,
                "duty_microseconds": hours * hour if shift % 7 != 2 else None,
            }
            for shift in range(days)
            for roster, hours in (("d1", 16 if shift % 7 < 5 else 0), ("__shared__", 8))
            if roster == "d1" or shift > 2
        ],
    )


def facts(seed: int, work: list[dict], first: date, days: int) -> dict[str, pl.DataFrame]:
    """Return tickets, incidents and GPU hours."""
    rng = np.random.default_rng([seed, 3])
    tickets = [
        {
            "ticket_id": f"desk:{task['task_id']}",
            "day": task["created_day"],
            **{name: task[name] for name in ("agent_id", "task_type", "department", "channel")},
            "ended_day": task["resolved_day"],
            "is_excluded": bool(rng.random() < 0.05),
        }
        for task in work
        if task["outcome_class"] != "unobserved"
    ]
    incidents, hours = [], []
    for shift in range(days):
        day = first + timedelta(days=shift)
        midnight = datetime.combine(day, datetime.min.time())
        if shift % 3 == 0:
            begun = midnight + timedelta(minutes=int(rng.integers(1440)))
            incidents.append(
                {
                    "incident_id": f"inc-{shift}",
                    "day": day,
                    "agent_id": str(rng.choice(["a1", "a2"])),
                    "started_at": begun,
                    "detected_at": begun + timedelta(minutes=7) if shift % 2 else None,
                    "recovered_at": begun + timedelta(hours=30) if shift % 4 else None,
                }
            )
        for gpu, (agent, owner, model) in enumerate(
            [("a1", "a1", None), (None, None, "m1"), (None, "a3", None)]
        ):
            busy = int(rng.integers(3_600_000_000))
            hours.append(
                {
                    "day": day,
                    "gpu_uuid": f"GPU-{gpu}",
                    "agent_id": agent,
                    "dedicated_agent_id": owner,
                    "model": model,
                    "busy_microseconds": busy,
                    "capacity_microseconds": 3_600_000_000,
                    "peak_vram_mib": int(rng.integers(10_000, 80_000)) if gpu else None,
                    "vram_capacity_mib": 81_920,
                }
            )
    return {
        "fct_ticket": fact("fct_ticket", tickets),
        "fct_incident": fact("fct_incident", incidents),
        "fct_gpu_usage": fact("fct_gpu_usage", hours),
        "fct_duty": duties(first, days),
    }
