"""Langfuse's exports out of a bucket give the inbox's rows, and a rewritten one counts once."""

import pytest

from roi_engine.doors.base import Mark
from roi_engine.doors.objects import Objects
from tests.doors.lake import bronze, extract, loads
from tests.doors.test_storage import BUCKET, declared, s3, server
from tests.sources.test_langfuse import at, enriched, lines, observation, parquet

__all__ = ["declared", "s3", "server"]

EXPORT = "lake/project/observations_v2/2026-01-05T09-00-00"
DAY = "clickhouse/observations/2026-01-05.parquet"


def calls(*inputs: int, first=1) -> list[dict]:
    """Return a call for each count of input tokens; calls are told apart by their number."""
    return [
        observation(
            number,
            start_time=at(number),
            metadata=enriched({"gen_ai.agent.id": "support", "gen_ai.operation.name": "chat"}),
            usage_details={"input": count, "input_cached_tokens": 1, "output": 2},
        )
        for number, count in enumerate(inputs, start=first)
    ]


def put(s3, key, content) -> None:
    body = content if isinstance(content, bytes) else content.encode()
    s3.put_object(Bucket=BUCKET, Key=key, Body=body)


def inbox_of(folder, *contents):
    place = folder / "inbox" / "tokens" / "langfuse"
    place.mkdir(parents=True)
    for number, content in enumerate(contents):
        body = content if isinstance(content, bytes) else content.encode()
        (place / f"{number}.any").write_bytes(body)
    return folder / "inbox"


def by_inbox(folder, *contents) -> list[tuple]:
    """Return the spans of the same files out of an inbox of their own."""
    extract(folder / "lake", "tokens", inbox=inbox_of(folder, *contents))
    return bronze(folder / "lake", "tokens", "spans")


@pytest.mark.parametrize("form", [parquet, lines], ids=["Parquet", "JSONL"])
def test_the_bucket_and_the_inbox_give_the_same_rows(s3, declared, tmp_path, form):
    files = [form(*calls(10, 20)), form(*calls(30, 40, first=3))]
    for number, content in enumerate(files):
        put(s3, f"{EXPORT}.{number}", content)
    url = f"s3://{BUCKET}/lake/project/observations_v2/"
    doors = declared("objects", url=url, folder="tokens/langfuse")
    put(s3, "lake/project/scores/2026-01-05T09-00-00.parquet", b"not asked for")
    assert extract(tmp_path / "lake", "tokens", doors=doors) == 2
    spans = bronze(tmp_path / "lake", "tokens", "spans")
    assert len(spans) == 4
    assert spans == by_inbox(tmp_path / "other", *files)
    assert extract(tmp_path / "lake", "tokens", doors=doors) == 0


def rewritten(declared):
    url = f"s3://{BUCKET}/clickhouse/"
    return declared("objects", url=url, folder="tokens/langfuse", newest_counts=True)


def test_a_partition_that_is_written_again_takes_the_place_of_the_former(s3, declared, tmp_path):
    """A call was deleted in Langfuse, another has fewer tokens than it was said to have."""
    doors, lake = rewritten(declared), tmp_path / "lake"
    first, second = parquet(*calls(10, 20, 30)), parquet(*calls(10, 15))
    put(s3, DAY, first)
    put(s3, "clickhouse/observations/2026-01-06.parquet", parquet(*calls(7, first=9)))
    assert extract(lake, "tokens", doors=doors) == 2
    put(s3, DAY, second)
    assert extract(lake, "tokens", doors=doors) == 1
    beside = parquet(*calls(7, first=9))
    assert bronze(lake, "tokens", "spans") == by_inbox(tmp_path / "other", second, beside)
    assert sorted(status for _, status in loads(lake)) == ["landed", "landed", "superseded"]

    # and back: the first bytes count again
    put(s3, DAY, first)
    assert extract(lake, "tokens", doors=doors) == 1
    assert bronze(lake, "tokens", "spans") == by_inbox(tmp_path / "third", first, beside)


def test_a_partition_that_cannot_be_read_replaces_nothing(s3, declared, tmp_path):
    doors, lake = rewritten(declared), tmp_path / "lake"
    put(s3, DAY, parquet(*calls(10, 20)))
    extract(lake, "tokens", doors=doors)
    before = bronze(lake, "tokens", "spans")
    put(s3, DAY, parquet(*calls(10))[:200])
    extract(lake, "tokens", doors=doors)
    assert bronze(lake, "tokens", "spans") == before

    # the one after it takes the place of both
    whole = parquet(*calls(10))
    put(s3, DAY, whole)
    extract(lake, "tokens", doors=doors)
    assert bronze(lake, "tokens", "spans") == by_inbox(tmp_path / "other", whole)


def test_a_broken_neighbour_does_not_hold_up_what_replaces(s3, declared, tmp_path):
    doors, lake = rewritten(declared), tmp_path / "lake"
    put(s3, DAY, parquet(*calls(10, 20)))
    extract(lake, "tokens", doors=doors)
    whole = parquet(*calls(10))
    put(s3, "clickhouse/observations/2026-01-04.parquet", b"PAR1 cut")
    put(s3, DAY, whole)
    put(s3, "clickhouse/observations/2026-01-06.parquet", b"PAR1 cut")
    extract(lake, "tokens", doors=doors)
    assert bronze(lake, "tokens", "spans") == by_inbox(tmp_path / "other", whole)


def test_bytes_that_still_stand_elsewhere_go_on_counting(s3, declared, tmp_path):
    doors, lake = rewritten(declared), tmp_path / "lake"
    same = parquet(*calls(10, 20))
    put(s3, DAY, same)
    put(s3, "clickhouse/copy.parquet", same)
    extract(lake, "tokens", doors=doors)
    put(s3, DAY, parquet(*calls(5, first=8)))
    extract(lake, "tokens", doors=doors)
    spans = bronze(lake, "tokens", "spans")
    assert spans == by_inbox(tmp_path / "other", same, parquet(*calls(5, first=8)))


@pytest.mark.parametrize("before", [False, True], ids=["never set", "no longer set"])
def test_without_the_setting_a_name_is_only_a_name(tmp_path, before):
    """What stood there before goes on counting."""
    place = tmp_path / "share"
    place.mkdir()
    mark: Mark | None = None
    for count, newest_counts in ((1, before), (2, False)):
        door = Objects(
            name="share",
            url=place.as_uri(),
            folder="tokens/langfuse",
            newest_counts=newest_counts,
        )
        (place / "a.parquet").write_bytes(parquet(*calls(*range(count))))
        out = tmp_path / f"out{count}"
        out.mkdir()
        (page,) = door.fetch(mark, until=at(0), out=out)
        mark = page.mark
        assert page.replaces == ()
        assert mark is not None
