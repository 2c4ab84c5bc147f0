"""CSV records keep their numbers, whatever stands between them."""

import pytest
from hypothesis import given, settings, strategies as st

from roi_engine.sources import delimited, files
from roi_engine.sources.base import Context, Unreadable


def read(tmp_path, text):
    path = tmp_path / "file.csv"
    path.write_bytes(text.encode())
    with files.connect(Context(b"", tmp_path)) as con:
        table = delimited.read(con, path)
        rows = con.execute(f"select * from {table.relation} order by _source_row").fetchall()
    return table, rows


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a,b\n1,x\n2,y\n", id="comma"),
        pytest.param("a;b\n1;x\n2;y\n", id="semicolon"),
        pytest.param("a\tb\n1\tx\n2\ty", id="tab, no line end"),
        pytest.param('"a","b"\r\n"1","x"\r\n"2","y"\r\n', id="quoted, CRLF"),
        pytest.param("a,b\n1,x\r\n2,y\n", id="mixed line ends"),
        pytest.param("a,b\r1,x\r2,y\r", id="old Mac line ends"),
        pytest.param("a,b\n1,x\n\n2,y\n\n", id="blank lines are no records"),
    ],
)
def test_dialects(tmp_path, text):
    table, rows = read(tmp_path, text)
    assert table.columns == ("a", "b")
    assert rows == [(1, "1", "x"), (2, "2", "y")]


def test_a_cell_may_hold_lines_quotes_and_delimiters(tmp_path):
    _, rows = read(tmp_path, 'a,b\n"1\n2","say ""hi"", you"\n3,4\n')
    assert rows == [(1, "1\n2", 'say "hi", you'), (2, "3", "4")]


def test_a_header_alone_is_a_table_without_rows(tmp_path):
    assert read(tmp_path, "day,rate\n")[1] == []


def test_bad_records_are_refused_and_the_others_keep_their_numbers(tmp_path):
    table, rows = read(tmp_path, 'a,b\n1,1\nonly\n3,3\n4,4,4\n"5"5,5\n6,6\n')
    assert [row[0] for row in rows] == [1, 3, 6]
    assert [refusal.row for refusal in table.refused] == [2, 4, 5]
    assert "fewer" in table.refused[0].reason


@given(st.lists(st.booleans(), max_size=40))
@settings(max_examples=40, deadline=None)
def test_numbers_hold_for_any_pattern_of_bad_records(tmp_path_factory, pattern):
    lines = [f"{n},x" if good else "bad" for n, good in enumerate(pattern, start=1)]
    _, rows = read(tmp_path_factory.mktemp("csv"), "\n".join(["a,b", *lines, ""]))
    assert [(row[0], int(row[1])) for row in rows] == [
        (n, n) for n, good in enumerate(pattern, start=1) if good
    ]


def test_a_file_of_garbage_names_a_thousand_records_and_counts_the_rest(tmp_path):
    table, rows = read(tmp_path, "a,b\n" + "bad\n" * 1500 + "1,2\n")
    assert rows == [(1501, "1", "2")]
    assert len(table.refused) == delimited.MAX_NAMED + 1
    assert table.refused[-1].reason.startswith("500 more")


def test_a_quote_that_is_never_closed_refuses_the_file(tmp_path):
    with pytest.raises(Unreadable, match="record 2 is not closed"):
        read(tmp_path, 'a,b\n1,1\n2,"2\n' + "3,3\n" * 1000)


def test_two_columns_of_one_name_refuse_the_file(tmp_path):
    with pytest.raises(Unreadable, match="'cost' twice"):
        read(tmp_path, "cost,cost\n1,2\n")
