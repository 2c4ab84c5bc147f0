"""Declaration of marginal_ev: what an agent's tasks bring, by how many tokens they take."""

from roi_engine.marts.columns import COUNT, NUMBER, Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, choice, key, money, quotient, ratio

_TOKENS = "fct_task.tokens"
_CREDIT = "fct_task_credit.credit"
_VALUE = tuple(
    f"fct_task.{part}" for part in ("labour_value", "speed_value", "direct_value", "avoided_loss")
)
TRENDS = ("rising", "flat", "falling")
CLAIMS = ("association",)

MARGINAL_EV = Mart(
    name="marginal_ev",
    about="Whether an agent's tasks that take more tokens bring more.",
    row="One row per agent and tenth of its tasks by tokens, over the 28 days to the newest day.",
    section="§5",
    standing=True,
    columns=(
        key("as_of_day", "Newest day of the release.", ("fct_task.day",), "§5"),
        KEYS["agent_id"],
        Column(
            "decile",
            COUNT,
            "tenth",
            "1 for the tenth of the tasks with the fewest tokens, 10 for that with the most.",
            "⌊10 · (tasks of lower buckets + half of its own) / all⌋ + 1; buckets 1 % wide",
            (_TOKENS,),
            "§5",
            grain=True,
            low=1,
            high=10,
        ),
        Column(
            "tasks",
            NUMBER,
            "tasks",
            "Ended tasks credited to the agent, parts of tasks too.",
            "Σ credit",
            (_CREDIT,),
            "§5",
            additive=True,
            low=0,
        ),
        Column(
            "tokens",
            NUMBER,
            "tokens",
            "Tokens of these tasks, by credit.",
            "Σ credit · tokens",
            (_TOKENS, _CREDIT),
            "§5",
            additive=True,
            low=0,
        ),
        money(
            "gross_value",
            "Value of these tasks.",
            "Σ credit · value of successes, direct_value of other ended tasks, rounded once",
            (*_VALUE, _CREDIT),
            "§5",
        ),
        money(
            "priced_cost",
            "List price of all their actions.",
            "Σ credit · priced_cost, rounded once",
            ("fct_task.priced_cost", _CREDIT),
            "§5",
        ),
        Column(
            "unpriced_tasks",
            COUNT,
            "count",
            "Tasks of which no action has a known price: missing in priced_cost, not 0.",
            "count",
            ("fct_task.priced_cost",),
            "§2",
            additive=True,
            low=0,
        ),
        ratio(
            "ev_per_1k_tokens",
            "Value beyond the list price, for a thousand tokens.",
            "1000 · (gross_value − priced_cost) / tokens",
            ("gross_value", "priced_cost", "tokens"),
            "§5",
            unit="currency per 1000 tokens",
            measure=quotient("gross_value - priced_cost", "tokens").replace(
                "then cast", "then 1000 * cast"
            ),
        ),
        ratio(
            "marginal_ev",
            "What a thousand more tokens a task go with, from the tenth below to this one.",
            "1000 · Δ((gross_value − priced_cost) / tasks) / Δ(tokens / tasks), against the next"
            " lower tenth that has tasks",
            ("gross_value", "priced_cost", "tokens", "tasks"),
            "§5",
            unit="currency per 1000 tokens",
        ),
        ratio(
            "trend_per_decile",
            "By how much ev_per_1k_tokens rises from one tenth to the next; alike on all rows of"
            " the agent.",
            "least squares over its tenths; NULL with fewer than four",
            ("ev_per_1k_tokens",),
            "§5",
            unit="currency per 1000 tokens",
        ),
        ratio(
            "trend_per_decile_low",
            "Lower end of its 95 % interval.",
            "HC3, Student's t",
            ("trend_per_decile",),
            "§5",
            unit="currency per 1000 tokens",
        ),
        ratio(
            "trend_per_decile_high",
            "Upper end of its 95 % interval.",
            "HC3, Student's t",
            ("trend_per_decile",),
            "§5",
            unit="currency per 1000 tokens",
        ),
        choice(
            "trend",
            "Whether a thousand tokens bring more in tasks that take more of them.",
            "rising or falling where the interval leaves 0 out, else flat",
            ("trend_per_decile_low", "trend_per_decile_high"),
            "§5",
            values=TRENDS,
            nullable=True,
        ),
        choice(
            "claim",
            "What may be read out of it: an association. Hard tasks take more tokens, so it is no"
            " proof that fewer tokens would do.",
            "tokens are not assigned at random",
            (_TOKENS,),
            "§5",
            values=CLAIMS,
        ),
        *TRUST,
    ),
    notes=("Cost is the list price of the task's actions, as the bill knows no single task.",),
)
