"""Doors on object storage, against a real S3 server on loopback and a folder."""

import json
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from roi_engine import pipeline, status
from roi_engine.warehouse import lake as lakes
from tests.doors.lake import bronze, environment, extract, loads, settings

BUCKET = "estate"
HEADER = (
    "BilledCost,BillingAccountId,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,"
    "ChargeCategory,ChargeDescription,ChargePeriodEnd,ChargePeriodStart,EffectiveCost,ListCost,"
    "ProviderName,ServiceCategory,ServiceName,ResourceId,Tags\n"
)


def bill(*costs, day=1):
    """Return a FOCUS file of January with one line a cost."""
    lines = [
        f"{cost},acct,USD,2026-02-01T00:00:00Z,2026-01-01T00:00:00Z,Usage,line {number},"
        f"2026-01-{day + 1:02}T00:00:00Z,2026-01-{day:02}T00:00:00Z,{cost},{cost},"
        f'Cloud,Compute,VM,vm-{number},"{{}}"\n'
        for number, cost in enumerate(costs)
    ]
    return (HEADER + "".join(lines)).encode()


@pytest.fixture(scope="module")
def server():
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def s3(server):
    """Return an empty bucket, and the client that fills it."""
    client = boto3.client(
        "s3",
        endpoint_url=server,
        region_name="us-east-1",
        aws_access_key_id="reader",
        aws_secret_access_key="never-shown",
    )
    client.create_bucket(Bucket=BUCKET)
    with environment(BUCKET_SECRET="never-shown"):
        yield client
    for one in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=one["Key"])
    client.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def declared(tmp_path, server):
    """Return a function that declares one door on the bucket."""

    def declare(kind, url=f"s3://{BUCKET}/", **more):
        lines = [
            "[[door]]",
            'name = "cloud"',
            f'kind = "{kind}"',
            f'url = "{url}"',
            'user = "reader"',
            'secret_env = "BUCKET_SECRET"',
            "attempts = 2",
            *(f"{name} = {json.dumps(value)}" for name, value in more.items()),
            f'options = {{ aws_region = "us-east-1", aws_endpoint = "{server}" }}',
        ]
        path = tmp_path / "doors.toml"
        path.write_text("\n".join(lines) + "\n")
        return path

    return declare


def deliver(s3, parts, *, execution="", layout="aws"):
    """Write a delivery of January: its parts, and last its manifest."""
    folder = f"{execution}/" if execution else ""
    if layout == "aws":
        data, meta = (
            f"bill/{kind}/BILLING_PERIOD=2026-01/{folder}" for kind in ("data", "metadata")
        )
        manifest = f"{meta}bill-Manifest.json"
        named = {"dataFiles": [f"s3://{BUCKET}/{data}bill-{n:05}.csv" for n in range(len(parts))]}
    else:
        data = f"bill/20260101-20260131/{folder}"
        manifest = f"{data}manifest.json"
        named = {"blobs": [{"blobName": f"{data}bill-{n:05}.csv"} for n in range(len(parts))]}
    for number, content in enumerate(parts):
        if content is not None:
            s3.put_object(Bucket=BUCKET, Key=f"{data}bill-{number:05}.csv", Body=content)
    s3.put_object(Bucket=BUCKET, Key=manifest, Body=json.dumps(named).encode())


def inbox_of(tmp_path, *parts):
    folder = tmp_path / "inbox" / "billing"
    folder.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(parts):
        (folder / f"{number}.csv").write_bytes(content)
    return tmp_path / "inbox"


@pytest.mark.parametrize(
    ("layout", "executions"),
    [
        ("aws", ("", "", "")),
        ("aws", ("20260105T0211-9f", "20260106T0212-aa", "20260107T0213-c0")),
        ("azure", ("0d5c7e", "1e6d8f", "2f7e90")),
    ],
)
def test_a_newer_delivery_stands_for_the_one_before_it(s3, declared, tmp_path, layout, executions):
    """Overwritten in place or laid beside, cut into other parts: the new bill counts, once."""
    doors, lake = declared("bill_exports"), tmp_path / "lake"
    deliver(s3, [bill(1, 2), bill(3, day=2)], execution=executions[0], layout=layout)
    assert extract(lake, "billing", doors=doors) == 2
    inbox = inbox_of(tmp_path, bill(1, 2), bill(3, day=2))
    extract(tmp_path / "other", "billing", inbox=inbox)
    assert bronze(lake, "billing", "charges") == bronze(tmp_path / "other", "billing", "charges")

    assert extract(lake, "billing", doors=doors) == 0
    # a line is gone, one costs more, and the whole bill is one part
    whole = bill(1, "2.5") + bill(3, day=2)[len(HEADER) :]
    deliver(s3, [whole], execution=executions[1], layout=layout)
    assert extract(lake, "billing", doors=doors) == 1
    assert sorted(status for _, status in loads(lake)) == ["landed", "superseded", "superseded"]
    extract(tmp_path / "third", "billing", inbox=inbox_of(tmp_path / "new", whole))
    assert bronze(lake, "billing", "charges") == bronze(tmp_path / "third", "billing", "charges")

    # the provider takes its correction back: the first bytes count again
    deliver(s3, [bill(1, 2), bill(3, day=2)], execution=executions[2], layout=layout)
    assert extract(lake, "billing", doors=doors) == 2
    assert bronze(lake, "billing", "charges") == bronze(tmp_path / "other", "billing", "charges")


def test_a_delivery_is_taken_when_it_is_whole(s3, declared, tmp_path):
    doors, lake = declared("bill_exports"), tmp_path / "lake"
    deliver(s3, [bill(1), None])
    with pytest.raises(pipeline.Failed, match=r"bill-00001\.csv, which is not there"):
        extract(lake, "billing", doors=doors)
    with lakes.connect(lake, read_only=True) as con:
        assert con.execute(
            "select subject, resolved_at is null from lake.ops.alert where rule = 'door_failed'"
        ).fetchall() == [("cloud", True)]
    assert loads(lake) == []
    deliver(s3, [bill(1), bill(2, day=2)])
    assert extract(lake, "billing", doors=doors) == 2
    with lakes.connect(lake, read_only=True) as con:
        assert con.execute(
            "select count(*) from lake.ops.alert where rule = 'door_failed' and resolved_at is null"
        ).fetchall() == [(0,)]


def test_a_delivery_that_cannot_be_read_does_not_take_the_place_of_one_that_could(
    s3, declared, tmp_path
):
    doors, lake = declared("bill_exports"), tmp_path / "lake"
    deliver(s3, [bill(1, 2)])
    extract(lake, "billing", doors=doors)
    before = bronze(lake, "billing", "charges")
    deliver(s3, [b"<html>expired</html>"])
    assert extract(lake, "billing", doors=doors) == 1
    assert sorted(status for _, status in loads(lake)) == ["landed", "unreadable"]
    assert bronze(lake, "billing", "charges") == before

    # the next one that can be read stands for all before it, not for the unreadable one alone
    deliver(s3, [bill(1, 2, 3)])
    assert extract(lake, "billing", doors=doors) == 1
    assert sorted(status for _, status in loads(lake)) == ["landed", "superseded", "superseded"]


def test_objects_are_taken_once_a_version(s3, declared, tmp_path, shared_data):
    doors, lake = declared("objects", folder="tokens/otlp"), tmp_path / "lake"
    (real, *_) = sorted((shared_data / "inbox" / "tokens" / "otlp").rglob("*.jsonl*"))
    s3.put_object(Bucket=BUCKET, Key="otel/2026/a.jsonl", Body=real.read_bytes())
    s3.put_object(Bucket=BUCKET, Key="otel/2026/_SUCCESS", Body=b"")
    assert extract(lake, "tokens", doors=doors) == 1
    inbox = tmp_path / "inbox"
    (inbox / "tokens" / "otlp").mkdir(parents=True)
    (inbox / "tokens" / "otlp" / real.name).write_bytes(real.read_bytes())
    extract(tmp_path / "other", "tokens", inbox=inbox)
    assert bronze(lake, "tokens", "spans") == bronze(tmp_path / "other", "tokens", "spans")

    assert extract(lake, "tokens", doors=doors) == 0
    # the same name with other bytes is another document; the same bytes elsewhere are not
    s3.put_object(Bucket=BUCKET, Key="otel/2026/b.jsonl", Body=real.read_bytes())
    assert extract(lake, "tokens", doors=doors) == 0
    s3.put_object(Bucket=BUCKET, Key="otel/2026/b.jsonl", Body=real.read_bytes()[:-1] + b"\n\n")
    assert extract(lake, "tokens", doors=doors) == 1


def test_a_folder_is_a_storage_too(tmp_path, shared_data):
    """Declared beside the inbox's own folders, where a run looks for it."""
    bills, inbox = shared_data / "inbox" / "billing", tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "doors.toml").write_text(
        '[[door]]\nname = "share"\nkind = "objects"\nfolder = "billing"\n'
        f'url = "{bills.as_uri()}"\n'
    )
    extract(tmp_path / "lake", "billing", inbox=inbox)
    assert list(status.read(settings(tmp_path / "lake")).doors) == ["share"]
    extract(tmp_path / "other", "billing", inbox=shared_data / "inbox")
    assert bronze(tmp_path / "lake", "billing", "charges") == bronze(
        tmp_path / "other", "billing", "charges"
    )


def test_a_server_that_is_gone_is_told_without_its_secret(s3, server, declared, tmp_path):
    deliver(s3, [bill(1)])
    doors = declared("bill_exports")
    doors.write_text(doors.read_text().replace(server, "http://127.0.0.1:9"))
    with pytest.raises(pipeline.Failed, match=r"cloud .* cannot be listed") as told:
        extract(tmp_path / "lake", "billing", doors=doors)
    assert "never-shown" not in str(told.value)
    assert "never-shown" not in "".join(
        path.read_text(errors="replace") for path in Path(tmp_path / "lake" / "logs").iterdir()
    )


def test_a_run_tells_of_a_door_and_goes_on(tmp_path, declared, s3, shared_data):
    """Other sources are not held up by one that is down."""
    doors = declared("bill_exports", url="s3://no-such-bucket/")
    report = pipeline.run(settings(tmp_path / "lake", doors), inbox=shared_data / "inbox", days=[])
    assert any("cloud (s3://no-such-bucket/) cannot be listed" in line for line in report.warnings)
    assert report.new_loads > 0
