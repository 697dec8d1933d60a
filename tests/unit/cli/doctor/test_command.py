"""`doctor`: verdicts, fixes, exit codes."""

import asyncio
import base64
import json
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Run
from worker.cli.doctor import broker as doctor_broker
from worker.cli.doctor import command as doctor_command
from worker.cli.doctor import gateway as doctor_gateway
from worker.cli.doctor import store as doctor_store
from worker.cli.doctor.diagnosis import Diagnosis, Grade, fail, ok, warn
from worker.cli.doctor.gateway import check_clock, check_directory, check_gateway, check_tls
from worker.cli.doctor.store import check_backlog, check_file, check_keys, check_store, check_times
from worker.clock import SystemClock
from worker.journal import open_journal
from worker.records import Backlog, Times
from worker.settings import Settings

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY = base64.urlsafe_b64encode(bytes(32)).decode()
LOGIN = {"companyCode": "c", "phone": "p", "password": "pass-word", "area": "a", "role": "r"}


def _settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Diagnosis]:
    """What the checks find."""
    findings: list[Diagnosis] = []

    async def check(_settings: Settings) -> list[Diagnosis]:
        return findings

    async def nothing(_settings: Settings) -> list[Diagnosis]:
        return []

    monkeypatch.setattr(doctor_broker, "check_broker", check)
    monkeypatch.setattr(doctor_command, "check_names", nothing)
    for module, name in (
        (doctor_store, "check_store"), (doctor_gateway, "check_gateway"), (doctor_gateway, "check_credentials"),
        (doctor_store, "check_vault"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, nothing)
    return findings


def test_a_failure_is_exit_code_1_and_comes_with_its_fix(run: Run, found: list[Diagnosis]) -> None:
    found += [ok("broker", "there"), warn("dead", "3 messages", "dead list"), fail("keys", "none", "make one")]

    result = run("doctor")

    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "ok    broker       there",
        "warn  dead         3 messages",
        "                   fix: dead list",
        "FAIL  keys         none",
        "                   fix: make one",
    ]
    assert "1 of 3 checks failed" in result.stderr


def test_warnings_alone_are_exit_code_0(run: Run, found: list[Diagnosis]) -> None:
    found += [ok("broker", "there"), warn("dead", "3 messages", "dead list")]

    assert run("doctor").exit_code == 0
    assert json.loads(run("doctor", "--json").stdout)[1] == {
        "subject": "dead", "verdict": "warn", "says": "3 messages", "fix": "dead list",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ({"journal_keys": KEY}, Grade.OK),
        ({}, Grade.OK),
        ({"database_url": "postgresql://u@h/d"}, Grade.FAIL),
        ({"journal_keys": "short"}, Grade.FAIL),
        ({"journal_keys": KEY + ",not base64!"}, Grade.FAIL),
    ],
)
def test_journal_keys_must_be_32_bytes_and_postgresql_needs_one(given: dict[str, Any], verdict: Grade) -> None:
    finding = check_keys(_settings(**given))

    assert finding.verdict is verdict
    assert KEY not in finding.says


def test_a_file_that_others_may_read_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "fapiao.db"
    assert check_file(file).verdict is Grade.OK

    file.touch(mode=0o600)
    assert check_file(file).verdict is Grade.OK

    file.chmod(0o644)
    finding = check_file(file)
    assert finding.verdict is Grade.WARN
    assert finding.fix.startswith("chmod 600")


def test_a_directory_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    assert check_file(tmp_path / "nowhere" / "fapiao.db").verdict is Grade.FAIL


async def test_what_a_setting_is_to_blame_for_is_not_laid_on_the_database(tmp_path: Path) -> None:
    """`look at whether the database runs` stood behind a key that was missing."""
    (finding,) = [
        each
        for each in await check_store(_settings(database_url=f"sqlite:///{tmp_path}"))
        if each.verdict is Grade.FAIL
    ]

    assert (finding.says, finding.fix) == (
        f"{tmp_path} is a folder: FAPIAO_DATABASE_URL must name a file",
        "change what it names",
    )


async def test_a_journal_is_looked_at_beside_its_worker(tmp_path: Path) -> None:
    settings = _settings(database_url=f"sqlite:///{tmp_path / 'fapiao.db'}")
    running = open_journal(settings, SystemClock())
    await running.open()
    try:
        findings = {finding.subject: finding for finding in await check_store(settings)}
    finally:
        await running.close()

    assert findings["schema"].verdict is Grade.OK
    assert "0 commands waiting" in findings["backlog"].says


async def test_a_database_that_does_not_answer_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _settings(database_url="postgresql://u:pass-word@127.0.0.1:1/d", journal_keys=KEY)

    findings = await check_store(settings)

    assert findings[-1].verdict is Grade.FAIL
    assert "pass-word" not in str(findings)


def test_what_waits_for_a_person_is_a_warning_with_the_command() -> None:
    quiet = Backlog(0, None, 0, 0, 0, None, 0, 0)
    busy = Backlog(9, NOW, 1, 0, 0, None, 2, 3, sought=4, unconfirmed=5)

    assert [finding.verdict for finding in check_backlog(quiet)] == [Grade.OK]
    findings = check_backlog(busy)
    assert [finding.verdict for finding in findings] == [Grade.OK, *[Grade.WARN] * 4]
    assert "4 invoices sought" in findings[0].says
    assert any("list --state unconfirmed" in finding.fix for finding in findings)


@pytest.mark.parametrize(
    ("times", "says"),
    [
        (Times(None), []),
        (Times(NOW), []),
        (Times(NOW + timedelta(hours=1)), [(Grade.WARN, "3600 s behind the newest command in the journal")]),
        (Times(NOW, NOW + timedelta(seconds=1)), [(Grade.OK, "-1 s against the database server's")]),
        (Times(None, NOW - timedelta(minutes=1)), [(Grade.WARN, "+60 s against the database server's")]),
    ],
)
def test_a_clock_that_is_off_the_journals_times_is_a_warning(times: Times, says: list[tuple[Grade, str]]) -> None:
    found = check_times(times, NOW)

    assert [(finding.verdict, finding.says.partition(":")[0]) for finding in found] == says


@pytest.mark.parametrize(
    ("date", "verdict"),
    [
        ("Thu, 01 Jan 2026 12:00:00 GMT", Grade.OK),
        ("Thu, 01 Jan 2026 11:59:45 GMT", Grade.OK),
        ("Thu, 01 Jan 2026 12:10:00 GMT", Grade.WARN),
        ("yesterday", Grade.OK),
        (None, Grade.OK),
    ],
)
def test_a_clock_that_is_off_is_a_warning(date: str | None, verdict: Grade) -> None:
    assert check_clock(date, NOW).verdict is verdict


async def _gateway(status: int, look_up_status: int = 200) -> asyncio.Server:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        is_look_up = head.startswith(b"GET /api/web/invoice/item/0 ")
        assert is_look_up or head.startswith(b"GET /api/ ")
        assert b"Upgrade" not in head, "a second socket of a userId would take the replies of the first"
        assert b"X-Key: pass-word" in head
        told = look_up_status if is_look_up else status
        writer.write(f"HTTP/1.1 {told} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


@pytest.mark.parametrize(
    ("status", "verdict"), [(200, Grade.OK), (404, Grade.OK), (403, Grade.WARN), (401, Grade.WARN)]
)
async def test_the_gateway_is_asked_a_plain_question(status: int, verdict: Grade) -> None:
    async with await _gateway(status) as server:
        port = server.sockets[0].getsockname()[1]
        settings = _settings(gateway_url=f"ws://127.0.0.1:{port}/api", gateway_headers={"X-Key": "pass-word"})

        findings = await check_gateway(settings)

    assert findings[0].verdict is verdict
    assert "pass-word" not in str(findings)


@pytest.mark.parametrize(
    ("status", "verdict", "says"),
    [(200, Grade.OK, "HTTP 200"), (403, Grade.WARN, "403"), (404, Grade.WARN, "404"), (500, Grade.WARN, "500")],
)
async def test_the_look_ups_are_asked_for_an_invoice_that_nobody_has(status: int, verdict: Grade, says: str) -> None:
    async with await _gateway(200, status) as server:
        base = f"127.0.0.1:{server.sockets[0].getsockname()[1]}/api"
        headers = {"X-Key": "pass-word"}
        near = await check_gateway(_settings(gateway_url=f"ws://{base}", gateway_headers=headers))
        apart = await check_gateway(
            _settings(gateway_url=f"ws://{base}", gateway_http_url=f"http://u:word@{base}/", gateway_headers=headers)
        )

    for findings in (near, apart):
        assert [finding.subject for finding in findings] == ["gateway", "look-ups", "clock"]
        assert findings[1].verdict is verdict
        assert says in findings[1].says
        assert "word" not in str(findings)


async def test_look_ups_elsewhere_that_do_not_answer_are_a_failure() -> None:
    async with await _gateway(200) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/api"
        headers = {"X-Key": "pass-word"}
        findings = await check_gateway(
            _settings(gateway_url=url, gateway_http_url="http://127.0.0.1:1", gateway_headers=headers)
        )

    assert [finding.verdict for finding in findings] == [Grade.OK, Grade.FAIL, Grade.OK]
    assert "FAPIAO_GATEWAY_HTTP_URL" in findings[1].fix


async def test_a_gateway_whose_certificate_is_not_trusted_is_no_matter_of_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ssl.SSLCertVerificationError(1, "certificate has expired")

    monkeypatch.setattr(doctor_gateway, "_ask", refuse)
    (finding,) = await check_gateway(_settings(gateway_url="wss://gateway.example"))
    assert finding.verdict is Grade.FAIL
    assert "certificate's dates" in (finding.fix or "")


async def test_a_gateway_that_does_not_answer_is_a_failure() -> None:
    (finding,) = await check_gateway(_settings(gateway_url="ws://127.0.0.1:1"))

    assert finding.verdict is Grade.FAIL
    assert "FAPIAO_GATEWAY_URL" in finding.fix


async def test_a_broker_that_does_not_answer_is_a_failure_without_its_password() -> None:
    (finding,) = await doctor_broker.check_broker(_settings(amqp_url="amqp://u:pass-word@127.0.0.1:1/"))

    assert finding.verdict is Grade.FAIL
    assert "pass-word" not in str(finding)


def test_credentials_are_read_and_faults_named_without_values(tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text(json.dumps(LOGIN))
    (tmp_path / "good.json").chmod(0o600)
    assert [finding.verdict for finding in check_directory(tmp_path)] == [Grade.OK]

    (tmp_path / "lacks.json").write_text(json.dumps({**LOGIN, "role": ""}))
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "open.json").write_text(json.dumps(LOGIN))
    (tmp_path / "open.json").chmod(0o644)

    findings = check_directory(tmp_path)
    assert [finding.verdict for finding in findings] == [Grade.FAIL, Grade.FAIL, Grade.WARN]
    assert "role" in findings[1].says
    assert "pass-word" not in str(findings)


def test_a_directory_of_credentials_that_is_missing_is_a_failure(tmp_path: Path) -> None:
    (finding,) = check_directory(tmp_path / "nowhere")

    assert finding.verdict is Grade.FAIL


async def test_each_insecure_switch_is_a_warning() -> None:
    assert await check_tls(_settings()) == []

    found = await check_tls(_settings(gateway_insecure=True, amqp_insecure=True))

    assert [finding.verdict for finding in found] == [Grade.WARN] * 2
    assert "FAPIAO_GATEWAY_INSECURE" in found[0].says


async def test_a_certificate_file_that_cannot_be_used_is_named_by_its_setting(tmp_path: Path) -> None:
    (finding,) = await check_gateway(
        _settings(gateway_url="wss://127.0.0.1:1", gateway_ca_file=str(tmp_path / "nothing.pem"))
    )

    assert finding.verdict is Grade.FAIL
    assert "FAPIAO_GATEWAY_CA_FILE" in finding.says
