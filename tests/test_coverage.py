"""Every interval that a mart publishes answers to a module that draws estates for it."""

from itertools import chain

import numpy as np
import pytest

from benchmarks.coverage.__main__ import Line, modules
from benchmarks.coverage._rows import NO_INTERVAL, ends, published

MODULES = {module.__name__.rpartition(".")[2]: module for module in modules()}
PUBLISHED = list(published())
ANSWERED = set(chain.from_iterable(chain(*m.COLUMNS.values()) for m in MODULES.values()))


@pytest.mark.parametrize("column", PUBLISHED)
def test_a_published_interval_is_drawn_for_or_said_to_be_none(column):
    assert (column in ANSWERED) != (column in NO_INTERVAL), (
        f"{column}: name it in COLUMNS of a module of benchmarks/coverage, or say in NO_INTERVAL"
        " why it promises nothing"
    )


def test_no_module_answers_for_what_nobody_publishes():
    assert set(PUBLISHED) >= ANSWERED | set(NO_INTERVAL)
    assert all(NO_INTERVAL.values())


def test_ends_of_a_figure_that_has_none():
    assert ends("daily_asr", "roi") == ("daily_asr.roi_low_28d", "daily_asr.roi_high_28d")
    with pytest.raises(ValueError, match="no ends"):
        ends("daily_asr", "roi", "spend")


@pytest.mark.parametrize("name", MODULES)
def test_a_module_draws_the_intervals_that_it_names(name):
    module = MODULES[name]
    rows = module.draw(4, np.random.default_rng(1))
    drawn = set(rows["interval"]) if "interval" in rows.columns else {module.TITLE}
    assert drawn == set(module.COLUMNS)
    assert set(getattr(module, "AT_LEAST", ())) <= drawn
    assert "Prior" in module.__doc__


@pytest.mark.parametrize(
    ("mean", "error", "verdict"),
    [
        pytest.param(0.929, 0.01, "TOO SURE", id="too sure, be it by luck"),
        pytest.param(0.93, 0.01, "", id="the least"),
        pytest.param(0.9705, 0.0074, "", id="wide by luck"),
        pytest.param(0.98, 0.0048, "TOO WIDE", id="wide beyond luck"),
    ],
)
def test_only_a_wide_interval_is_excused_by_luck(mean, error, verdict):
    line = Line("x", 0.95, mean, error, mean, mean, "s", 2000, 0.0)
    assert (line.verdict, line.is_kept) == (verdict, not verdict)
    assert line._replace(is_at_least=True).is_kept == (mean >= 0.93)
    assert line._replace(nominal=0.8).is_kept
