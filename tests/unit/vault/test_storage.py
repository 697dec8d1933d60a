"""The vault's storage, on a folder and on a real S3 API: written once, never over."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.errors import ConfigurationError, Transient
from worker.vault.storage import Storage

KEY = "91330701MA2M37T86L/2026/12/26332000000000000042.pdf"
S3_VARIABLES = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
    "AWS_ALLOW_HTTP": "true",
}


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    """A server that speaks S3."""
    from moto.server import ThreadedMotoServer  # a second of imports, for these tests alone

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["file", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where an empty vault is."""
    if request.param == "file":
        return f"file://{tmp_path}/vault"
    endpoint = request.getfixturevalue("s3_endpoint")
    for name, value in (S3_VARIABLES | {"AWS_ENDPOINT_URL": endpoint}).items():
        monkeypatch.setenv(name, value)
    bucket = f"b{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:16]}"
    _make_bucket(endpoint, bucket)
    return f"s3://{bucket}/invoices"


def _make_bucket(endpoint: str, bucket: str) -> None:
    import httpx

    httpx.put(f"{endpoint}/{bucket}", timeout=60, trust_env=False).raise_for_status()


async def test_what_is_kept_is_read_back(url: str) -> None:
    """By whoever opens the vault later."""
    await Storage(url).keep(KEY, b"file")
    assert await Storage(url).read(KEY) == b"file"
    assert await Storage(url).digest(KEY) == hashlib.sha256(b"file").hexdigest()
    assert list(Storage(url).keys()) == [KEY]


async def test_the_same_file_again_changes_nothing_and_another_is_not_written(url: str) -> None:
    """A crash between the store and the journal comes here again."""
    storage = Storage(url)
    assert await storage.keep(KEY, b"file") == b"file"
    assert await storage.keep(KEY, b"file") == b"file"
    assert await storage.keep(KEY, b"another") == b"file"
    assert await storage.read(KEY) == b"file"


async def test_trying_it_out_leaves_nothing(url: str) -> None:
    free = await Storage(url).try_out()
    assert (free is None) is url.startswith("s3://")
    assert list(Storage(url).keys()) == []


async def test_a_bucket_that_is_not_there_does_not_pass(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (S3_VARIABLES | {"AWS_ENDPOINT_URL": s3_endpoint}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Transient):
        await Storage("s3://none-such/invoices").try_out()


async def test_what_is_not_there_is_nothing(url: str) -> None:
    assert await Storage(url).read(KEY) is None
    assert await Storage(url).digest(KEY) is None


async def test_a_store_that_is_away_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names no address."""
    for name, value in (S3_VARIABLES | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Transient) as fault:
        await Storage("s3://bucket/secret-prefix", retries=0).keep(KEY, b"file")
    assert "secret-prefix" not in str(fault.value)


async def test_a_folder_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    """Read-only, full or gone: the file stays due."""
    storage = Storage(f"file://{tmp_path}/vault")
    (tmp_path / "vault" / "91330701MA2M37T86L").write_text("in the way")
    with pytest.raises(Transient, match="Not a directory"):
        await storage.keep(KEY, b"file")


def test_a_folder_that_cannot_be_made_is_told_in_the_systems_words(tmp_path: Path) -> None:
    """As on a file system that is mounted read-only, where it is no bug of ours."""
    (tmp_path / "secret").write_text("in the way")
    with pytest.raises(ConfigurationError, match=r"FAPIAO_VAULT_URL cannot be used \(Not a directory\)"):
        Storage(f"file://{tmp_path}/secret/vault")


@pytest.mark.parametrize("url", ["ftp://host/secret", "/abs/secret", "s3:///secret", "memory://secret"])
def test_an_address_that_is_none_is_one_sentence(url: str) -> None:
    with pytest.raises(ConfigurationError) as fault:
        Storage(url)
    assert "FAPIAO_VAULT_URL" in str(fault.value)
    assert "secret" not in str(fault.value)
