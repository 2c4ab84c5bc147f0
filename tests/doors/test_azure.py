"""Doors on Azure Blob Storage, against Azurite on loopback (skipped where it is not)."""

import base64
import hashlib
import hmac
import os
import shutil
import socket
import subprocess
import time
from email.utils import formatdate

import obstore
import pytest
import requests
from obstore.store import from_url

from tests.doors.lake import bronze, environment, extract, loads
from tests.doors.test_storage import bill, deliver, inbox_of

PROGRAM = "ROI_TEST_AZURITE"
"""Names the folder of ``azurite-blob`` where it is not on the path (npm package ``azurite``)."""

ACCOUNT = "devstoreaccount1"
# the emulator's own published key: it opens nothing else
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
CONTAINER = "estate"


@pytest.fixture
def azurite(tmp_path):
    """Return the address of a running Azurite with an empty container."""
    given = os.environ.get(PROGRAM)
    program = shutil.which("azurite-blob", path=given) if given else shutil.which("azurite-blob")
    if program is None:
        pytest.skip(f"azurite-blob is neither on the path nor in the folder that {PROGRAM} names")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--silent"]
    command += ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]
    running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}/{ACCOUNT}"
        _make_container(url)
        with environment(BUCKET_SECRET=KEY):
            yield url
    finally:
        running.terminate()
        running.wait(20)


def _make_container(url):
    """Make the container by the REST interface, signed with the shared key."""
    moment = formatdate(usegmt=True)
    signed = (
        "PUT" + "\n" * 12 + f"x-ms-date:{moment}\nx-ms-version:2023-11-03\n"
        f"/{ACCOUNT}/{ACCOUNT}/{CONTAINER}\nrestype:container"
    )
    digest = hmac.digest(base64.b64decode(KEY), signed.encode(), hashlib.sha256)
    headers = {
        "x-ms-date": moment,
        "x-ms-version": "2023-11-03",
        "Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}",
        "Content-Length": "0",
    }
    until = time.monotonic() + 60
    while True:
        try:
            answer = requests.put(
                f"{url}/{CONTAINER}?restype=container", headers=headers, timeout=5
            )
            answer.raise_for_status()
        except requests.ConnectionError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
        else:
            return


class _Client:
    """What ``deliver`` needs of a client, on Azure."""

    def __init__(self, url):
        self.store = from_url(
            f"az://{CONTAINER}/",
            config={
                "azure_storage_account_name": ACCOUNT,
                "azure_storage_account_key": KEY,
                "azure_endpoint": url,
            },
            client_options={"allow_http": True},
        )

    def put_object(self, *, Bucket, Key, Body):  # noqa: N803 (boto3's own names)
        assert Bucket == CONTAINER
        obstore.put(self.store, Key, Body)


def test_exports_of_cost_management_give_what_the_inbox_gives(azurite, tmp_path):
    doors = tmp_path / "doors.toml"
    doors.write_text(
        f"""
        [[door]]
        name = "cloud"
        kind = "bill_exports"
        url = "az://{CONTAINER}/"
        user = "{ACCOUNT}"
        secret_env = "BUCKET_SECRET"
        attempts = 2
        options = {{ azure_endpoint = "{azurite}" }}
        """
    )
    lake, client = tmp_path / "lake", _Client(azurite)
    deliver(client, [bill(1, 2), bill(3, day=2)], execution="0d5c7e", layout="azure")
    assert extract(lake, "billing", doors=doors) == 2
    extract(tmp_path / "other", "billing", inbox=inbox_of(tmp_path, bill(1, 2), bill(3, day=2)))
    assert bronze(lake, "billing", "charges") == bronze(tmp_path / "other", "billing", "charges")

    assert extract(lake, "billing", doors=doors) == 0
    deliver(client, [bill(1, "2.5")], execution="1e6d8f", layout="azure")
    assert extract(lake, "billing", doors=doors) == 1
    assert sorted(status for _, status in loads(lake)) == ["landed", "superseded", "superseded"]
