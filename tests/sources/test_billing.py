"""A bill is read to the last digit, whatever its export looks like."""

import gzip
import json
from datetime import date, datetime
from decimal import Decimal

import duckdb
import polars as pl
import pytest

from roi_engine.sources import billing
from roi_engine.sources.base import Context, Load, MissingColumn, Unreadable
from roi_engine.sources.schema import CHARGES, UNDATED

LINE = {
    "ProviderName": "OpenAI",
    "BillingAccountId": "acct",
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-01-01T00:00:00Z",
    "BillingPeriodEnd": "2026-02-01T00:00:00Z",
    "ChargeCategory": "Usage",
    "ChargePeriodStart": "2026-01-05T00:00:00Z",
    "ChargePeriodEnd": "2026-01-06T00:00:00Z",
    "BilledCost": "1.5",
    "EffectiveCost": "1.25",
    "Tags": '{"team": "a"}',
}


def csv(*lines, columns=None, encoding="utf-8"):
    columns = columns or list(lines[0])
    rows = [columns, *([line.get(column, "") for column in columns] for line in lines)]
    text = "".join(",".join(f'"{c.replace(chr(34), chr(34) * 2)}"' for c in r) + "\n" for r in rows)
    return text.encode(encoding)


@pytest.fixture
def parse(tmp_path):
    """Return a function that parses bytes: (rows by record number, what parse returned)."""

    def parse(content, **context):
        raw = tmp_path / "raw"
        raw.write_bytes(content)
        load = Load("load", "billing", "focus", "sha", "billing/raw")
        given = Context(b"key", tmp_path, **context)
        parsed = billing.parse(raw, load=load, context=given, out=tmp_path / "out")
        files = sorted((tmp_path / "out" / "charges").glob("day=*/load.parquet"))
        assert {date.fromisoformat(f.parent.name[4:]) for f in files} == parsed.days
        frames = [pl.read_parquet(file, hive_partitioning=False) for file in files]
        for frame in frames:
            assert frame.columns == list(CHARGES.all_columns)
            assert frame["_source_row"].is_sorted()
        rows = pl.concat(frames).sort("_source_row") if frames else pl.DataFrame()
        assert parsed.rows == {"charges": len(rows)}
        return rows, parsed

    return parse


def reasons(parsed):
    return {
        (row["rule"], row["severity"], row["_source_row"]): row["reason"]
        for row in parsed.quarantine.to_dicts()
    }


def test_a_plain_line(parse):
    rows, parsed = parse(csv(LINE))
    row = rows.to_dicts()[0]
    assert row["billed_cost"] == Decimal("1.5")
    assert row["charge_period_start"] == datetime.fromisoformat("2026-01-05T00:00:00")
    assert row["tags"] == '{"team":"a"}'
    assert (row["focus_version"], row["sub_account_id"], row["extra"]) == ("1.0", None, None)
    assert (row["_load_id"], row["_source_file"], row["_source_row"]) == ("load", "sha", 1)
    assert parsed.quarantine.is_empty()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(csv(LINE, columns=list(reversed(LINE))), id="reordered columns"),
        pytest.param(gzip.compress(csv(LINE)), id="gzip"),
        pytest.param(csv(LINE, encoding="utf-8-sig"), id="byte order mark"),
        pytest.param(csv(LINE, encoding="utf-16"), id="UTF-16"),
        pytest.param(csv(LINE).replace(b"\n", b"\r\n"), id="CRLF"),
        pytest.param(csv(LINE).replace(b'","', b'";"'), id="semicolons"),
        pytest.param(
            csv({name.replace("Cost", "_cost").lower(): text for name, text in LINE.items()}),
            id="lower case names",
        ),
    ],
)
def test_the_same_line_in_other_clothes(parse, tmp_path, content):
    rows, _ = parse(content)
    plain, _ = parse(csv(LINE))
    assert rows.equals(plain)


@pytest.mark.parametrize(
    ("columns", "version", "provider"),
    [
        ({"SkuMeter": "Tokens"}, "1.1", "OpenAI"),
        ({"InvoiceId": "i"}, "1.2", "OpenAI"),
        ({"ServiceProviderName": "Azure", "HostProviderName": "MS"}, "1.3", "Azure"),
        ({"ServiceProviderName": "Azure", "InvoiceDetailId": "1"}, "1.4", "Azure"),
    ],
)
def test_versions_are_told_by_their_columns(parse, columns, version, provider):
    rows, _ = parse(csv(LINE | columns))
    assert rows["focus_version"].to_list() == [version]
    assert rows["provider_name"].to_list() == [provider]


def test_1_4_has_no_provider_name(parse):
    line = {"ServiceProviderName" if k == "ProviderName" else k: v for k, v in LINE.items()}
    assert parse(csv(line))[0]["provider_name"].to_list() == ["OpenAI"]


def test_columns_without_a_place_are_kept_as_text(parse):
    rows, _ = parse(csv(LINE | {"x_Team": "a", "Id": "7", "x_Empty": "NULL"}))
    assert json.loads(rows["extra"][0]) == {"x_Team": "a", "Id": "7"}


def test_null_as_text_is_null(parse):
    rows, parsed = parse(csv(LINE | {"ResourceId": "NULL", "Tags": "NULL", "ListCost": "NULL"}))
    assert rows.select("resource_id", "tags", "list_cost").row(0) == (None, None, None)
    assert parsed.quarantine.is_empty()


@pytest.mark.parametrize("text", ["=1+1", "NaN", "1e400", "1,000.00", "-", "inf"])
def test_a_cost_that_is_none_is_null_rejected_and_in_quarantine(parse, text):
    rows, parsed = parse(csv(LINE | {"BilledCost": text}, LINE))
    assert rows["billed_cost"].to_list() == [None, Decimal("1.5")]
    assert json.loads(rows["_rejected"][0]) == {"billed_cost": text}
    assert rows["_rejected"][1] is None
    assert parsed.quarantine.height == 1
    found = parsed.quarantine.to_dicts()[0]
    assert (found["rule"], found["severity"]) == ("bad_value", "critical")
    assert (found["day"], found["_source_row"]) == (date(2026, 1, 5), 1)
    assert found["reason"].startswith(f'billed_cost: "{text}" is not')
    assert json.loads(found["record"])["billed_cost"] == text
    assert json.loads(found["record"])["effective_cost"] == "1.250000000000000000"


def test_digits_beyond_the_18th_are_rounded_with_a_warning(parse):
    rows, parsed = parse(csv(LINE | {"BilledCost": "-0.1234567890123456785"}))
    assert rows["billed_cost"].to_list() == [Decimal("-0.123456789012345679")]
    assert list(reasons(parsed)) == [("precision", "warning", 1)]


def test_an_offset_moves_the_day(parse):
    rows, parsed = parse(csv(LINE | {"ChargePeriodStart": "2026-01-05T01:00:00+02:00"}))
    assert rows["charge_period_start"].to_list() == [datetime.fromisoformat("2026-01-04T23:00:00")]
    assert parsed.days == {date(2026, 1, 4)}


def test_a_line_without_a_readable_day_is_kept_apart(parse):
    rows, parsed = parse(csv(LINE | {"ChargePeriodStart": "05/01/2026"}, LINE))
    assert parsed.days == {UNDATED, date(2026, 1, 5)}
    assert rows.height == 2
    assert parsed.quarantine["day"].to_list() == [None]


def test_tags_that_are_no_object_are_a_warning_for_no_money_is_lost(parse):
    rows, parsed = parse(csv(LINE | {"Tags": "team=a"}))
    assert rows.select("tags", "billed_cost").row(0) == (None, Decimal("1.5"))
    assert list(reasons(parsed)) == [("bad_value", "warning", 1)]


def test_a_broken_record_is_named_and_the_good_ones_arrive(parse):
    content = csv(LINE, LINE).splitlines(keepends=True)
    rows, parsed = parse(b"".join([content[0], content[1], b"cut off", b"\n", content[2]]))
    assert rows["_source_row"].to_list() == [1, 3]
    assert list(reasons(parsed)) == [("malformed_record", "critical", 2)]


@pytest.mark.parametrize("missing", ["BilledCost", "ProviderName", "ChargePeriodStart"])
def test_a_column_that_no_line_can_do_without(parse, missing):
    line = {name: text for name, text in LINE.items() if name != missing}
    with pytest.raises(MissingColumn, match="Provider" if "Prov" in missing else missing):
        parse(csv(line))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<!doctype html><html></html>", id="a page"),
        pytest.param(gzip.compress(csv(LINE))[:-9], id="truncated"),
        pytest.param(csv(LINE | {"Tags": "Müller"}, encoding="latin-1"), id="latin-1"),
        pytest.param(b"PAR1" + b"\x00" * 64 + b"PAR1", id="no Parquet"),
        pytest.param(b"\x1f\x8b" + b"noise" * 99, id="noise as gzip"),
    ],
)
def test_a_file_that_cannot_be_read(parse, content):
    with pytest.raises(Unreadable):
        parse(content)


def test_the_key_of_a_line_is_what_it_is_not_what_it_costs(parse):
    changed = {"BilledCost": "9", "EffectiveCost": "", "InvoiceId": "other", "ListCost": "3"}
    other = {"ChargeDescription": "x"}
    frequent = [{"ChargeFrequency": "Usage-Based"}, {"ChargeFrequency": "Usage-based"}]
    lines = [LINE, LINE | changed, LINE | other, *(LINE | one for one in frequent)]
    columns = list(LINE | changed | other | frequent[0])
    keys = parse(csv(*lines, columns=columns))[0]["line_key"].to_list()
    assert keys[0] == keys[1]
    assert keys[3] == keys[4]
    assert len(set(keys)) == 3


def test_parquet_gives_the_same_rows(parse, tmp_path):
    path = tmp_path / "export.parquet"
    duckdb.execute(
        f"""copy (
            select 'OpenAI' as ProviderName, 'acct' as BillingAccountId, 'USD' as BillingCurrency,
                timestamptz '2026-01-01 00:00:00+00' as BillingPeriodStart,
                timestamp '2026-02-01' as BillingPeriodEnd, 'Usage' as ChargeCategory,
                timestamp_ns '2026-01-05 00:00:00' as ChargePeriodStart,
                date '2026-01-06' as ChargePeriodEnd,
                1.5::double as BilledCost, 1.25::decimal(38, 9) as EffectiveCost,
                map {{' team': 'a'}} as Tags
        ) to '{path}'"""
    )
    rows, parsed = parse(path.read_bytes())
    plain, _ = parse(csv(LINE))
    assert rows.equals(plain)
    assert parsed.quarantine.is_empty()


def test_a_double_is_read_as_the_shortest_text_that_means_it(parse, tmp_path):
    path = tmp_path / "export.parquet"
    columns = ", ".join(f"'{v}' as {k}" for k, v in LINE.items() if k != "BilledCost")
    duckdb.execute(f"copy (select 0.1::double + 0.2 as BilledCost, {columns}) to '{path}'")
    assert parse(path.read_bytes())[0]["billed_cost"][0] == Decimal("0.30000000000000004")


def test_many_days_are_cut_in_order(parse):
    lines = [LINE | {"ChargePeriodStart": f"2026-01-{1 + n % 28:02d}"} for n in range(200)]
    rows, parsed = parse(csv(*lines))
    assert len(parsed.days) == 28
    assert rows["_source_row"].to_list() == list(range(1, 201))


def test_the_public_focus_sample_to_the_last_digit(parse, shared_data, expected):
    rows, parsed = parse((shared_data / "inbox/billing/focus_1.0_sample_1000.csv").read_bytes())
    assert parsed.quarantine.is_empty()
    total = expected["focus"]["total"]
    assert rows.height == total["rows"]
    for column, name in [
        ("billed_cost", "BilledCost"),
        ("effective_cost", "EffectiveCost"),
        ("list_cost", "ListCost"),
    ]:
        assert rows[column].sum() == Decimal(total[name])
    for category, figures in expected["focus"]["by_service_category"].items():
        lines = rows.filter(pl.col("service_category") == category)
        assert lines.height == figures["rows"]
        assert lines["billed_cost"].sum() == Decimal(figures["BilledCost"])
    # quirks that README.md of the data names
    assert rows.filter(pl.col("billed_cost") < 0).height == 13
    assert rows["tags"].null_count() == 289
    assert rows["charge_class"].null_count() == 1000
    assert min(parsed.days) == date(2024, 9, 1)
    assert max(parsed.days) == date(2024, 9, 30)
    october = rows.filter(pl.col("billing_period_start").dt.month() == 10)
    assert october["charge_period_start"].dt.date().to_list() == [date(2024, 9, 30)]
    assert rows["line_key"].n_unique() == 1000
