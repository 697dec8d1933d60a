"""Settings are read from everywhere they may stand, and again where a secret was rotated; odd names are told."""

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from worker import configuration, secrecy
from worker.configuration import MountedSettings, load, unknown_names
from worker.errors import ConfigurationError
from worker.settings import Settings


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and an environment of our own."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.upper().startswith("FAPIAO_"):
            monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def mounted(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A secrets directory."""
    directory = nowhere / "secrets"
    directory.mkdir()
    monkeypatch.setenv("FAPIAO_SECRETS_DIR", str(directory))
    return directory


def test_a_mistyped_name_is_told_with_the_nearest_that_is_one(
    nowhere: Path, mounted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAPIAO_MAX_LANE", "5")
    monkeypatch.setenv("FAPIAO_PREFIX", "x")
    (nowhere / ".env").write_text("FAPIAO_AMQP_ULR=amqp://h/\nOTHER=1\n")
    (mounted / "fapiao_databse_url").write_text("x")
    (mounted / "..data").write_text("x")

    told = {(name.name, name.place, name.nearest) for name in unknown_names()}

    assert told == {
        ("FAPIAO_MAX_LANE", "environment", "FAPIAO_MAX_LANES"),
        ("FAPIAO_AMQP_ULR", ".env", "FAPIAO_AMQP_URL"),
        ("fapiao_databse_url", "FAPIAO_SECRETS_DIR", "FAPIAO_DATABASE_URL"),
    }


@pytest.mark.parametrize(
    "name",
    [
        "FAPIAO_WORKER_PORT", "FAPIAO_WORKER_PORT_8080_TCP", "FAPIAO_WORKER_PORT_8080_TCP_ADDR",
        "FAPIAO_WORKER_SERVICE_HOST", "FAPIAO_WORKER_SERVICE_PORT", "FAPIAO_WORKER_SERVICE_PORT_HTTP",
        "FAPIAO_SECRETS_DIR",
    ],
)  # fmt: skip
def test_what_kubernetes_puts_into_a_pod_is_no_mistake(
    name: str, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, str(nowhere))
    assert unknown_names() == []


def test_a_name_like_no_setting_is_told_without_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAPIAO_QUANTUM", "1")
    (name,) = unknown_names()
    assert str(name) == "FAPIAO_QUANTUM (environment) is no setting, and is ignored"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("FAPIAO_GATEWAY_HEADERS", "secret: no json", "FAPIAO_GATEWAY_HEADERS: must be JSON"),
        ("FAPIAO_GATEWAY_HEADERS", '["secret"]', "FAPIAO_GATEWAY_HEADERS"),
        ("FAPIAO_HTTP_SUCCESS_CODES", "secret", "FAPIAO_HTTP_SUCCESS_CODES: must be JSON"),
        ("FAPIAO_GATEWAY_URL", "ws://127.0.0.1:99999", "FAPIAO_GATEWAY_URL: must be an address"),
        ("FAPIAO_HTTP_PORT", "99999", "FAPIAO_HTTP_PORT"),
        ("FAPIAO_AMQP_URL", "amqp://u:se#cret@h/", "FAPIAO_AMQP_URL: must be an address"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as refused:
        load()
    assert says in str(refused.value)
    assert "cret" not in str(refused.value).replace("FAPIAO_SECRETS", "")


def test_a_mounted_file_that_cannot_be_read_is_not_blamed_for_being_no_json(mounted: Path) -> None:
    (mounted / "fapiao_prefix").write_bytes(b"\xff")

    with pytest.raises(ConfigurationError, match=r"FAPIAO_PREFIX: cannot be read \(UnicodeDecodeError\)"):
        load()


def test_words_may_be_written_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAPIAO_LOG_LEVEL", "WARN")
    monkeypatch.setenv("FAPIAO_LOG_FORMAT", "JSON")
    settings = load()
    assert (settings.log_level, settings.log_format) == ("warning", "json")


def test_a_rotated_secret_is_in_use_from_the_next_connection_on(mounted: Path) -> None:
    """And never shown, as the first one."""
    broker, database = mounted / "fapiao_amqp_url", mounted / "fapiao_database_url"
    broker.write_text("amqp://u:first-password@h/")
    database.write_text("postgresql://u:first-password@h/d")
    mounted_now = MountedSettings(load())
    assert mounted_now.brokers() == ["amqp://u:first-password@h/"]

    broker.write_text("amqp://u:second-password@h/")
    database.write_text("postgresql://u:third-password@h/d")

    assert mounted_now.brokers() == ["amqp://u:second-password@h/"]
    assert mounted_now.database() == "postgresql://u:third-password@h/d"
    assert secrecy.found_in("of second-password and third-password") == ["second-password", "third-password"]


def test_a_rotated_header_is_shown_at_the_next_handshake_and_known_as_a_secret(mounted: Path) -> None:
    headers = mounted / "fapiao_gateway_headers"
    headers.write_text('{"X-Key": "first-token"}')
    settings = load()
    now = MountedSettings(settings)
    assert now.gateway_headers() == {"X-Key": "first-token"}

    headers.write_text('{"X-Key": "next-token", "X-More": "of-it"}')

    assert now.gateway_headers() == {"X-Key": "next-token", "X-More": "of-it"}
    assert secrecy.found_in("a next-token in a text") == ["next-token"]


def test_files_that_did_not_change_are_not_read_again(mounted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handshake per second must not cost the reading of all settings; a file that is replaced is read."""
    broker = mounted / "fapiao_amqp_url"
    broker.write_text("amqp://u:p@h/")
    os.utime(broker, (1e9, 1e9))
    now = MountedSettings(load())
    reads = []

    def counted() -> Settings:
        reads.append(1)
        return load()

    monkeypatch.setattr(configuration, "load", counted)
    for _ in range(100):
        now.gateway_headers()
    assert len(reads) == 1

    os.utime(broker, (1e9 + 60, 1e9 + 60))
    assert now.brokers() == ["amqp://u:p@h/"]
    assert len(reads) == 2


def test_a_rotation_that_cannot_be_used_leaves_the_earlier_address(mounted: Path) -> None:
    """Half of a file, as it is written."""
    broker = mounted / "fapiao_amqp_url"
    broker.write_text("amqp://u:p@h/")
    mounted_now = MountedSettings(load())
    broker.write_text("amqp://u:p#")
    assert mounted_now.brokers() == ["amqp://u:p@h/"]
    broker.write_text("amqp://u:q@h/")
    assert mounted_now.brokers() == ["amqp://u:q@h/"]


def test_a_secret_that_is_gone_leaves_the_earlier_address(mounted: Path) -> None:
    """A default would lead elsewhere: to a broker on this machine, by another user."""
    (mounted / "FAPIAO_AMQP_URL").write_text("amqp://u:one@broker/")
    mounted_now = MountedSettings(load())
    (mounted / "FAPIAO_AMQP_URL").unlink()
    with capture_logs() as logs:
        assert mounted_now.brokers() == ["amqp://u:one@broker/"]
    assert [line["settings"] for line in logs] == [["FAPIAO_AMQP_URL"]]
    (mounted / "FAPIAO_AMQP_URL").write_text("amqp://u:two@broker/")
    assert mounted_now.brokers() == ["amqp://u:two@broker/"]


def test_without_a_secrets_directory_nothing_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment does not change under a process."""
    settings = load()
    mounted_now = MountedSettings(settings)
    monkeypatch.setenv("FAPIAO_AMQP_URL", "amqp://other/")
    assert mounted_now.brokers() == settings.amqp_urls
