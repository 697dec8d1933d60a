"""The schemas say what the models do: commands closed, events open, decimals exact."""

import json
from copy import deepcopy
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from contracts import example_files
from contracts.commands import IssueInvoice
from contracts.envelope import loads
from contracts.schema_files import event_models, schemas

SCHEMAS = schemas()
ORDER = example_files.commands()["invoice.issue.plain"]
EXAMPLES: dict[str, list[Any]] = {
    "invoice.issue": [example_files.commands()["invoice.issue"], example_files.commands()["invoice.issue.manual"]],
    "invoice.issue.data": [ORDER],
    **{name: [example] for name, example in example_files.events().items()},
    **{f"{name}.data": [example["data"]] for name, example in example_files.events().items()},
    **{name: [example] for name, example in example_files.frames().items()},
}


def accepts(name: str, value: Any) -> bool:
    """Whether the schema lets it pass."""
    return jsonschema.Draft202012Validator(SCHEMAS[name], format_checker=jsonschema.FormatChecker()).is_valid(value)


def model_accepts(data: dict[str, Any]) -> bool:
    """Whether the model does."""
    try:
        IssueInvoice.model_validate(loads(json.dumps(data)))
    except ValidationError:
        return False
    return True


def order(path: str, value: Any) -> dict[str, Any]:
    """The example order with one member set, or removed by `...`."""
    data = deepcopy(ORDER)
    *steps, last = path.strip("/").split("/")
    part: Any = data
    for step in steps:
        part = part[int(step)] if isinstance(part, list) else part[step]
    if value is ...:
        del part[last]
    else:
        part[last] = value
    return data


@pytest.mark.parametrize("name", SCHEMAS)
def test_it_is_a_2020_12_schema_with_a_name_of_its_own(name: str) -> None:
    """`$schema` and `$id` say so."""
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$schema"].endswith("/2020-12/schema")
    assert SCHEMAS[name]["$id"] == f"urn:fapiao-worker:{name}"


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_has_an_example_that_fits(name: str) -> None:
    """No message without one."""
    for example in EXAMPLES[name]:
        jsonschema.Draft202012Validator(SCHEMAS[name], format_checker=jsonschema.FormatChecker()).validate(example)


@pytest.mark.parametrize("name", event_models())
def test_events_are_open(name: str) -> None:
    """A member or a code added later breaks no reader that validates."""
    event = example_files.events()[name]
    data = event["data"] | {"added": 1}
    if "code" in data:
        data["code"] = "added_later"

    assert accepts(name, event | {"data": data, "added": 1})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/invoice/buyerNam", "x"),
        ("/added", 1),
        ("/login/added", 1),
        ("/invoice/invoiceItems/0/added", 1),
        ("/invoice/buyerName", ...),
        ("/invoice/buyerName", 5),
        ("/invoice/buyerName", "a\tb"),
        ("/invoice/buyerInvoiceType", 2),
        ("/invoice/buyerInvoiceType", "0"),
        ("/invoice/invoiceItems", []),
        ("/invoice/invoiceItems/0/quantity", 0),
        ("/invoice/invoiceItems/0/quantity", -1),
        ("/invoice/invoiceItems/0/quantity", "two"),
        ("/invoice/invoiceItems/0/unitPrice", "1,000"),
        ("/invoice/invoiceItems/0/unitPrice", True),
        ("/invoice/sellerIndentification", ...),
        ("/invoice/sellerIdentification", "91330100EXAMPLE01D"),
        ("/invoice/buyerIdentification", "91330100EXAMPLE01D"),
        ("/expectedTotal", 0),
        ("/deadline", 5),
        ("/orderNo", ""),
        ("/login", ...),
        ("/login", None),
        ("/credential", "both"),
        ("/credential", "../etc"),
        ("/userId", "u" * 201),
    ],
)
def test_what_the_model_refuses_the_schema_refuses(path: str, value: Any) -> None:
    """A caller who validates first is not surprised."""
    data = order(path, value)

    assert not model_accepts(data)
    assert not accepts("invoice.issue.data", data)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/invoice/buyerEmail", ...),
        ("/invoice/remark", "one\ntwo"),
        ("/invoice/invoiceItems/0/quantity", "2"),
        ("/invoice/invoiceItems/0/quantity", 2),
        ("/invoice/invoiceItems/0/unitPrice", 99.95),
        ("/invoice/invoiceItems/0/unitPrice", "1E+2"),
        ("/expectedTotal", 398),
        ("/deadline", "2026-03-01T12:00:00+08:00"),
        ("/orderNo", None),
        ("/credential", None),
        ("/invoice/sellerLoginPassword", "x"),
    ],
)
def test_what_the_model_accepts_the_schema_accepts(path: str, value: Any) -> None:
    """And the other way round."""
    data = order(path, value)

    assert model_accepts(data)
    assert accepts("invoice.issue.data", data)


@pytest.mark.parametrize("vendors", ["buyerIndentification", "sellerIndentification"])
def test_the_right_spelling_is_in_the_schema(vendors: str) -> None:
    """Trap 26."""
    data = order(f"/invoice/{vendors}", ...)
    data["invoice"][vendors.replace("Inden", "Iden")] = "91330100EXAMPLE01D"

    assert model_accepts(data)
    assert accepts("invoice.issue.data", data)


def test_extension_attributes_pass_and_other_types_do_not() -> None:
    """The envelope is CloudEvents': open, but its type is this message's."""
    event = example_files.commands()["invoice.issue"]

    assert accepts("invoice.issue", event | {"traceparent": "00-…"})
    assert not accepts("invoice.issue", event | {"type": "invoice.query"})
    assert not accepts("invoice.issue", {**event, "id": ""})


def test_the_vendors_frames_carry_numbers() -> None:
    """Money leaves as a JSON number; text would be refused by the vendor."""
    frame = deepcopy(example_files.frames()["gateway.invoice_info"])
    frame["data"]["invoiceItems"][0]["unitPrice"] = "100"

    assert not accepts("gateway.invoice_info", frame)


@pytest.mark.parametrize("word", ["prefixItems", "unevaluatedProperties", "$dynamicRef", "dependentSchemas"])
def test_no_keyword_that_few_validators_know(word: str) -> None:
    """For callers in any language."""
    assert f'"{word}"' not in json.dumps(SCHEMAS)
