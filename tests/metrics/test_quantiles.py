"""Quantiles of histograms against the sorted values that they were made of."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from roi_engine.metrics.quantiles import (
    RELATIVE_ERROR,
    ZERO_BUCKET,
    bucket_of,
    bucket_value,
    quantile,
)

# one part in 10¹⁰ for values that lie on the edge of a bucket
ERROR = RELATIVE_ERROR * (1 + 1e-10)
duration = st.one_of(st.just(0.0), st.floats(1e-300, 1e300), st.floats(0.1, 100))
quantiles = st.lists(st.floats(0, 1), min_size=1, max_size=4)


def histogram(values: list[float]) -> tuple[np.ndarray, np.ndarray]:
    return np.unique(bucket_of(values), return_counts=True)


@given(x=st.floats(1e-307, 1e307))
def test_a_bucket_stands_for_its_values_within_half_a_percent(x):
    assert abs(bucket_value(bucket_of([x]))[0] - x) <= ERROR * x


def test_the_edges_of_buckets_are_within_half_a_percent_too():
    gamma = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
    edges = gamma ** np.arange(-5000.0, 5000.0)
    assert (abs(bucket_value(bucket_of(edges)) - edges) <= ERROR * edges).all()


@given(values=st.lists(duration, min_size=1, max_size=40), q=quantiles)
def test_a_quantile_is_that_of_the_sorted_values_within_half_a_percent(values, q):
    indices, counts = histogram(values)
    found = quantile(indices, counts, np.zeros(indices.size, int), q).values[0]
    expected = np.quantile(values, q, method="inverted_cdf")
    assert (abs(found - expected) <= ERROR * expected).all()


@given(values=st.lists(duration, min_size=1, max_size=40), q=quantiles, data=st.data())
def test_merging_is_putting_rows_together(values, q, data):
    cut = data.draw(st.integers(0, len(values)))
    parts = [histogram(part) for part in (values[:cut], values[cut:]) if part]
    indices, counts = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(indices, kind="stable")
    merged = quantile(indices[order], counts[order], np.zeros(order.size, int), q)
    whole = quantile(*histogram(values), np.zeros(histogram(values)[0].size, int), q)
    assert merged.values.tobytes() == whole.values.tobytes()


@settings(max_examples=50)
@given(groups=st.lists(st.lists(duration, min_size=1, max_size=9), min_size=1, max_size=5))
def test_a_group_does_not_depend_on_the_others(groups):
    rows = [(*histogram(values), number) for number, values in enumerate(groups)]
    indices = np.concatenate([row[0] for row in rows])
    counts = np.concatenate([row[1] for row in rows])
    ids = np.repeat(np.arange(len(rows)) * 3, [row[0].size for row in rows])
    together = quantile(indices, counts, ids, [0.5, 0.9])
    assert together.group_ids.tolist() == [3 * number for number in range(len(rows))]
    for number, (index, count, _) in enumerate(rows):
        alone = quantile(index, count, np.zeros(index.size, int), [0.5, 0.9])
        assert alone.values.tobytes() == together.values[number : number + 1].tobytes()


@pytest.mark.parametrize(
    ("q", "n", "rank"),
    [
        pytest.param(0.07, 100, 7, id="a hair over 7 is 7"),
        pytest.param(0.95, 20, 19, id="nineteen of twenty"),
        pytest.param(0.95, 21, 20, id="the next whole one"),
        pytest.param(0.0, 5, 1, id="the smallest"),
        pytest.param(1.0, 5, 5, id="the largest"),
    ],
)
def test_ranks_are_those_of_percentile_disc(q, n, rank):
    buckets = np.arange(n)
    assert quantile(buckets, [1] * n, [0] * n, q).values[0] == bucket_value(rank - 1)


def test_what_is_not_above_zero_reads_as_zero():
    assert bucket_of([0.0, -5.0, -1e-300]).tolist() == [ZERO_BUCKET] * 3
    assert quantile([ZERO_BUCKET, 70], [3, 1], [0, 0], [0.5, 0.76]).values[0].round(2).tolist() == [
        0.0,
        2.0,
    ]


def test_a_group_without_values_has_no_quantile():
    found = quantile([5, 9, 3], [0, 0, 2], [1, 1, 2], 0.5)
    assert np.isnan(found.values[0, 0])
    assert found.values[1, 0] == bucket_value(3)


def test_no_rows_no_groups():
    found = quantile([], [], [], [0.5, 0.9])
    assert found.values.shape == (0, 2)


@pytest.mark.parametrize(
    ("indices", "counts", "groups", "q", "message"),
    [
        pytest.param([2, 1], [1, 1], [0, 0], 0.5, "sorted", id="buckets out of order"),
        pytest.param([1, 2], [1, 1], [1, 0], 0.5, "sorted", id="groups out of order"),
        pytest.param([1], [-1], [0], 0.5, "negative", id="a negative count"),
        pytest.param([1], [1], [0], 1.5, "between", id="a quantile over 1"),
    ],
)
def test_what_makes_no_histogram_is_refused(indices, counts, groups, q, message):
    with pytest.raises(ValueError, match=message):
        quantile(indices, counts, groups, q)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_missing_value_has_no_bucket(value):
    with pytest.raises(ValueError, match="no bucket"):
        bucket_of([1.0, value])
