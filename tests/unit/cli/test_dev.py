"""`dev`: its folder, its settings, and whose broker it takes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from worker.cli.dev.broker import DevBroker, obtained, refuse_somebody_elses
from worker.cli.dev.home import Home, beside
from worker.cli.parts import free_port, free_port_from
from worker.cli.stages import SHORT, DevStage
from worker.cli.terminal import Stop, draw_qr, load_settings
from worker.servers import containers, rabbitmq
from worker.settings import Settings

from .conftest import Run

OURS = DevBroker("amqp://guest:guest@127.0.0.1:5672/%2f", "started", is_ours=True)
THEIRS = DevBroker("amqp://shop:pass-word@broker:5672/v", "FAPIAO_AMQP_URL", is_ours=False)


BOUNDS = {
    "clock_skew_seconds", "deadline_seconds", "duplicate_window_seconds", "lease_seconds", "reply_ttl_seconds",
    "scan_timeout_seconds", "vault_timeout_seconds",
}  # fmt: skip
"""How long something may take, or counts: nobody waits for it in a day of work."""


def test_every_wait_of_a_minute_is_cut_to_seconds() -> None:
    """A seller that rests for ten minutes after some refusals looks like a worker that hangs."""
    fields = Settings.model_fields
    waits = {name for name in fields if name.endswith("_schedule")}
    waits |= {name for name in fields if name.endswith("_seconds") and fields[name].default >= 60}
    assert waits - BOUNDS <= SHORT.keys()


def test_one_at_a_time_runs_in_a_folder(tmp_path: Path) -> None:
    """The second is told where the first one's parts are."""
    with Home(tmp_path).locked():
        Home(tmp_path).tell({"broker": "amqp://127.0.0.1:5673/%2f", "sandbox": "http://s", "worker": "http://w"})
        with pytest.raises(Stop, match=r"runs here already .*5673.*http://s"), Home(tmp_path).locked():
            pass
    with Home(tmp_path).locked():
        pass


def test_nobody_else_reads_its_folder_and_git_ignores_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.locked():
        home.tell({})
        key = home.journal_key()
    assert home.directory.stat().st_mode & 0o077 == 0
    assert (home.directory / "journal.key").stat().st_mode & 0o077 == 0
    assert (home.directory / ".gitignore").read_text() == "*\n"
    assert home.journal_key() == key, "made once"


def test_other_commands_find_it_while_it_runs(tmp_path: Path) -> None:
    home = Home(tmp_path)
    note = {"broker": OURS.label, "prefix": "fapiao", "database": "sqlite:////d/f.db", "amqpUrl": OURS.url}
    with home.locked():
        home.tell(note)
        assert load_settings().vault_url is None, "it keeps no files"
        home.tell(note | {"vault": "file:///d/vault"})
        found = load_settings()
    assert found.vault_url == "file:///d/vault"
    assert found.amqp_urls == [OURS.url]
    assert found.database_url.get_secret_value() == "sqlite:////d/f.db"
    assert load_settings().database_url.get_secret_value() == "sqlite:///fapiao.db", "nobody runs any more"


def test_while_it_starts_the_addresses_of_the_last_one_are_not_used(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.locked():
        home.tell({"broker": OURS.label, "prefix": "fapiao", "database": "sqlite:////d/f.db", "amqpUrl": OURS.url})
        home.untell()
        with pytest.raises(Stop, match="just starting, or ending"):
            load_settings()


@pytest.mark.parametrize("asked", [{"prefix": "p"}, {"database_url": "sqlite:///x.db"}, {"amqp_url": "amqp://h/"}])
def test_whoever_asks_for_something_else_gets_that(asked: dict[str, str], tmp_path: Path) -> None:
    """Never half of one and half of the other."""
    home = Home(tmp_path)
    with home.locked():
        home.tell({"broker": OURS.label, "prefix": "fapiao", "database": "sqlite:////d/f.db", "amqpUrl": OURS.url})
        assert beside(Settings(_env_file=None, **asked)) is None  # type: ignore[arg-type]  # one member each


def test_a_password_of_somebody_elses_broker_is_shown_and_written_nowhere(tmp_path: Path) -> None:
    home = Home(tmp_path)
    settings = Settings(_env_file=None, amqp_url=THEIRS.url)
    with home.locked():
        stage = DevStage(settings, home, THEIRS, None)
        home.tell(stage._note())
        said = "\n".join(stage.described())
        assert "pass-word" not in said + (home.directory / "dev.json").read_text()
        found = beside(settings)
    assert found is not None, "whoever names the same broker meets the same dev"
    assert set(found) == {"prefix", "database_url", "gateway_url", "gateway_http_url"}


def test_other_commands_meet_its_sandbox_whatever_gateway_is_set(tmp_path: Path) -> None:
    """`doctor` asks the gateway, and the sandbox's port is another where 8090 is taken."""
    home = Home(tmp_path)
    note = {"broker": OURS.label, "prefix": "fapiao", "database": "sqlite:////d/f.db", "amqpUrl": OURS.url}
    with home.locked():
        home.tell({**note, "sandbox": "http://127.0.0.1:8095"})
        found = beside(
            Settings(_env_file=None, gateway_url="wss://real.example", gateway_http_url="https://real.example")
        )
    assert found is not None
    assert (found["gateway_url"], found["gateway_http_url"]) == ("ws://127.0.0.1:8095", None)


def test_it_speaks_chinese_where_the_terminal_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same addresses in the same order."""
    stage = DevStage(Settings(_env_file=None), Home(tmp_path), OURS, 2)
    english = stage.described()
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    chinese = stage.described()

    assert "在此开出的都不是真实发票" in chinese[0]
    assert len(chinese) == len(english)
    for ours, theirs in zip(chinese, english, strict=True):
        assert re.findall(r"\w+://\S+|fapiao[.-]\w+", ours) == re.findall(r"\w+://\S+|fapiao[.-]\w+", theirs)


def test_waits_are_short_unless_something_else_is_set(tmp_path: Path) -> None:
    """And whatever else is set, the gateway is the sandbox."""
    home = Home(tmp_path)
    with home.locked():
        settings = Settings(_env_file=None, confirm_schedule="1h", gateway_url="wss://real.example")
        environment = DevStage(settings, home, OURS, None).environment()
    assert environment["FAPIAO_CONFIRM_DELAY_SECONDS"] == SHORT["confirm_delay_seconds"]
    assert "FAPIAO_CONFIRM_SCHEDULE" not in environment
    assert environment["FAPIAO_GATEWAY_URL"].startswith("ws://127.0.0.1:")
    assert environment["FAPIAO_GATEWAY_HTTP_URL"].startswith("http://127.0.0.1:")
    assert set(SHORT) <= Settings.model_fields.keys()


def test_a_broker_that_is_named_goes_first(tmp_path: Path) -> None:
    with obtained(Settings(_env_file=None, amqp_url=THEIRS.url), Home(tmp_path)) as found:
        assert found == THEIRS
        assert found.shown == "amqp://broker:5672/v"


@pytest.mark.parametrize(
    ("url", "queues", "is_refused"),
    [
        ("amqp://h/", {}, False),
        ("amqp://h/", {"fapiao.issue": (0, 0)}, True),
        ("amqp://127.0.0.1/", {"fapiao.issue": (0, 0)}, False),
        ("amqp://127.0.0.1/", {"fapiao.issue": (0, 0), "fapiao.query": (0, 1)}, True),
        ("amqp://127.0.0.1/", {"fapiao.query": (1, 0)}, True),
    ],
)
async def test_queues_that_may_be_another_workers_are_left_alone(
    url: str, queues: dict[str, tuple[int, int]], is_refused: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On another machine it is enough that they are there: their worker may be away just now."""

    async def found(_settings: Settings) -> dict[str, tuple[int, int]]:
        return queues

    monkeypatch.setattr("worker.cli.dev.broker._command_queues", found)
    settings, home = Settings(_env_file=None, amqp_url=url), Home(tmp_path)
    given = DevBroker(url, "FAPIAO_AMQP_URL", is_ours=False)
    if not is_refused:
        await refuse_somebody_elses(settings, given, home)
        return
    with pytest.raises(Stop, match="looks like another worker's"):
        await refuse_somebody_elses(settings, given, home)


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".fapiao").write_text("a file")
    with pytest.raises(Stop, match=r"Cannot write to .*: go to a folder of your own"), Home(tmp_path).locked():
        pass


def test_without_any_broker_it_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rabbitmq, "installed", lambda: None)
    monkeypatch.setattr(rabbitmq, "speaks_amqp", lambda _port: False)
    monkeypatch.setattr(containers, "engine_answers", lambda: False)

    result = run("dev")

    assert result.exit_code == 2
    assert "install rabbitmq-server" in result.stderr
    assert Home(tmp_path).running() is None


def test_one_that_runs_at_the_usual_address_is_taken_before_a_container(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(rabbitmq, "installed", lambda: None)
    monkeypatch.setattr(rabbitmq, "speaks_amqp", lambda port: port == 5672)
    with obtained(Settings(_env_file=None), Home(tmp_path)) as found:
        assert (found.url, found.is_ours) == ("amqp://guest:guest@127.0.0.1:5672/%2f", False)


def test_a_taken_port_is_passed_over() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port_from(port) > port


def test_two_that_start_at_once_take_two_ports() -> None:
    """A broker listens only seconds after its port was chosen."""
    port = free_port()
    other = subprocess.run(
        [sys.executable, "-c", f"from worker.cli.parts import free_port_from as f; print(f({port}), f({port}))"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = map(int, other.stdout.split())
    assert first < second
    assert free_port_from(port) == port, "that process has ended"
    assert free_port_from(port) != port


def test_a_note_that_is_none_is_no_dev(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.running() is None
    with home.locked():
        for text in ("[]", "{", "null"):
            (home.directory / "dev.json").write_text(text)
            assert home.running() == {}
        home.tell({"broker": "b"})
        assert json.loads((home.directory / "dev.json").read_text())["pid"] == os.getpid()
        assert home.last_broker() is None


def test_a_sandbox_without_its_extra_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "worker.sandbox.server", None)

    result = run("sandbox")

    assert result.exit_code == 1
    assert "pip install 'fapiao-worker[sandbox]'" in result.stderr


def test_a_terminal_without_the_extra_shows_the_link_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "segno", None)
    draw_qr("http://127.0.0.1/scan/1")
    assert capsys.readouterr().out == ""
