"""Which stored invoices a person means, and how they are told."""

from datetime import UTC, datetime

import pytest

from contracts.envelope import loads
from contracts.invoices import StoredInvoice
from worker.ops.stored import BadRequest, describe_stored, filter_of, filters_for
from worker.records import StoredFilter

from .fakes import NUMBER, stored

ID = "1778381047770263553"


def test_days_are_beijings_and_the_last_one_is_included() -> None:
    wanted = filter_of({"since": "2026-03-01", "until": "2026-03-31"}, 10, 5)

    assert wanted.since == datetime(2026, 2, 28, 16, tzinfo=UTC)
    assert wanted.until == datetime(2026, 3, 31, 16, tzinfo=UTC)
    assert (wanted.limit, wanted.offset) == (10, 5)


def test_what_is_not_wished_for_filters_nothing() -> None:
    assert filter_of({}, 100, 0) == StoredFilter(limit=100)
    wishes = {"user_id": "u", "source": "s", "buyer": "b", "number": NUMBER}
    assert filter_of(wishes, 100, 0) == StoredFilter(user_id="u", source="s", buyer="b", number=NUMBER)


@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        ({"since": "20260301"}, "--since is a day"),
        ({"since": "2026-02-30"}, "--since is a day"),
        ({"until": "tomorrow"}, "--until is a day"),
        ({"until": "9999-12-31"}, "--until is a day"),
        ({"since": "0001-01-01"}, "--since is a day"),
        ({"since": "2026-03-02", "until": "2026-03-01"}, "first day is after the last"),
    ],
)
def test_days_that_make_no_sense_are_told(wishes: dict[str, str | None], says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        filter_of(wishes, 100, 0)


@pytest.mark.parametrize("offset", [-1, 2**63])
def test_an_offset_that_no_store_can_hold_is_told(offset: int) -> None:
    with pytest.raises(BadRequest, match="offset"):
        filter_of({}, 100, offset)


def test_twenty_digits_are_a_number_and_fewer_an_id() -> None:
    """The gateway's ids have 19 digits at most (trap 62)."""
    assert filters_for([ID, NUMBER, "7", ID], 50) == [
        StoredFilter(number=NUMBER, limit=50),
        StoredFilter(invoice_ids=(ID, "7"), limit=50),
    ]


@pytest.mark.parametrize("names", [[], ["cmd-1"], [NUMBER + "1"], [""], ["１２３"]])
def test_what_names_no_invoice_is_told(names: list[str]) -> None:
    with pytest.raises(BadRequest, match="20 digits"):
        filters_for(names, 50)


def test_an_invoice_is_told_as_the_command_invoice_stored_tells_it() -> None:
    told = describe_stored(stored())

    StoredInvoice.model_validate(told)
    assert set(told) == {*StoredInvoice.model_fields, "userId"}
    assert told["invoice"]["countETicketNumbers"] == NUMBER
    assert [file["type"] for file in told["files"]] == ["ofd", "pdf"]
    assert loads(stored().items or b"") == told["items"]


def test_an_invoice_that_nobody_here_issued_has_no_command_and_perhaps_no_items() -> None:
    told = describe_stored(stored(None, items=None, command_id=None, command_state=None))

    assert (told["items"], told["commandId"], told["commandState"]) == ([], None, None)
