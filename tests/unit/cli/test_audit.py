"""`audit`: what it asks for, the table that it shows, and how it ends."""

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.envelope import loads
from tests.unit.ops.fakes import event
from worker.clock import SystemClock
from worker.records import BEIJING

from .conftest import Run
from .fakes import FakeBroker

ASKED = ("audit", "--user", "1111", "--month", "2026-02")
COUNTS: dict[str, Any] = {"missing": 0, "unknown": 0, "changed": 0, "differs": 0, "double": 0, "unnumbered": 0}
FINDINGS: list[dict[str, Any]] = [
    {
        "kind": "differs",
        "commandId": "order-7",
        "orderNo": "N-7",
        "invoiceNumber": "26332000000000000042",
        "invoice": {"id": "1", "buyerName": "=买方", "invoiceDate": "2026-02-03T10:00:00+08:00",
                    "totalPriceAndTax": "227.00", "invoiceStatus": "正常"},
        "differs": [{"member": "totalPriceAndTax", "confirmed": "226.00", "listed": "227.00"}],
    },
    {"kind": "double", "invoiceNumber": "26332000000000000043", "double": {"invoiceNumber": "26332000000000000042"}},
    {"kind": "missing", "commandId": "order-8"},
]  # fmt: skip


def told(outcome: str, data: dict[str, Any], number: int = 1) -> bytes:
    """An event of an audit."""
    body = loads(event(number, outcome, data).body)
    return json.dumps({**body, "type": f"invoice.audit.{outcome}"}).encode()


def completed(**changes: Any) -> bytes:
    """The end of an audit in which all adds up."""
    data = {
        "total": 3,
        "matched": 3,
        "counts": COUNTS,
        "undecidedInvoices": 0,
        "undecidedCommands": 0,
        "sums": [{"month": "2026-02", "status": "正常", "count": 3, "totalPriceAndTax": "600.00"}],
        "isWhole": True,
    }
    return told("completed", data | changes, 9)


def test_it_asks_for_the_whole_month_with_the_users_credential(run: Run, broker: FakeBroker) -> None:
    broker.bodies = [completed()]
    result = run(*ASKED, "--source", "/shop")

    assert result.exit_code == 0
    ((order, _),) = broker.published
    assert (order.type, order.source) == ("invoice.audit", "/shop")
    assert loads(order.body) == {
        "userId": "1111",
        "credential": "1111",
        "startInvoiceDate": "2026-02-01",
        "endInvoiceDate": "2026-02-28",
    }
    assert "3 listed, 3 as they were confirmed; nothing that does not add up" in result.stdout
    assert "600.00" in result.stdout


def test_last_month_is_beijings(run: Run, broker: FakeBroker) -> None:
    """For a job that is the same every month."""
    broker.bodies = [completed()]
    run("audit", "--user", "1111", "--month", "last")

    asked = loads(broker.published[0][0].body)
    first = SystemClock().now().astimezone(BEIJING).date().replace(day=1)
    assert asked["endInvoiceDate"] == (first - timedelta(days=1)).isoformat()
    assert asked["startInvoiceDate"] == (first - timedelta(days=1)).replace(day=1).isoformat()


@pytest.mark.parametrize(
    ("bodies", "code"),
    [
        ([completed(counts=COUNTS | {"unnumbered": 2})], 0),
        ([completed(counts=COUNTS | {"unknown": 1})], 1),
        ([completed(counts=COUNTS | {"missing": None}, isWhole=False)], 1),
        ([completed(undecidedCommands=1)], 1),
        ([told("failed", {"code": "login_refused", "stage": "login", "message": "No.", "attempts": 1})], 3),
        ([told("rejected", {"code": "invalid", "errors": []})], 2),
        ([None], 4),
    ],
)
def test_the_exit_code_says_whether_it_adds_up(
    run: Run, broker: FakeBroker, bodies: list[bytes | None], code: int
) -> None:
    broker.bodies = bodies
    assert run(*ASKED, "--source", "/shop").exit_code == code


def test_the_table_says_what_differs_and_of_what_it_is_a_double(run: Run, broker: FakeBroker) -> None:
    broker.bodies = [told("finding", {"findings": FINDINGS}), completed(counts=COUNTS | {"differs": 1})]
    shown = run(*ASKED).stdout

    assert "total: 226.00 → 227.00" in shown
    assert "like 26332000000000000042" in shown
    assert "not in the list" in shown
    assert "order-8" in shown


def test_it_speaks_chinese_where_the_terminal_does(
    run: Run, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    broker.bodies = [
        told("finding", {"findings": FINDINGS}),
        completed(counts=COUNTS | {"missing": None, "differs": 1}, isWhole=False),
    ]
    shown = run(*ASKED).stdout

    for words in (
        "内容不同",
        "价税合计: 226.00 → 227.00",
        "疑似重复",
        "清单缺少",
        "清单 3 张，相符 3 张",
        "清单不完整",
    ):
        assert words in shown


def test_csv_has_a_line_per_finding_and_nothing_that_a_spreadsheet_runs(run: Run, broker: FakeBroker) -> None:
    broker.bodies = [told("finding", {"findings": FINDINGS}), completed(counts=COUNTS | {"differs": 1})]
    rows = list(csv.DictReader(io.StringIO(run(*ASKED, "--csv").stdout)))

    assert [row["kind"] for row in rows] == ["differs", "double", "missing"]
    assert (rows[0]["buyerName"], rows[0]["totalPriceAndTax"]) == ("'=买方", "227.00")
    assert rows[2]["commandId"] == "order-8"


def test_a_sheet_opens_in_excel_as_the_table_is_shown(
    run: Run, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a double click: with a byte order mark, no digit of a number lost, nothing run."""
    monkeypatch.delenv("LC_ALL")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    broker.bodies = [told("finding", {"findings": FINDINGS}), completed(counts=COUNTS | {"differs": 1})]
    shown = run(*ASKED, "--excel").stdout

    assert shown.startswith("\ufeff类别,开票日期,发票号码,")
    first, *_, last = csv.reader(io.StringIO(shown.removeprefix("\ufeff").partition("\n")[2]))
    assert first[:5] == ["内容不同", "2026-02-03", '="26332000000000000042"', "'=买方", "227.00"]
    assert last == ["清单缺少", "", "", "", "", "", "", "order-8", ""]


def test_the_lines_come_to_the_whole_list(run: Run, broker: FakeBroker) -> None:
    """An invoice of another tenant is in the sums; of a missing one nothing is listed."""
    broker.bodies = [completed(total=9, matched=3, counts=COUNTS | {"changed": 2, "missing": 7}, undecidedInvoices=1)]
    shown = run(*ASKED).stdout

    assert "9 listed, 3 as they were confirmed; not in the list 7, red-lettered or voided 2" in shown
    assert "3 more are of other sources' commands" in shown


def test_json_is_what_came(run: Run, broker: FakeBroker) -> None:
    broker.bodies = [told("finding", {"findings": FINDINGS}), completed()]
    shown = json.loads(run(*ASKED, "--json").stdout)

    assert shown["findings"] == FINDINGS
    assert shown["completed"]["total"] == 3


def test_a_login_may_come_from_a_file_and_days_instead_of_a_month(run: Run, broker: FakeBroker, tmp_path: Path) -> None:
    login = tmp_path / "login.json"
    login.write_text('{"companyCode": "91330100EXAMPLE01D"}')
    broker.bodies = [completed(matched=0)]
    days = ("--since", "2026-01-05", "--until", "2026-02-04")
    result = run("audit", "--user", "1111", *days, "--login", str(login))

    asked = loads(broker.published[0][0].body)
    assert asked["login"] == {"companyCode": "91330100EXAMPLE01D"}
    assert (asked["startInvoiceDate"], asked["endInvoiceDate"]) == ("2026-01-05", "2026-02-04")
    assert 'None of these is of a command of source "cli"' in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("audit", "--user", "1"),
        ("audit", "--user", "1", "--month", "2026-13"),
        ("audit", "--user", "1", "--month", "2026-01", "--since", "2026-01-01", "--until", "2026-01-02"),
        ("audit", "--user", "1", "--since", "2026-01-01"),
        (*ASKED, "--json", "--csv"),
        (*ASKED, "--credential", "a", "--login", "b"),
    ],
)
def test_what_cannot_be_asked_is_not_published(run: Run, broker: FakeBroker, words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2
    assert not broker.published
