"""What the books ask: spans, prices, gateway, report and bill of a provider's day; invoices."""

from roi_engine.marts.facts import Count, FactQuery, Join, Sum
from roi_engine.marts.money import NANO, VALUE_SCALE
from roi_engine.marts.queries import TOKENS, UNKNOWN

BUCKETS = (
    "input_uncached_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_visible_tokens",
    "reasoning_tokens",
)
RATES = (
    "input_uncached_per_million",
    "cache_read_per_million",
    "cache_write_5m_per_million",
    "cache_write_1h_per_million",
    "output_per_million",
)
MODEL_CALL = "cost_status in ('priced', 'unpriced', 'free', 'unmetered')"
_BY_TOKENS = "cost_class = 'token_api'"
_LISTED = "list_cost is not null and billing_currency = currency"

_PROVIDER = (("day", "day"), ("provider", f"coalesce(provider, '{UNKNOWN}')"))

CALLS_BY_PRICE = FactQuery(
    "calls_by_price",
    "fct_agent_action",
    by=(
        *_PROVIDER,
        ("model", "coalesce(model, '')"),
        ("tier", "coalesce(tier, 'standard')"),
        ("price_id", "price_id"),
        ("price_currency", "price_currency"),
    ),
    sums=(
        *(Sum(bucket, bucket, 0) for bucket in BUCKETS),
        Sum("tokens", TOKENS, 0),
        Sum("unpriced_tokens", TOKENS, 0, "cost_status = 'unpriced'"),
        Sum("priced_cost", "priced_cost", NANO),
        Sum("failed_cost", "priced_cost", NANO, "coalesce(is_error, false)"),
    ),
    counts=(
        Count("calls"),
        Count("unpriced_calls", "cost_status = 'unpriced'"),
        Count("failed_calls", "coalesce(is_error, false)"),
    ),
    where=MODEL_CALL,
    about="Model calls by the set of prices that they were priced with.",
)
TOKEN_CHARGES = FactQuery(
    "token_charges",
    "fct_charge",
    by=(
        *_PROVIDER,
        ("model", "coalesce(model, '')"),
        ("origin", "coalesce(origin, 'bill')"),
        ("charge_category", "coalesce(charge_category, 'Usage')"),
        ("is_correction", "coalesce(charge_class, '') = 'Correction'"),
    ),
    sums=(
        Sum("cost", "cost", NANO),
        Sum("listed_cost", "cost", NANO, _LISTED),
        Sum("list_cost", "list_cost", VALUE_SCALE, _LISTED),
    ),
    counts=(
        Count("lines"),
        Count("billed_lines", "coalesce(cost_basis, 'billed') in ('billed', 'mixed')"),
        Count("estimated_lines", "cost_basis in ('estimated', 'mixed')"),
    ),
    where=_BY_TOKENS,
    about="Model providers' charges, and the estimates that stand in for them.",
)
UNTRACED = FactQuery(
    "untraced",
    "fct_cost_allocation",
    by=(
        ("day", "day"),
        ("provider", f"coalesce(of_provider, '{UNKNOWN}')"),
        ("model", "coalesce(of_model, '')"),
    ),
    sums=(Sum("untraced_cost", "allocated_cost", NANO),),
    counts=(Count("parts"),),
    where=(
        "reason in ('untraced', 'no_usage') and of_class = 'token_api'"
        " and coalesce(charge_category, 'Usage') = 'Usage'"
        " and coalesce(of_charge_class, '') <> 'Correction'"
    ),
    join=Join(
        "fct_charge",
        on=("charge_id", "day"),
        columns=(
            ("of_provider", "provider"),
            ("of_model", "model"),
            ("of_class", "cost_class"),
            ("of_charge_class", "charge_class"),
        ),
        how="inner",
    ),
    about="What providers billed for usage that no trace shows.",
)
GATEWAY = FactQuery(
    "gateway",
    "fct_gateway_cost",
    by=_PROVIDER,
    sums=(
        Sum("logged_cost", "logged_cost", NANO),
        Sum("difference", "logged_cost - priced_cost", NANO),
    ),
    counts=(Count("calls"),),
    where="logged_cost is not null",
    about="What a gateway's own log says that its calls cost.",
)
PROVIDER_REPORT = FactQuery(
    "provider_report",
    "fct_provider_report",
    by=_PROVIDER,
    sums=(Sum("reported_cost", "reported_cost", NANO),),
    counts=(Count("reports"), Count("unknown_reports", "reported_cost is null")),
    about="What a provider's own report says that a day has cost.",
)
PRICES = FactQuery(
    "prices",
    "dim_price",
    by=tuple(
        (name, name)
        for name in (
            *("price_id", "provider", "model", "tier", "context_from", "valid_from", "valid_to"),
            *RATES,
        )
    ),
    reaches_back=None,
    about="Sets of prices.",
)

INVOICE_LINES = FactQuery(
    "invoice_lines",
    "fct_charge",
    by=(
        *_PROVIDER,
        ("billing_period", "billing_period_start"),
        ("invoice_id", f"coalesce(invoice_id, '{UNKNOWN}')"),
        ("billing_currency", f"coalesce(billing_currency, '{UNKNOWN}')"),
    ),
    sums=(Sum("charged", "cost", NANO), Sum("invoiced", "billed_cost", VALUE_SCALE)),
    counts=(
        Count("line_days"),
        Count("billed_lines", "coalesce(cost_basis, 'billed') in ('billed', 'mixed')"),
        Count("estimated_lines", "cost_basis in ('estimated', 'mixed')"),
    ),
    where="origin = 'bill'",
    about="Lines of each invoice, by the day that they charge.",
)
INVOICE_PARTS = FactQuery(
    "invoice_parts",
    "fct_cost_allocation",
    by=(
        ("day", "day"),
        ("provider", f"coalesce(of_provider, '{UNKNOWN}')"),
        ("billing_period", "of_period"),
        ("invoice_id", f"coalesce(of_invoice, '{UNKNOWN}')"),
        ("billing_currency", f"coalesce(of_currency, '{UNKNOWN}')"),
    ),
    sums=(
        Sum("allocated", "allocated_cost", NANO),
        *(
            Sum(name, "allocated_cost", NANO, f"agent_id = '{member}'")
            for name, member in (
                ("unallocated", "__unallocated__"),
                ("idle", "__idle__"),
                ("out_of_scope", "__out_of_scope__"),
                ("deferred", "__deferred__"),
            )
        ),
    ),
    where="of_origin = 'bill'",
    join=Join(
        "fct_charge",
        on=("charge_id", "day"),
        columns=(
            ("of_provider", "provider"),
            ("of_period", "billing_period_start"),
            ("of_invoice", "invoice_id"),
            ("of_currency", "billing_currency"),
            ("of_origin", "origin"),
        ),
        how="inner",
    ),
    about="Where the lines of each invoice went.",
)
_ADDED = (
    *("charged", "allocated", "to_agents", "unallocated", "idle", "out_of_scope", "deferred"),
    "invoiced",
)
INVOICE_DAYS = FactQuery(
    "invoice_days",
    "daily_invoice",
    by=tuple(
        (name, name)
        for name in (
            *("day", "provider", "billing_period", "invoice_id", "billing_currency"),
            *("cost_basis", "status"),
        )
    ),
    sums=(*(Sum(name, name, NANO) for name in _ADDED), Sum("line_days", "line_days", 0)),
    reaches_back=None,
    about="Every day of every invoice; a few rows a day.",
)
INVOICE_AMOUNTS = _ADDED
