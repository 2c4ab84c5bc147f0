"""A file is told by its bytes; what cannot be read is said in a sentence."""

import gzip

import pyarrow as pa
import pytest

from roi_engine.sources import files
from roi_engine.sources.base import Unreadable

TEXT = "name,größe\nä,1\n"


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(TEXT.encode(), id="plain"),
        pytest.param(TEXT.encode("utf-8-sig"), id="byte order mark"),
        pytest.param(TEXT.encode("utf-16"), id="UTF-16"),
        pytest.param(b"\xfe\xff" + TEXT.encode("utf-16-be"), id="UTF-16 big endian"),
        pytest.param(TEXT.encode("utf-32"), id="UTF-32"),
        pytest.param(gzip.compress(TEXT.encode()), id="gzip"),
        pytest.param(gzip.compress(TEXT.encode()[:5]) + gzip.compress(TEXT.encode()[5:]), id="two"),
        pytest.param(zstd(TEXT.encode()), id="zstd"),
        pytest.param(gzip.compress(TEXT.encode("utf-16")), id="gzip of UTF-16"),
    ],
)
def test_text_comes_out_as_utf8(tmp_path, content):
    raw = tmp_path / "any name"
    raw.write_bytes(content)
    plain = files.unpack(raw, temp=tmp_path)
    assert plain.path.read_bytes().decode() == TEXT
    assert not plain.is_parquet


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b" \n\t\n", "nothing but white space", id="blank"),
        pytest.param(gzip.compress(b""), "compressed and empty", id="empty gzip"),
        pytest.param(gzip.compress(b"a,b\n" * 9999)[:-20], "ends too early", id="truncated gzip"),
        pytest.param(b"\x1f\x8b" + bytes(range(256)) * 4, "damaged", id="random bytes as gzip"),
        pytest.param(zstd(b"a,b\n" * 9999)[:-5], "damaged", id="truncated zstd"),
        pytest.param(b"\x28\xb5\x2f\xfd" + b"noise" * 50, "damaged", id="random bytes as zstd"),
        pytest.param(gzip.compress(gzip.compress(b"a")), "twice", id="gzip of gzip"),
        pytest.param(b"PK\x03\x04" + b"x" * 50, "zip archive", id="zip"),
        pytest.param(b"<!DOCTYPE html><html>login</html>", "HTML", id="a page"),
        pytest.param(b"\n  <?xml version='1.0'?><a/>", "XML", id="XML"),
        pytest.param("name\nMüller\n".encode("latin-1"), "not UTF-8", id="latin-1"),
        pytest.param(b"a,b\n1,\x00\n", "NUL", id="NUL byte"),
        pytest.param(b"PAR1" + b"x" * 100, "ends too early", id="cut Parquet"),
        pytest.param(b"PAR1", "ends too early", id="Parquet magic alone"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path, content, said):
    raw = tmp_path / "file"
    raw.write_bytes(content)
    with pytest.raises(Unreadable, match=said) as error:
        files.unpack(raw, temp=tmp_path)
    assert str(error.value).endswith(".")


def test_a_plain_file_is_not_copied(tmp_path):
    raw = tmp_path / "file.gz"
    raw.write_text("a,b\n1,2\n")
    assert files.unpack(raw, temp=tmp_path).path == raw
