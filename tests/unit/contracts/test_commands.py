"""Commands are closed, exact, and keep their secrets."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.commands import COMMANDS, CommandType, Invoice, IssueInvoice
from tests.unit.contracts.orders import BUYER, SELLER, invoice, item, login


def test_every_command_type_has_a_model() -> None:
    assert COMMANDS.keys() == set(CommandType)


@pytest.mark.parametrize(
    ("given", "amount"), [(1, "1"), ("1.50", "1.50"), (Decimal("0.1"), "0.1"), (" 2 ", "2"), ("1e2", "1E+2")]
)
def test_an_amount_is_exact(given: Any, amount: str) -> None:
    """Trap 30."""
    [line] = invoice(invoiceItems=[item(unitPrice=given)]).invoiceItems
    assert line.unitPrice == Decimal(amount)


@pytest.mark.parametrize(
    "given", [0.1, 1.0, True, "1_000", "１２", "0x10", "NaN", "Infinity", Decimal("NaN"), "", "1e9999999", "0e999"]
)
def test_what_is_not_exact_or_not_a_number_is_refused(given: Any) -> None:
    """Python's own reading of numbers is wider than anybody means."""
    with pytest.raises(ValidationError):
        invoice(invoiceItems=[item(unitPrice=given)])


@pytest.mark.parametrize("member", ["quantity", "unitPrice"])
def test_no_amount_is_negative(member: str) -> None:
    with pytest.raises(ValidationError):
        invoice(invoiceItems=[item(**{member: -1})])


def test_the_total_is_the_sum_of_the_lines() -> None:
    assert invoice(invoiceItems=[item(quantity=3, unitPrice="0.1"), item(unitPrice="0.05")]).total == Decimal("0.40")


def test_either_spelling_is_read_and_the_vendors_is_written() -> None:
    """Trap 26."""
    right = invoice(
        buyerIndentification=...,
        sellerIndentification=...,
        buyerIdentification=BUYER,
        sellerIdentification=SELLER,
    )
    assert right == invoice()
    assert "buyerIndentification" in right.model_dump()


def test_what_a_buyer_may_not_have_is_empty() -> None:
    """Trap 27: the key is sent all the same."""
    sparse = invoice(buyerIndentification=...)
    absent = ["Indentification", "Address", "Phone", "Email", "Bank", "BankAccount"]
    assert {getattr(sparse, f"buyer{name}") for name in absent} == {""}


def test_spaces_around_text_are_cut_but_for_passwords() -> None:
    spaced = login(phone=" 139 ", password=" p w ")
    assert spaced.phone == "139"
    assert spaced.password.get_secret_value() == " p w "


def test_passwords_are_not_in_any_repr_or_dump() -> None:
    order = IssueInvoice(userId="1", login=login(), invoice=invoice(sellerLoginPassword="secret"))
    assert "secret" not in repr(order) + str(order.model_dump()) + order.model_dump_json()


@pytest.mark.parametrize("ways", [{}, {"login": login(), "credential": "xyz"}])
def test_there_is_one_way_to_log_in(ways: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="exactly one of login and credential"):
        IssueInvoice(userId="1", invoice=invoice(), **ways)


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"])
def test_a_deadline_beyond_the_calendar_is_refused(moment: str) -> None:
    with pytest.raises(ValidationError, match="out of range"):
        IssueInvoice.model_validate({"userId": "1", "credential": "x", "invoice": invoice(), "deadline": moment})


def test_a_command_cannot_be_changed() -> None:
    order = invoice()
    with pytest.raises(ValidationError):
        order.buyerName = "other"  # type: ignore[misc]


def test_unknown_members_are_refused_at_every_level() -> None:
    with pytest.raises(ValidationError):
        Invoice.model_validate(invoice().model_dump() | {"taxRate": "0.13"})
