"""The examples are good messages: admitted as they are, and nobody's secret."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from contracts import example_files
from contracts.commands import COMMANDS, AnyCommand, CommandType, IssueInvoice
from contracts.envelope import EventEnvelope, event_id, loads
from contracts.explain import explain
from contracts.limits import InvoiceLimits, check_command
from contracts.members import WithLogin
from contracts.queries import LookUpItems, QueryInvoices, ReadStored, RetryDownload
from contracts.schema_files import event_models
from contracts.taxpayer import check_digit_fits

MANUAL_QUERY = """
{"type": "query_invoice", "data": {
"login": {"companyCode": "xxx", "area": "zhejiang", "phone": "123456", "password": "xxx", "role": "法定代表人",
"companyName": "xxxx"},
"condition": {"queryType": 0, "invoiceSource": null, "invoiceType": null, "isInvoicePositive": null,
"countETicketNumbers": "", "invoiceCode": null, "invoiceNumber": null, "sellerIdentificationNumber": null,
"sellerName": null, "startInvoiceValue": null, "endInvoiceValue": null, "startInvoiceDate": "2024-04-01",
"endInvoiceDate": "2024-04-12"},
"page": {"pageSize": 10, "pageNumber": 1}}}
"""
"""The manual's example with straight quotes, and a stand-in for its password."""


def command(name: str) -> AnyCommand:
    """A command example's data, as the worker reads it."""
    example = loads(json.dumps(example_files.commands()[name]))
    return COMMANDS[CommandType(".".join(name.split(".")[:2]))].model_validate(example.get("data", example))


def issue(name: str) -> IssueInvoice:
    """An example of `invoice.issue`."""
    order = command(name)
    assert isinstance(order, IssueInvoice)
    return order


def query(name: str) -> QueryInvoices:
    """An example of `invoice.query`."""
    wanted = command(name)
    assert isinstance(wanted, QueryInvoices)
    return wanted


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
    assert check_command(query("invoice.query.manual"), InvoiceLimits()) == ([], [])


def test_the_manuals_query_is_there_member_by_member() -> None:
    """As a command to publish, and as the frame that leaves because of it. Traps 18, 56, 57."""
    manual = json.loads(MANUAL_QUERY)["data"]
    given = example_files.commands()["invoice.query.manual"]["data"]
    sent = example_files.frames()["gateway.query_invoice"]["data"]

    assert given == {"userId": "1111", **manual}
    assert sent["condition"] == {**manual["condition"], "buyerIdentificationNumber": None, "buyerName": None}
    assert (sent["login"], sent["page"]) == (manual["login"], manual["page"])


def test_the_manuals_password_is_nowhere() -> None:
    """Trap 18: it looks like a real one."""
    everything = [example_files.commands(), example_files.events(), example_files.frames()]

    assert "lm0809" not in json.dumps(everything)
    login = query("invoice.query.manual").login
    assert login is not None
    assert login.password.get_secret_value() == "xxx"


@pytest.mark.parametrize("name", example_files.commands())
def test_every_command_example_is_a_good_command(name: str) -> None:
    """Whoever copies one is admitted; who logs in does so as the same seller."""
    wanted = command(name)

    assert check_command(wanted, InvoiceLimits())[0] == []
    if isinstance(wanted, WithLogin) and "manual" not in name:
        assert wanted.login is not None
        assert wanted.login.password.get_secret_value() == "sandbox-password"


def test_the_look_ups_ask_for_what_the_query_found() -> None:
    """One story: an invoice is issued, confirmed, found by a query, and asked for again by id, order and number."""
    events = example_files.events()
    [found] = events["invoice.query.page"]["data"]["invoices"]
    confirmed = events["invoice.issue.confirmed"]["data"]
    items, stored, download = (command(f"invoice.{name}") for name in ("items", "stored", "download"))

    assert isinstance(items, LookUpItems)
    assert isinstance(stored, ReadStored)
    assert isinstance(download, RetryDownload)
    assert items.invoiceBasicInfoId == found["id"] == confirmed["invoiceId"]
    assert found["countETicketNumbers"] == confirmed["invoiceNumber"]
    assert stored.orderNo == events["invoice.issue.completed"]["data"]["orderNo"]
    assert stored.sellerIndentification == found["sellerIdentificationNumber"]
    assert download.date == events["invoice.download.completed"]["data"]["date"]
    assert events["invoice.items.completed"]["data"]["items"] == found["items"]
    assert events["invoice.files.completed"]["data"]["files"] == found["files"] == confirmed["files"]


def test_the_found_invoice_adds_up() -> None:
    """Lines to totals, tax to total, milliseconds to date: nobody has to wonder."""
    [found] = loads(json.dumps(example_files.events()["invoice.query.page"]))["data"]["invoices"]
    total = {
        name: sum(Decimal(item[name]) for item in found["items"]) for name in ("amount", "tax", "totalPriceAndTax")
    }

    assert total["amount"] == Decimal(found["totalAmount"])
    assert total["tax"] == Decimal(found["totalTax"])
    assert total["amount"] + total["tax"] == total["totalPriceAndTax"] == Decimal(found["totalPriceAndTax"])
    assert datetime.fromisoformat(found["invoiceDate"]).timestamp() * 1000 == int(found["invoiceDateRaw"])
    assert found["invoiceDate"].endswith("+08:00")


@pytest.mark.parametrize(
    ("name", "spoilt"),
    [
        ("query", {"condition": {"queryType": 0, "startInvoiceDate": "2026-03-01"}}),
        ("download", {"date": ""}),
        ("items", {"invoiceBasicInfoId": "abc"}),
        ("files", {"typeList": ["doc"]}),
        ("stored", {"commandId": "SO-1"}),
    ],
)
def test_a_rejection_example_is_what_the_worker_would_say(name: str, spoilt: dict[str, Any]) -> None:
    """Sentences that callers see in the examples are those that they will get."""
    data = example_files.commands()[f"invoice.{name}.plain"] | spoilt
    told = example_files.events()[f"invoice.{name}.rejected"]["data"]["errors"]

    with pytest.raises(ValidationError) as caught:
        COMMANDS[CommandType(f"invoice.{name}")].model_validate(data)
    assert [fault.model_dump() for fault in explain(caught.value)] == told


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

    event_models()[name].model_validate(envelope.data)
    assert envelope.id == event_id("/shop", envelope.subject, envelope.sequence)
    assert envelope.subject == envelope.data["commandId"]


@pytest.mark.parametrize("name", example_files.events())
def test_an_event_example_names_a_user_and_an_order_where_the_command_has_them(name: str) -> None:
    """HTTP look-ups and stored data have no user, and only an order has an order number."""
    data = example_files.events()[name]["data"]
    command_type = ".".join(name.split(".")[:2])

    assert ("userId" in data) == (
        command_type in {"invoice.issue", "invoice.query", "invoice.download", "invoice.check", "invoice.audit"}
    )
    assert ("orderNo" in data) == (command_type == "invoice.issue")


def test_no_event_example_holds_a_password() -> None:
    """Events never do; what would be sent is shown with the password masked."""
    told = json.dumps(example_files.events()).replace('"sellerLoginPassword": "***"', "")
    assert "password" not in told.lower()
