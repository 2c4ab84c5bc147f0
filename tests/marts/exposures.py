"""Experiments of the random estate: on tasks, with a bandit among them, and on groups of users."""

from datetime import date, timedelta

import numpy as np
import polars as pl

from roi_engine.marts.contract import fact

STYLES, PROMPTS = ("control", "treatment"), ("short", "plain", "steps")


def facts(seed: int, work: list[dict], first: date, days: int) -> dict[str, pl.DataFrame]:
    """Return experiments, and exposures of the tasks that are there."""
    rng = np.random.default_rng([seed, 4])
    rows: list[dict] = []
    for task in work:
        day = task["created_day"]
        if not (first <= day < first + timedelta(days=days)) or task["agent_id"] == "__human__":
            continue
        progress = (day - first).days / days
        is_bandit = task["agent_id"] == "a1"
        arms = PROMPTS if is_bandit else STYLES
        shares = np.array([0.4 - 0.3 * progress, 0.3, 0.3 + 0.3 * progress])
        chance = shares if is_bandit else np.array([0.5, 0.5])
        arm = int(rng.choice(len(arms), p=chance))
        crossed = rng.random() < 0.03
        logged = rng.random() < 0.95
        rows += [
            {
                "experiment_id": "prompts" if is_bandit else "style",
                "unit": "task",
                "unit_id": task["task_id"],
                "task_id": task["task_id"],
                "arm": arms[place],
                "day": day,
                "propensity": float(chance[place]) if logged else None,
                "is_crossed_over": crossed,
                "is_in_period": True,
            }
            for place in ([arm, (arm + 1) % len(arms)] if crossed else [arm])
        ]
        group = task["user_group"]
        rows.append(
            {
                "experiment_id": "teams",
                "unit": "user_group",
                "unit_id": group,
                "arm": STYLES[group == "enterprise"],
                "day": day,
                "propensity": 0.5,
                "is_crossed_over": False,
                "is_in_period": day >= first + timedelta(days=10),
            }
        )
    once = {(row["experiment_id"], row["unit_id"], row["arm"], row["day"]): row for row in rows}
    plan = {"starts_on": first, "metric": "success_rate", "arms": ";".join(STYLES)}
    experiments = [
        plan
        | {
            "experiment_id": "style",
            "hypothesis": "A worked answer resolves more.",
            "unit": "task",
            "allocation": "0.5;0.5",
            "ends_on": first + timedelta(days=60),
            "minimum_effect": 0.05,
            "guardrails": "hallucination_rate:0.1; escalation_rate:0.2;joy:1",
        },
        plan
        | {
            "experiment_id": "prompts",
            "unit": "task",
            "arms": ";".join(PROMPTS),
            "guardrails": "escalation_rate:0.2",
        },
        plan
        | {
            "experiment_id": "teams",
            "unit": "user_group",
            "metric": "cost_per_task",
            "starts_on": first + timedelta(days=10),
        },
        plan | {"experiment_id": "nobody", "metric": "joy", "arms": "one;two"},
    ]
    return {
        "dim_experiment": fact("dim_experiment", experiments if work else []),
        "fct_experiment_exposure": fact("fct_experiment_exposure", once.values()),
    }
