"""The page stands alone, says what happened, and lets no data become markup."""

from datetime import date
from html.parser import HTMLParser

import duckdb
import polars as pl
import pytest

from roi_engine.gate import RESULT_SCHEMA
from roi_engine.report import validation

DAY = date(2026, 3, 2)
VOID = {"meta", "br"}


def result(rule, *, day=None, success=True, severity="critical", unexpected=0, observed=None):
    return {
        "run_id": "run-7",
        "source": "tokens",
        "day": day,
        "rule": rule,
        "expectation": "expect_column_values_to_not_be_null",
        "column_name": "x",
        "severity": severity,
        "reason": "Because.",
        "success": success,
        "checked": 100,
        "unexpected": unexpected,
        "observed": observed,
    }


@pytest.fixture
def quarantine():
    con = duckdb.connect()
    con.execute(
        "create table quarantine (source varchar, rule varchar, reason varchar, severity varchar,"
        " day date, stage varchar, _load_id varchar, _source_file varchar, _source_row bigint,"
        " record varchar)"
    )
    con.execute(
        "insert into quarantine select 'tokens', 'spans.counts_possible', 'A count.', 'critical',"
        " date '2026-03-02', 'gate', 'l', 'abcdef0123456789', i, '{\"agent_id\":\"<script>\"}'"
        " from range(1, 8) numbers(i)"
    )
    return validation.quarantine_summary(con, "quarantine")


@pytest.fixture
def page(quarantine):
    results = pl.DataFrame(
        [
            result("spans.counts_possible", success=False, unexpected=7, observed="<b>-1</b> (7)"),
            result("spans.counts_possible", day=DAY, success=False, unexpected=7),
            result("spans.tier_known", success=False, severity="warning", unexpected=1),
            result("spans.started_at_present"),
        ],
        schema=RESULT_SCHEMA,
    )
    return validation.render(results, quarantine, {DAY: "tokens: 7 of 100 rows"}, label="SIMULATED")


class Outline(HTMLParser):
    """Fails on a tag that is closed in the wrong order; keeps what a reader would load or read."""

    def __init__(self):
        super().__init__()
        self.open, self.links, self.tags, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):  # noqa: D102 - named by the parser that calls it
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):  # noqa: D102
        assert self.open.pop() == tag

    def handle_data(self, data):  # noqa: D102
        self.text.append(data)


def outline(page):
    parser = Outline()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def test_the_page_is_well_formed_and_loads_nothing(page):
    found = outline(page)
    assert found.links == []
    assert not {"script", "link", "img", "iframe"} & set(found.tags)
    assert "http:" not in page
    assert "https:" not in page
    assert "default-src 'none'" in page


def test_data_never_becomes_markup(page):
    assert "&lt;script&gt;" in page
    assert "&lt;b&gt;-1&lt;/b&gt; (7)" in page


def test_the_page_says_what_happened(page):
    text = " ".join(outline(page).text)
    for sentence in (
        "run-7",
        "SIMULATED",
        "tokens: 7 of 100 rows",
        "2026-03-02: 7 of 100",
        "spans.tier_known",
        "1 rules",
    ):
        assert sentence in text


def test_a_few_rows_are_named_and_all_are_counted(quarantine):
    row = quarantine.row(0, named=True)
    assert (row["rows"], row["days"]) == (7, 1)
    lines = row["examples"].split("\n")
    assert len(lines) == validation.EXAMPLES
    assert lines[0].startswith("file abcdef012345 row 1: ")


def test_a_run_without_failures_says_so(quarantine):
    results = pl.DataFrame([result("spans.started_at_present")], schema=RESULT_SCHEMA)
    page = validation.render(results, quarantine.clear(), {})
    text = " ".join(outline(page).text)
    assert "every day that was asked for passed" in text
    assert "Empty." in text


def test_writing_leaves_no_draft(tmp_path, quarantine):
    results = pl.DataFrame([result("spans.started_at_present")], schema=RESULT_SCHEMA)
    path = tmp_path / "validation.html"
    validation.write(path, results, quarantine, {})
    assert [each.name for each in tmp_path.iterdir()] == ["validation.html"]
