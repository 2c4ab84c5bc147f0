"""How often do intervals hold the truth? One module an interval, one prior each, simulated.

A module has a ``TITLE``, a docstring with its stated prior, ``COLUMNS`` (interval → the published
columns that it answers for; ``_rows.published`` has them all), and
``draw(estates, rng) -> pl.DataFrame`` with one row an interval: ``estate``, ``stratum``,
``has_interval``, ``held``; where it draws several, ``interval`` names each and ``nominal`` says
what each promises (else 0.95, or the module's ``NOMINAL``). Modules whose names begin with an
underscore are shared by the others. What promises 95 % *at least* is named in ``AT_LEAST``.
"""
