"""A simulated estate: an inbox in the sources' own formats, and the truth beside it.

``write_estate`` writes ``out/inbox`` (what a pipeline reads) and ``out/truth`` (what nobody in
the estate can know: rates, outcomes, and an exact cost ledger). All of it is labelled as
simulated. The package shares no code with what it tests.

The ledger is an oracle: a second, independent working out of who costs what, over the records
emitted. Where ``docs/metrics.md`` leaves room these are its choices:

1. A cell is (agent_id, model_version, task_type, department, channel, outcome_class), compared
   as UTF-8 bytes in this order; a missing part is ``__unknown__``. Reserved members have
   ``__unknown__`` everywhere else.
2. An action's cell is its own agent and model version with its task's type, department, channel
   and class at the end of the window. Department: the ticket's, else the agent's. Actions
   without a conversation, or flagged, are overhead: type and channel ``__unknown__``, the
   agent's department. Tools and retrievals have no model version. A span with impossible
   counts is no action.
3. A token line's group is (provider, model, day) when it names a model, else (provider, day).
   Explained share: tokens of the group's calls over ConsumedQuantity of its Usage lines
   (Corrections of category Usage included) where these count tokens and sum to more than 0;
   else priced usage over ListCost; else 1; at most 1. Each line is split into traced and
   untraced first. Traced goes by priced nano-units, by tokens when a call of the group is
   unpriced. No weight: ``__unallocated__``.
4. An amount is rounded to nano-units, then split over its days by microseconds (ties by ISO
   day), then allocated. A zero amount is one row on ``__unallocated__``.
5. GPU: per line and day, over microseconds busy per agent or model, idle, and not sampled (the
   line's own hours times its resource's GPUs, less what was sampled). Ties are broken by the
   agent's or model's name, ``__idle__``, ``__unallocated__``. Busy time of a sample: its
   interval times SM_ACTIVE, else GPU_UTIL, shared equally by the pods on a time-sliced device.
   A workload is an agent's by its namespace (allocation rule of class gpu), a model's when its
   container is a raw model name. Idle time of a dedicated GPU is its agent's overhead.
6. What is known by agent only goes to its cells of the day by inference microseconds, else by
   tokens, else to its overhead cell (model version ``__unknown__``).
7. An allocation rule's share is taken in 1e-9; what the rules of a line leave is
   ``__unallocated__``, as is a gpu or training line that no resource, run or rule names. Ties by
   agent id.
8. Unused commitments are ``__idle__`` as a whole. Lines of a training run go to ``__deferred__``.
9. Training comes back from the day after completion: floor(balance / lifespan) a day, the last
   day takes the rest, straight to the cells of its model version by tokens, on a day without
   use to ``__idle__``. On ``retired_on`` nothing is amortised: the whole rest is written off.
10. An estimate stands per (provider, model, day) while no current Usage line of the provider
    covers the day; it is the calls' own priced usage, nothing of it untraced. A tool's stated
    price is a charge (class platform) on the cells of the actions that state it.
11. The bill that counts is, per provider, account and billing period, its newest export.
12. A ticket open on the last day is a failure when it was created more than 30 days before it.
"""

from roi_engine.simulate.estate import InUse, Summary, write_estate

__all__ = ["InUse", "Summary", "write_estate"]
