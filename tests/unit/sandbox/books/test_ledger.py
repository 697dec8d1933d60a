"""The books survive a crash, hold no password, and never give a number twice."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from worker.sandbox.books.ledger import Ledger

ORDER: dict[str, Any] = {
    "buyerName": "甲公司",
    "sellerIndentification": "S",
    "remark": "command-1",
    "sellerLoginPassword": "top-secret",
    "invoiceItems": [{"name": "a", "quantity": 3, "spec": "", "unit": "", "unitPrice": Decimal("33.33")}],
}


class StoppedClock:
    def now(self) -> datetime:
        return datetime(2024, 4, 9, 16, 30, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


def test_an_invoice_has_twenty_digits_beijing_time_and_exact_totals() -> None:
    invoice = Ledger(clock=StoppedClock()).issue("u", ORDER)
    assert (len(invoice.number), invoice.number[:4], invoice.number.isdigit()) == (20, "2433", True)
    assert invoice.issued_at == "2024-04-10T00:30:00+08:00"
    assert (invoice.total, invoice.tax) == (Decimal("99.99"), Decimal("0.99"))


def test_numbers_never_repeat_within_a_moment_or_after_clearing() -> None:
    ledger = Ledger(clock=StoppedClock())
    numbers = [ledger.issue("u", ORDER).number for _ in range(3)]
    ledger.clear()
    numbers.append(ledger.issue("u", ORDER).number)
    assert len(set(numbers)) == 4
    assert len(ledger.invoices) == 1


def test_a_draft_is_kept_but_is_no_invoice() -> None:
    ledger = Ledger()
    draft = ledger.issue("u", ORDER, as_draft=True)
    assert draft.number in ledger.invoices
    assert ledger.issued_for("command-1") == []


def test_the_books_can_be_opened_again_and_go_on(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    first = Ledger(path, StoppedClock())
    first.submit("u", ORDER)
    first.submit("u", ORDER, ("remark is odd",))
    issued = first.issue("u", ORDER)
    again = Ledger(path, StoppedClock())
    assert again.submissions == first.submissions
    assert again.submissions_of("command-1") == 2
    assert dict(again.submissions_by_remark) == {"command-1": 2}
    assert again.invoices[issued.number].total == issued.total
    assert again.issue("u", ORDER).number > issued.number
    assert "top-secret" not in path.read_text(encoding="utf-8")
    first.close()
    again.close()


def test_a_half_written_last_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    ledger.submit("u", ORDER)
    ledger.close()
    with path.open("ab") as torn:
        torn.write(b'{"submission":{"sequ')
    again = Ledger(path)
    again.submit("u", ORDER)
    again.close()
    assert len(path.read_bytes().splitlines()) == 2
    third = Ledger(path)
    assert third.submissions_of("command-1") == 2
    third.clear()
    third.close()
    assert path.read_bytes() == b""


def test_when_an_invoice_is_listed_survives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    first = Ledger(path, StoppedClock())
    at_once = first.issue("u", ORDER)
    first.issue("u", ORDER, listed_after_seconds=2)
    first.issue("u", ORDER, listed_after_seconds=None)
    again = Ledger(path, StoppedClock())
    assert list(again.invoices.values()) == list(first.invoices.values())
    assert list(again.listed("S", 0)) == [at_once]
    assert again.by_id(at_once.row_id) == at_once
    first.close()
    again.close()


def test_a_file_of_before_there_were_queries_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    number = "26332179582376000001"
    told = {"number": number, "issued_at": "2026-11-27T00:00:00+08:00", "user_id": "u", "is_draft": False}
    path.write_text(json.dumps({"invoice": {**told, "order": {"sellerIndentification": "S"}}}) + "\n", encoding="utf-8")
    ledger = Ledger(path)
    assert [invoice.number for invoice in ledger.listed("S", 0)] == [number]
    ledger.close()


@pytest.mark.parametrize("order", [None, [], {"remark": 7}])
def test_a_submission_may_be_anything(order: Any) -> None:
    ledger = Ledger()
    assert ledger.submit("u", order).sequence == 1


def test_what_the_bureau_changes_afterwards_is_listed_in_its_place_and_survives_a_restart(tmp_path: Path) -> None:
    """A red letter, a void, another order; the red one takes back just what was issued."""
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    first, second, third = (ledger.issue("u", {**ORDER, "remark": remark}) for remark in "abc")
    red = ledger.red_letter(first.number)
    ledger.void(second.number)
    ledger.change(third.number, order={**third.order, "buyerName": "乙公司"})
    ledger.close()

    reopened = Ledger(path)
    listed = reopened.listed("S", 0)
    assert [each.number for each in listed] == [red.number, third.number, second.number, first.number]
    assert [each.status for each in listed] == ["正常", "正常", "已作废", "已红冲-全额"]
    assert (red.total, listed[1].order["buyerName"]) == (-first.total, "乙公司")
    reopened.close()
