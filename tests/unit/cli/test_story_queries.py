"""What queries bring, told to a person."""

from typing import Any

import pytest

from contracts import example_files
from worker.cli.story import tell

INVOICE = {"id": "7", "countETicketNumbers": "26332000000000000042", "invoiceDate": "2026-03-01T12:00:02.000+08:00",
           "buyerName": "示例购买方", "sellerName": "Seller", "totalPriceAndTax": "398.00",
           "files": [{"type": "pdf"}, {"type": "ofd"}]}  # fmt: skip


def told(capsys: pytest.CaptureFixture[str], event_type: str, *, is_past: bool = False, **data: Any) -> list[str]:
    """The lines without the clock."""
    tell({"type": event_type, "data": {"commandId": "cmd-1", **data}}, is_past=is_past)
    return [line[10:].strip() for line in capsys.readouterr().out.splitlines()]


def page(capsys: pytest.CaptureFixture[str], **data: Any) -> list[str]:
    """A page event's lines."""
    usual = {"pageNumber": 3, "totalPage": 500, "part": 1, "parts": 1, "late": False, "invoices": [INVOICE]}
    return told(capsys, "invoice.query.page", **{**usual, **data})


def test_a_page_says_where_it_stands_and_its_first_invoices(capsys: pytest.CaptureFixture[str]) -> None:
    assert page(capsys) == [
        "page         page 3 of 500: 1 invoice",
        "26332000000000000042  2026-03-01  示例购买方  398.00  pdf ofd",
    ]
    lines = page(capsys, invoices=[INVOICE] * 50, part=2, parts=3, totalPage=None)
    assert lines[0] == "page         page 3, part 2 of 3: 50 invoices"
    assert lines[-1] == "… and 45 more"
    assert len(lines) == 7


def test_of_what_was_received_the_seller_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    [_, line] = page(capsys, invoices=[{**INVOICE, "queryType": 1, "countETicketNumbers": None}])

    assert line.startswith("id 7  2026-03-01  Seller")


def test_files_that_came_late_are_told_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    assert page(capsys, late=True, pageNumber=0)[0] == "page         files of 1 invoice came late"


def test_a_query_ends_with_counts(capsys: pytest.CaptureFixture[str]) -> None:
    example = example_files.events()["invoice.query.completed"]

    assert told(capsys, example["type"], **example["data"]) == ["completed    1 invoice, 2 items, 3 files, on 1 page"]


def test_what_a_query_misses_comes_with_the_way_to_ask_again(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(
        capsys, "invoice.query.completed", invoiceCount=9, pages=1, itemCount=0, fileCount=0, missingInvoices=2,
        isCut=True, missingItems=["1"], missingFiles=[str(number) for number in range(9)],
        download={"ok": False, "date": "2024-04-12 10:10:10"},
    )  # fmt: skip

    assert lines[1:] == [
        "the list may not be whole: raise FAPIAO_QUERY_MAX_PAGES, or ask for fewer days",
        "the gateway counted 2 more: rows may have shifted; query again",
        "without items: 1 (invoice.items asks again)",
        "files lacking: 0, 1, 2, 3, 4 and 4 more (invoice.files asks again)",
        'the gateway could not get all files: send invoice.download with date "2024-04-12 10:10:10"',
    ]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        ("invoice.download.completed", "the gateway has the files of 2026-03-01 12:00:05 now"),
        ("invoice.items.completed", "*纸制品*办公用纸  196.04  1%  1.96"),
        ("invoice.files.completed", "xml  https://gateway.example/files/26332000000000000042.xml"),
        ("invoice.stored.completed", "26332000000000000042  2026-03-01  示例购买方有限公司  398.00  pdf ofd xml"),
        ("invoice.issue.confirmed", "invoice 26332000000000000042 of 2026-03-01, total 398.00, as expected"),
        ("invoice.issue.unconfirmed", "its number was not found in 6 look-ups"),
    ],
)
def test_every_ending_is_told_in_its_own_words(capsys: pytest.CaptureFixture[str], event: str, line: str) -> None:
    lines = told(capsys, event, **example_files.events()[event]["data"])

    assert any(line in each for each in lines)


def test_another_total_than_expected_is_said_loudly(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(
        capsys, "invoice.issue.confirmed", invoiceNumber="1", totalPriceAndTax="5.00", expectedTotalMatches=False
    )

    assert "NOT the expected total" in lines[0]


def test_more_stored_invoices_than_came_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, "invoice.stored.completed", total=300, invoices=[{"invoice": INVOICE, "files": []}])

    assert lines[0] == "completed    1 of 300 stored invoices"


def test_of_a_past_page_only_the_first_line_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"pageNumber": 1, "totalPage": 1, "parts": 1, "invoices": [INVOICE]}

    assert len(told(capsys, "invoice.query.page", is_past=True, **data)) == 1
