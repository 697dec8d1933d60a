"""`invoices` and `files`: stored data for people, machines and spreadsheets."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from contracts.envelope import dumps, loads
from tests.unit.ops.fakes import NUMBER, FakeOperatorJournal, stored
from worker.cli.spreadsheet import harmless, write
from worker.records import Stored, StoredFilter

from .conftest import Run

ID = "1778381047770263553"


def named(buyer: str) -> Stored:
    """A stored invoice to this buyer."""
    kept = stored()
    data = {**loads(kept.invoice.data), "buyerName": buyer, "totalPriceAndTax": "-5.00"}
    return replace(kept, invoice=replace(kept.invoice, buyer_name=buyer, data=dumps(data)))


def test_invoices_are_a_table_with_number_total_and_files(run: Run, journal: FakeOperatorJournal) -> None:
    journal.kept = [stored(), stored(None, "7", files=(), command_id=None)]

    lines = run("invoices").stdout.splitlines()

    assert len(lines) == 3
    assert f"2026-03-01 12:00  {NUMBER}" in lines[1]
    assert "示例购买方" in lines[1]
    assert "398.00" in lines[1]
    assert "ofd pdf  user-1  cmd-1" in lines[1]
    assert "-" in lines[2]


def test_filters_reach_the_journal(run: Run, journal: FakeOperatorJournal) -> None:
    words = ["--user", "u", "--source", "s", "--buyer", "b", "--number", NUMBER, "--limit", "7", "--offset", "3"]

    assert run("invoices", "--since", "2026-03-01", "--until", "2026-03-01", *words).stdout == "No such invoices.\n"

    assert journal.asked_for == [
        StoredFilter(
            user_id="u", source="s", buyer="b", number=NUMBER, limit=7, offset=3,
            since=datetime(2026, 2, 28, 16, tzinfo=UTC), until=datetime(2026, 3, 1, 16, tzinfo=UTC),
        )
    ]  # fmt: skip


def test_more_than_was_shown_is_told_apart_from_the_table(run: Run, journal: FakeOperatorJournal) -> None:
    journal.kept = [stored(), stored(), stored()]

    result = run("invoices", "--limit", "1", "--offset", "1")

    assert result.stderr == "2 of 3; go on with --offset 2.\n"
    assert run("invoices").stderr == ""


@pytest.mark.parametrize("form", ["--csv", "--excel"])
def test_a_sheet_is_not_cut_where_a_table_is(run: Run, journal: FakeOperatorJournal, form: str) -> None:
    """A month of 101 invoices was summed without one."""
    journal.kept = [stored() for _ in range(101)]

    assert len(run("invoices", form).stdout.splitlines()) == 102
    assert len(run("invoices", form, "--limit", "1").stdout.splitlines()) == 2
    assert len(run("invoices").stdout.splitlines()) == 101


def test_json_holds_everything_with_its_digits(run: Run, journal: FakeOperatorJournal) -> None:
    journal.kept = [stored()]

    told = json.loads(run("invoices", "--json").stdout)

    assert told["total"] == 1
    assert told["invoices"][0]["invoice"]["id"] == ID
    assert told["invoices"][0]["items"] == [{"itemName": "Paper", "amount": "394.06"}]
    assert json.loads(run("invoices", "--json", "--offset", "5").stdout) == {"total": 1, "invoices": []}


def test_csv_has_a_header_and_runs_no_formula(run: Run, journal: FakeOperatorJournal) -> None:
    """A buyer's name is whatever somebody typed; a negative total is a number."""
    journal.kept = [named('=HYPERLINK("http://evil")'), named("a, b")]

    rows = list(csv.DictReader(io.StringIO(run("invoices", "--csv").stdout)))

    assert [row["buyerName"] for row in rows] == ['\'=HYPERLINK("http://evil")', "a, b"]
    assert rows[0]["totalPriceAndTax"] == "-5.00"
    assert rows[0]["countETicketNumbers"] == NUMBER
    assert rows[0]["pdf"] == f"http://f/{ID}.pdf"
    assert rows[0]["xml"] == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_what_begins_like_a_formula_is_made_text(start: str) -> None:
    assert harmless(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize(
    ("cell", "text"), [("-1.50", "-1.50"), (None, ""), (True, "true"), ("A=1", "A=1"), ("-1-1", "'-1-1")]
)
def test_what_does_not_is_left_as_it_is(cell: object, text: str) -> None:
    assert harmless(cell) == text


def test_a_sheet_for_excel_keeps_every_digit(run: Run, journal: FakeOperatorJournal) -> None:
    """Excel takes UTF-8 for GBK without the mark, and makes zeros of what stands behind fifteen digits."""
    journal.kept = [named("买方")]

    shown = run("invoices", "--excel").stdout
    (row,) = csv.DictReader(io.StringIO(shown.removeprefix("\ufeff")))

    assert shown.startswith("\ufeffinvoiceDate,")
    assert (row["buyerName"], row["countETicketNumbers"]) == ("买方", f'="{NUMBER}"')
    assert row["totalPriceAndTax"] == "-5.00"


def test_a_sheet_for_excel_speaks_as_the_bureaus_does_and_tells_the_time_of_beijing(
    run: Run, journal: FakeOperatorJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    journal.kept = [named("买方")]

    (row,) = csv.DictReader(io.StringIO(run("invoices", "--excel").stdout.removeprefix("\ufeff")))

    assert (row["购买方名称"], row["价税合计"]) == ("买方", "-5.00")
    assert row["开票日期"] == "2026-03-01 12:00:02"
    assert row["查询时间"] == "2026-01-01 20:00:00"
    assert run("invoices", "--csv").stdout.startswith("invoiceDate,")
    assert run("invoices").stdout.startswith("开票日期")
    journal.kept = []
    assert run("invoices").stdout == "没有这样的发票。\n"


@pytest.mark.parametrize("cell", ["1234567890123456", "01234567", "0042", "91110108551385E067"])
def test_what_a_spreadsheet_would_take_for_another_number_stays_as_it_is(
    cell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An old invoice's number begins with a nought, and a tax id may have one E among its digits."""
    write(["number"], [[cell]], for_excel=True)

    assert capsys.readouterr().out.splitlines()[1] == f'"=""{cell}"""'


@pytest.mark.parametrize("cell", ["0", "0.50", "398.00", "-5.00", "123456789012345", "91330100MA2EXAMPLE"])
def test_other_cells_are_what_they_are(cell: str, capsys: pytest.CaptureFixture[str]) -> None:
    write(["number"], [[cell]], for_excel=True)

    assert capsys.readouterr().out.splitlines()[1] == cell


def test_an_empty_csv_is_a_header(run: Run, journal: FakeOperatorJournal) -> None:
    assert run("invoices", "--csv").stdout.startswith("invoiceDate,countETicketNumbers,")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--json", "--csv"], "either --json or --csv"),
        (["--since", "01.03.2026"], "--since is a day"),
        (["--since", "2026-03-02", "--until", "2026-03-01"], "swap"),
    ],
)
def test_what_makes_no_sense_is_exit_code_2(
    run: Run, journal: FakeOperatorJournal, words: list[str], says: str
) -> None:
    result = run("invoices", *words)

    assert result.exit_code == 2
    assert says in result.stderr
    assert result.stdout == ""


def test_files_are_found_by_number_and_by_id(run: Run, journal: FakeOperatorJournal) -> None:
    journal.kept = [stored()]

    for name in (NUMBER, ID):
        result = run("files", name)
        assert result.exit_code == 0
        assert [line.split() for line in result.stdout.splitlines()] == [
            ["invoice", "number", "type", "address"],
            [ID, NUMBER, "ofd", f"http://f/{ID}.ofd"],
            [ID, NUMBER, "pdf", f"http://f/{ID}.pdf"],
        ]


def test_an_invoice_that_is_not_stored_is_exit_code_1_and_the_others_are_told(
    run: Run, journal: FakeOperatorJournal
) -> None:
    journal.kept = [stored()]

    result = run("files", ID, "8", "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["unknown"] == ["8"]
    assert len(json.loads(result.stdout)["files"]) == 2
    assert "Not stored: 8" in result.stderr


def test_an_invoice_without_files_says_who_could_be_asked(run: Run, journal: FakeOperatorJournal) -> None:
    journal.kept = [stored(files=())]

    result = run("files", ID)

    assert result.exit_code == 0
    assert "invoice.files asks the gateway" in result.stdout


def test_a_name_that_is_no_invoice_is_exit_code_2(run: Run, journal: FakeOperatorJournal) -> None:
    assert run("files", "cmd-1").exit_code == 2
    assert run("files").exit_code == 2
