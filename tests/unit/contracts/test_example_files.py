"""The examples are good messages: admitted as they are, and nobody's secret."""

import json
from typing import Any

import pytest

from contracts import example_files
from contracts.commands import COMMANDS, IssueInvoice
from contracts.envelope import EventEnvelope, event_id, loads
from contracts.events import EVENTS, Outcome
from contracts.limits import InvoiceLimits, check_command
from contracts.schema_files import event_models
from contracts.taxpayer import check_digit_fits


def issue(name: str) -> IssueInvoice:
    """A command example's data, as the worker reads it."""
    example = loads(json.dumps(example_files.commands()[name]))
    return IssueInvoice.model_validate(example.get("data", example))


@pytest.mark.parametrize("name", ["invoice.issue", "invoice.issue.plain"])
def test_the_default_order_is_without_fault_or_warning(name: str) -> None:
    """It goes through on the sandbox as it is."""
    assert check_command(issue(name), InvoiceLimits()) == ([], [])


def test_the_default_orders_password_is_known_to_be_a_stand_in() -> None:
    """Tests search the world for it."""
    login = issue("invoice.issue").login
    assert login is not None
    assert login.password.get_secret_value() == "sandbox-password"


def test_the_expected_total_is_the_sum() -> None:
    """So that no reader wonders."""
    order = issue("invoice.issue")
    assert order.expectedTotal == order.invoice.total


def test_the_invented_tax_ids_have_their_check_digit() -> None:
    """And say EXAMPLE, so that nobody takes them for a firm."""
    invoice = issue("invoice.issue").invoice
    for tax_id in (invoice.buyerIndentification, invoice.sellerIndentification):
        assert check_digit_fits(tax_id)
        assert "EXAMPLE" in tax_id


def test_the_manuals_own_values_are_accepted() -> None:
    """Its login says xxx, which only warns."""
    errors, warnings = check_command(issue("invoice.issue.manual"), InvoiceLimits())

    assert errors == []
    assert {warning.code for warning in warnings} == {"company_is_not_seller"}


def test_both_forms_hold_the_same_order() -> None:
    """The plain form is the data of the other, with an order number besides."""
    examples = example_files.commands()
    assert {**examples["invoice.issue"]["data"], "orderNo": "SO-20260301-0042"} == examples["invoice.issue.plain"]


@pytest.mark.parametrize("name", ["invoice.issue", "invoice.issue.manual"])
def test_what_send_publishes_can_be_sent_again_under_a_new_id(name: str) -> None:
    """An order number would make the second one follow the first and issue nothing."""
    assert issue(name).orderNo is None


def test_there_is_one_for_every_message() -> None:
    """Commands and events, no more and no less."""
    assert example_files.events().keys() == event_models().keys()
    assert {name for name in example_files.commands() if name.count(".") == 1} == {str(name) for name in COMMANDS}


@pytest.mark.parametrize("name", example_files.events())
def test_an_event_example_is_what_the_models_say(name: str) -> None:
    """Envelope, id and data."""
    event: dict[str, Any] = example_files.events()[name]
    envelope = EventEnvelope.model_validate(event)

    EVENTS[Outcome(name.rpartition(".")[2])].model_validate(envelope.data)
    assert envelope.id == event_id("/shop", envelope.subject, envelope.sequence)
    assert envelope.subject == envelope.data["commandId"]


def test_no_event_example_holds_a_password() -> None:
    """Events never do."""
    assert "password" not in json.dumps(example_files.events()).lower()
