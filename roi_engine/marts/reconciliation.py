"""reconciliation: from a provider's traced tokens to its bill, step by step, exactly."""

import polars as pl

from roi_engine.marts.declared.reconciliation import KINDS, RECONCILIATION, STEPS
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import VALUE_SCALE, as_decimal, nullable, to_nano, units, whole
from roi_engine.marts.params import Params
from roi_engine.marts.parts import cost_basis, requested, stamp, statuses
from roi_engine.marts.queries import MATURITY, OPEN_COST
from roi_engine.marts.queries_books import (
    CALLS_BY_PRICE,
    GATEWAY,
    PRICES,
    PROVIDER_REPORT,
    RATES,
    TOKEN_CHARGES,
    UNTRACED,
)
from roi_engine.metrics.alarms import outside_tolerance
from roi_engine.metrics.roi import ratio

QUERIES: tuple[FactQuery, ...] = (
    CALLS_BY_PRICE,
    TOKEN_CHARGES,
    UNTRACED,
    GATEWAY,
    PROVIDER_REPORT,
    PRICES,
    MATURITY,
    OPEN_COST,
)

_KEYS = ["day", "provider"]
_GROUP = [*_KEYS, "model"]
_REPORTED = ("provider_reported_cost", "report_over_price_book", "bill_over_report")
_EFFECT_SCALE = 15
"""Tokens times a rate per million at nano-units."""
_BY_CATEGORY = {
    "Tax": "tax",
    "Credit": "credit",
    "Purchase": "purchase",
    "Adjustment": "adjustment",
}


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows of the requested days.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices.

    Returns:
        The mart as declared, sorted by grain.
    """
    calls, charges, untraced, gateway, reports = (
        requested(_lower(answer(query, facts)), params)
        for query in (CALLS_BY_PRICE, TOKEN_CHARGES, UNTRACED, GATEWAY, PROVIDER_REPORT)
    )
    steps = pl.concat(
        [
            _spans(calls, answer(PRICES, facts), params),
            _bill(charges),
            _usage(calls, charges, untraced),
            # a day that only the provider itself knows of is a statement too
            _long(reports.with_columns(bill=whole(0), none=pl.lit(0)), {"bill": "none"}),
        ]
    ).pipe(_close)
    memos = (
        gateway.select(
            *_KEYS,
            pl.concat_list(
                pl.struct(step=pl.lit("gateway"), amount="logged_cost", items="calls"),
                pl.struct(step=pl.lit("gateway_difference"), amount="difference", items="calls"),
            ).alias("each"),
        )
        .explode("each")
        .unnest("each")
    )
    places = pl.DataFrame(
        {"step": STEPS, "position": range(1, len(STEPS) + 1), "kind": [KINDS[s] for s in STEPS]},
        schema={"step": pl.String, "position": pl.Int64, "kind": pl.String},
    )
    basis = charges.group_by(_KEYS).agg(pl.col("billed_lines", "estimated_lines").sum())
    return (
        pl.concat([steps, memos.select(steps.columns)])
        .join(places, on="step", how="left", validate="m:1")
        .pipe(_judge, params)
        .pipe(_compare, reports)
        .join(basis, on=_KEYS, how="left", validate="m:1")
        .with_columns(pl.col("billed_lines", "estimated_lines").fill_null(0))
        .with_columns(cost_basis(), *as_decimal("amount", *_REPORTED), evidence=pl.lit("measured"))
        .join(statuses(facts, params), on="day", how="left", validate="m:1")
        .pipe(stamp, params)
        .pipe(RECONCILIATION.conform)
    )


def _lower(frame: pl.DataFrame) -> pl.DataFrame:
    """Spell providers alike: bills and traces differ in capitals."""
    return frame.with_columns(pl.col("provider").str.to_lowercase())


def _long(frame: pl.DataFrame, steps: dict[str, str]) -> pl.DataFrame:
    """Turn columns into rows (step → its column of items); what is 0 and of no item is no row."""
    rows = [
        frame.select(
            *_KEYS,
            pl.lit(step).alias("step"),
            pl.col(step).cast(pl.Int128).alias("amount"),
            pl.col(items).cast(pl.Int64).alias("items"),
        )
        for step, items in steps.items()
    ]
    return pl.concat(rows).filter(
        (pl.col("amount") != 0) | pl.col("step").is_in(["plain", "price_book", "bill"])
    )


def _spans(calls: pl.DataFrame, prices: pl.DataFrame, params: Params) -> pl.DataFrame:
    """Price every token plainly, then say what caches and tiers take off.

    A token's plain rate is the standard tier's rate of uncached input, or of output, of the same
    model and length at that time. Where there is none, or rates are in another currency, the
    own rates are taken for plain.
    """
    own = prices.select(
        *("price_id", "context_from", "valid_from"),
        *(pl.col(rate).to_physical().cast(pl.Int128).alias(f"own_{rate}") for rate in RATES),
    )
    standard = prices.filter(pl.col("tier") == "standard").select(
        pl.col("provider").str.to_lowercase(),
        *("model", "context_from"),
        pl.col("valid_from").alias("standard_from"),
        pl.col("valid_to").alias("standard_to"),
        *(pl.col(rate).to_physical().cast(pl.Int128).alias(f"standard_{rate}") for rate in RATES),
    )
    key = ["number"]
    priced = calls.with_row_index("number").join(own, on="price_id", how="left", validate="m:1")
    since = pl.max_horizontal("valid_from", pl.col("day").cast(pl.Datetime("us")))
    at_that_time = (
        priced.filter(pl.col("tier") != "standard")
        .with_columns(since=since)
        .join(standard, on=["provider", "model", "context_from"], how="inner")
        .filter(
            (pl.col("since") >= pl.col("standard_from"))
            & (pl.col("standard_to").is_null() | (pl.col("since") < pl.col("standard_to")))
        )
        .sort(*key, "standard_from")
        .unique(key, keep="last", maintain_order=True)
        .select(*key, *(f"standard_{rate}" for rate in RATES))
    )
    plain_input = "input_uncached_per_million"
    rated = (
        priced.join(at_that_time, on=key, how="left", validate="1:1")
        .with_columns(
            pl.coalesce(f"own_{rate}", f"own_{plain_input}", whole(0)).alias(f"own_{rate}")
            for rate in RATES
        )
        .with_columns(
            pl.coalesce(f"standard_{rate}", f"own_{rate}").alias(f"standard_{rate}")
            for rate in RATES
        )
        .with_columns(
            output_tokens=pl.col("output_visible_tokens") + pl.col("reasoning_tokens"),
            is_ours=(pl.col("price_currency") == params.currency).fill_null(False),
        )
    )
    tokens = (
        "input_uncached_tokens",
        "cache_read_tokens",
        "cache_write_5m_tokens",
        "cache_write_1h_tokens",
        "output_tokens",
    )
    by_tier = pl.sum_horizontal(
        pl.col(bucket) * (pl.col(f"own_{rate}") - pl.col(f"standard_{rate}"))
        for bucket, rate in zip(tokens, RATES, strict=True)
    )
    by_cache = pl.sum_horizontal(
        pl.col(bucket) * (pl.col(f"standard_{rate}") - pl.col(f"standard_{plain_input}"))
        for bucket, rate in zip(tokens[1:4], RATES[1:4], strict=True)
    )
    summed = (
        rated.with_columns(
            tier_effect=pl.when("is_ours").then(by_tier).otherwise(whole(0)),
            cache_effect=pl.when("is_ours").then(by_cache).otherwise(whole(0)),
        )
        .group_by(_KEYS)
        .agg(
            pl.col("tier_effect", "cache_effect", "priced_cost").sum(),
            pl.col("calls", "failed_calls").sum(),
            cached_calls=pl.col("calls").filter(pl.col("cache_effect") != 0).sum(),
            tiered_calls=pl.col("calls").filter(pl.col("tier_effect") != 0).sum(),
        )
        .with_columns(
            to_nano("tier_effect", _EFFECT_SCALE).alias("tier"),
            to_nano("cache_effect", _EFFECT_SCALE).alias("cache"),
            price_book=pl.col("priced_cost"),
        )
        .with_columns(plain=pl.col("price_book") - pl.col("cache") - pl.col("tier"))
    )
    return _long(
        summed,
        {
            "plain": "calls",
            "cache": "cached_calls",
            "tier": "tiered_calls",
            "price_book": "calls",
        },
    )


def _bill(charges: pl.DataFrame) -> pl.DataFrame:
    """Sum the bill, and the lines of it that are no usage; estimates are what is not there yet."""
    correction = pl.col("is_correction")
    step = (
        pl.when(pl.col("origin") == "estimate")
        .then(pl.lit("late"))
        .when(correction)
        .then(pl.lit("correction"))
        .otherwise(pl.col("charge_category").replace_strict(_BY_CATEGORY, default=None))
    )
    sign = pl.when(pl.col("origin") == "estimate").then(whole(-1)).otherwise(whole(1))
    named = (
        charges.with_columns(step=step, amount=pl.col("cost") * sign)
        .filter(pl.col("step").is_not_null())
        .group_by(*_KEYS, "step")
        .agg(pl.col("amount").sum(), pl.col("lines").sum().alias("items"))
        .filter(pl.col("amount") != 0)
    )
    billed = charges.filter(pl.col("origin") == "bill")
    total = billed.group_by(_KEYS).agg(
        pl.lit("bill").alias("step"),
        pl.col("cost").sum().alias("amount"),
        pl.col("lines").sum().alias("items"),
    )
    columns = [*_KEYS, "step", "amount", "items"]
    return pl.concat(
        [
            frame.select(
                *_KEYS, "step", pl.col("amount").cast(pl.Int128), pl.col("items").cast(pl.Int64)
            )
            for frame in (named, total)
        ]
    ).select(columns)


def _usage(calls: pl.DataFrame, charges: pl.DataFrame, untraced: pl.DataFrame) -> pl.DataFrame:
    """Split what was billed for usage: not traced, traced without a price, below list price."""
    whole_provider = calls.with_columns(model=pl.lit(""))
    traced = (
        pl.concat([calls.filter(pl.col("model") != ""), whole_provider])
        .group_by(_GROUP)
        .agg(pl.col("tokens", "unpriced_tokens").sum(), pl.col("unpriced_calls").sum())
    )
    usage = (
        charges.filter(
            (pl.col("origin") == "bill")
            & (pl.col("charge_category") == "Usage")
            & ~pl.col("is_correction")
        )
        .with_columns(to_nano("list_cost", VALUE_SCALE).alias("list_cost"))
        .group_by(_GROUP)
        .agg(pl.col("cost", "listed_cost", "list_cost").sum(), pl.col("lines").sum())
        .join(untraced.drop("parts"), on=_GROUP, how="left", validate="1:1")
        .join(traced, on=_GROUP, how="left", validate="1:1")
        .with_columns(
            pl.col("untraced_cost", "tokens", "unpriced_tokens").fill_null(whole(0)),
            pl.col("unpriced_calls").fill_null(0),
        )
        .with_columns(traced_cost=pl.col("cost") - pl.col("untraced_cost"))
        .with_columns(
            unpriced=_share(pl.col("traced_cost"), pl.col("unpriced_tokens"), pl.col("tokens"))
        )
        .with_columns(
            discount=pl.when(pl.col("listed_cost") == pl.col("cost"))
            .then(
                _share(
                    pl.col("cost") - pl.col("list_cost"),
                    pl.col("traced_cost") - pl.col("unpriced"),
                    pl.col("cost"),
                )
            )
            .otherwise(whole(0)),
            untraced=pl.col("untraced_cost"),
        )
        .group_by(_KEYS)
        .agg(
            pl.col("unpriced", "discount", "untraced").sum(),
            pl.col("lines", "unpriced_calls").sum(),
        )
    )
    failed = (
        calls.group_by(_KEYS)
        .agg(retry=pl.col("failed_cost").sum(), failed_calls=pl.col("failed_calls").sum())
        .pipe(_long, {"retry": "failed_calls"})
    )
    split = _long(usage, {"unpriced": "unpriced_calls", "untraced": "lines", "discount": "lines"})
    return pl.concat([split, failed])


def _share(amount: pl.Expr, part: pl.Expr, of: pl.Expr) -> pl.Expr:
    """Return amount · part / of, rounded half away from zero; 0 where ``of`` is 0."""
    product = amount * part * of.sign()
    size = of.abs()
    rounded = product.sign() * ((product.abs() * whole(2) + size) // (size * whole(2)))
    return pl.when(of != 0).then(rounded).otherwise(whole(0))


def _close(steps: pl.DataFrame) -> pl.DataFrame:
    """Let failed attempts explain at most what the spans have over the bill; the rest is open.

    ``retry`` comes in as what failed attempts would cost; ``unexplained`` makes the rows add up.
    """
    columns = steps.columns
    explained = pl.col("step").is_in([s for s in STEPS if KINDS[s] in {"start", "difference"}])
    totals = (
        steps.group_by(_KEYS)
        .agg(
            started=pl.col("amount").filter(explained & (pl.col("step") != "retry")).sum(),
            failed=pl.col("amount").filter(pl.col("step") == "retry").sum(),
            billed=pl.col("amount").filter(pl.col("step") == "bill").sum(),
        )
        .with_columns(gap=pl.col("billed") - pl.col("started"))
        .with_columns(
            retry=pl.when(pl.col("gap") < 0)
            .then(
                pl.when(pl.col("gap") + pl.col("failed") >= 0)
                .then(pl.col("gap"))
                .otherwise(whole(0) - pl.col("failed"))
            )
            .otherwise(whole(0))
        )
    )
    made = pl.concat(
        [
            totals.select(
                *_KEYS,
                pl.lit(step).alias("step"),
                amount.cast(pl.Int128).alias("amount"),
                pl.lit(0, dtype=pl.Int64).alias("items"),
            )
            for step, amount in (
                ("plain", whole(0)),
                ("price_book", whole(0)),
                ("bill", whole(0)),
                ("unexplained", pl.col("gap") - pl.col("retry")),
            )
        ]
    )
    tried = (
        steps.filter(pl.col("step") == "retry")
        .join(totals.select(*_KEYS, "retry"), on=_KEYS, how="left", validate="1:1")
        .with_columns(amount=pl.col("retry").cast(pl.Int128))
        .filter(pl.col("amount") != 0)
        .select(columns)
    )
    # every provider's day has both ends, the subtotal and what is left
    return (
        pl.concat([steps.filter(pl.col("step") != "retry"), tried, made.select(columns)])
        .group_by(*_KEYS, "step")
        .agg(pl.col("amount").sum(), pl.col("items").sum())
    )


def _judge(rows: pl.DataFrame, params: Params) -> pl.DataFrame:
    """Hold what is left against the tolerance, on exact money."""
    ends = rows.group_by(_KEYS).agg(
        whole=pl.col("amount").filter(pl.col("step").is_in(["bill", "price_book"])).abs().max()
    )
    rows = rows.join(ends, on=_KEYS, how="left", validate="m:1")
    told = outside_tolerance(
        rows["amount"].to_list(),
        rows["whole"].to_list(),
        share=params.reconciliation_tolerance,
        amount=params.reconciliation_tolerance_amount,
    )
    is_left = pl.col("step") == "unexplained"
    return rows.with_columns(
        pl.Series("gap", told, dtype=pl.Boolean),
        nullable("share", ratio(units(rows, "amount"), units(rows, "whole"))),
    ).with_columns(
        verdict=pl.when(is_left & pl.col("gap"))
        .then(pl.lit("gap"))
        .when(is_left)
        .then(pl.lit("within")),
        share_of_bill=pl.when(is_left).then("share"),
    )


def _compare(rows: pl.DataFrame, reports: pl.DataFrame) -> pl.DataFrame:
    """Set the provider's own report beside price book and bill, on the bill's row."""
    # providers that differ in capitals only are one
    reported = reports.group_by(_KEYS).agg(
        provider_reported_cost=pl.when(pl.col("unknown_reports").sum() == 0).then(
            pl.col("reported_cost").sum()
        ),
    )
    booked = rows.filter(pl.col("step") == "price_book").select(*_KEYS, booked="amount")
    told, is_bill = pl.col("provider_reported_cost"), pl.col("step") == "bill"
    return (
        rows.join(reported, on=_KEYS, how="left", validate="m:1")
        .join(booked, on=_KEYS, how="left", validate="m:1")
        .with_columns(
            provider_reported_cost=pl.when(is_bill).then(told),
            report_over_price_book=pl.when(is_bill).then(told - pl.col("booked")),
            bill_over_report=pl.when(is_bill).then(pl.col("amount") - told),
        )
    )
