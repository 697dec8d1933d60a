"""The schemas say what the models do: commands closed, events open, decimals exact."""

import json
from copy import deepcopy
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from contracts import example_files
from contracts.commands import COMMANDS, CommandType
from contracts.envelope import loads
from contracts.schema_files import bundle, component_name, event_models, schemas
from contracts.tidying import tidy

SCHEMAS = schemas()
PLAIN = {name.removesuffix(".plain"): data for name, data in example_files.commands().items() if ".plain" in name}
EXAMPLES: dict[str, list[Any]] = {
    **{
        str(command): [
            example for name, example in example_files.commands().items() if name in {command, f"{command}.manual"}
        ]
        for command in COMMANDS
    },
    **{f"{command}.data": [data] for command, data in PLAIN.items()},
    **{name: [example] for name, example in example_files.events().items()},
    **{f"{name}.data": [example["data"]] for name, example in example_files.events().items()},
    **{name: [example] for name, example in example_files.frames().items()},
}


def accepts(name: str, value: Any) -> bool:
    """Whether the schema lets it pass."""
    return jsonschema.Draft202012Validator(SCHEMAS[name], format_checker=jsonschema.FormatChecker()).is_valid(value)


def model_accepts(data: dict[str, Any], command: str = "invoice.issue") -> bool:
    """Whether the model does, once what nobody minds is tidied."""
    model = COMMANDS[CommandType(command)]
    try:
        model.model_validate(tidy(model, loads(json.dumps(data))).data)
    except ValidationError:
        return False
    return True


def order(path: str, value: Any, command: str = "invoice.issue") -> dict[str, Any]:
    """The command's example with one member set, or removed by `...`."""
    data = deepcopy(PLAIN[command])
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
        ("/invoice/buyerName", "a\nb"),
        ("/invoice/buyerName", "a\x00b"),
        ("/invoice/remark", "a\x0bb"),
        ("/invoice/buyerInvoiceType", 2),
        ("/invoice/buyerInvoiceType", "0"),
        ("/invoice/invoiceItems", []),
        ("/invoice/invoiceItems/0/quantity", 0),
        ("/invoice/invoiceItems/0/quantity", -1),
        ("/invoice/invoiceItems/0/quantity", "two"),
        ("/invoice/invoiceItems/0/unitPrice", "1,000"),
        ("/invoice/invoiceItems/0/unitPrice", True),
        ("/invoice/sellerIndentification", ...),
        ("/invoice/sellerIndentification", ""),
        ("/discounts", [{"line": 0, "amount": 1}]),
        ("/discounts", [{"line": 1, "amount": 0}]),
        ("/discounts", [{"line": 1}]),
        ("/expectedTotal", 0),
        ("/deadline", 5),
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
        ("/orderNo", ""),
        ("/credential", None),
        ("/credential", ""),
        ("/deadline", None),
        ("/discounts", None),
        ("/discounts", [{"line": 1, "amount": "0.50"}]),
        ("/invoice/buyerName", "a\tb"),
        ("/invoice/remark", "one\r\ntwo"),
        ("/invoice/buyerIndentification", None),
        ("/invoice/buyerEmail", None),
        ("/invoice/buyerBankShow", None),
        ("/invoice/invoiceItems/0/spec", None),
        ("/invoice/sellerLoginPassword", ""),
        ("/invoice/sellerIdentification", "91330100EXAMPLE01D"),
        ("/invoice/sellerIdentification", None),
        ("/invoice/buyerIdentification", ""),
        ("/invoice/sellerLoginPassword", "x"),
    ],
)
def test_what_the_model_accepts_the_schema_accepts(path: str, value: Any) -> None:
    """And the other way round."""
    data = order(path, value)

    assert model_accepts(data)
    assert accepts("invoice.issue.data", data)


@pytest.mark.parametrize(
    ("command", "path", "value"),
    [
        ("query", "/added", 1),
        ("query", "/condition", ...),
        ("query", "/condition/added", 1),
        ("query", "/condition/queryType", 2),
        ("query", "/condition/queryType", "0"),
        ("query", "/condition/startInvoiceDate", ...),
        ("query", "/condition/startInvoiceDate", "2026-13-01"),
        ("query", "/condition/startInvoiceDate", "2026-3-1"),
        ("query", "/condition/startInvoiceDate", "1711929600"),
        ("query", "/condition/startInvoiceDate", "2026-03-01T00:00:00Z"),
        ("query", "/condition/endInvoiceDate", None),
        ("query", "/condition/isInvoicePositive", "yes"),
        ("query", "/condition/isInvoicePositive", 1),
        ("query", "/condition/startInvoiceValue", "1,000"),
        ("query", "/condition/startInvoiceValue", True),
        ("query", "/condition/buyerName", "a\nb"),
        ("query", "/condition/buyerName", 5),
        ("query", "/condition/sellerName", "the seller of what was issued is the one who asks"),
        ("query", "/condition/sellerIdentificationNumber", "91330100EXAMPLE01D"),
        ("query", "/page/pageSize", 0),
        ("query", "/page/pageSize", 1001),
        ("query", "/page/pageSize", "10"),
        ("query", "/page/pageSize", 1.5),
        ("query", "/page/pageNumber", 0),
        ("query", "/allPages", "true"),
        ("query", "/items", 1),
        ("query", "/files", ["doc"]),
        ("query", "/login", ...),
        ("query", "/credential", "both"),
        ("query", "/userId", ...),
        ("download", "/date", ...),
        ("download", "/date", ""),
        ("download", "/date", "a\nb"),
        ("download", "/date", 20260301),
        ("download", "/login", None),
        ("items", "/invoiceBasicInfoId", ...),
        ("items", "/invoiceBasicInfoId", 0),
        ("items", "/invoiceBasicInfoId", -1),
        ("items", "/invoiceBasicInfoId", 1.5),
        ("items", "/invoiceBasicInfoId", 2**63),
        ("items", "/invoiceBasicInfoId", "0"),
        ("items", "/invoiceBasicInfoId", "12a"),
        ("items", "/invoiceBasicInfoId", "１２"),
        ("items", "/invoiceBasicInfoId", True),
        ("items", "/userId", "1111"),
        ("files", "/invoiceIdList", ...),
        ("files", "/invoiceIdList", []),
        ("files", "/invoiceIdList", [str(number) for number in range(1, 502)]),
        ("files", "/invoiceIdList", "1"),
        ("files", "/invoiceIdList", ["x"]),
        ("files", "/typeList", []),
        ("files", "/typeList", ["PDF"]),
        ("stored", "/commandId", "SO-1"),
        ("stored", "/invoiceNumber", "26332000000000000042"),
        ("stored", "/orderNo", ...),
        ("stored", "/sellerIndentification", ...),
        ("stored", "/limit", 0),
        ("stored", "/limit", 501),
        ("stored", "/offset", -1),
        ("stored", "/offset", "0"),
        ("stored", "/added", 1),
    ],
)
def test_what_the_model_of_a_look_up_refuses_its_schema_refuses(command: str, path: str, value: Any) -> None:
    """As above, command by command."""
    data = order(path, value, f"invoice.{command}")

    assert not model_accepts(data, f"invoice.{command}")
    assert not accepts(f"invoice.{command}.data", data)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"commandId": None},
        {"invoiceNumber": "1234567"},
        {"invoiceNumber": "2" * 21},
        {"commandId": ""},
        {"orderNo": "1"},
    ],
)
def test_stored_data_are_named_in_one_way(data: dict[str, Any]) -> None:
    """Neither none nor two, and an order number with its seller."""
    assert not model_accepts(data, "invoice.stored")
    assert not accepts("invoice.stored.data", data)


@pytest.mark.parametrize(
    ("command", "path", "value"),
    [
        ("query", "/page", ...),
        ("query", "/page", None),
        ("query", "/files", None),
        ("query", "/items", None),
        ("query", "/condition/buyerName", "a\tb"),
        ("query", "/credential", ""),
        ("files", "/typeList", None),
        ("stored", "/commandId", ""),
        ("stored", "/limit", None),
        ("query", "/page/pageNumber", ...),
        ("query", "/allPages", False),
        ("query", "/items", False),
        ("query", "/files", []),
        ("query", "/files", ["xml"]),
        ("query", "/condition/startInvoiceValue", -12.5),
        ("query", "/condition/startInvoiceValue", "12.50"),
        ("query", "/condition/startInvoiceValue", ""),
        ("query", "/condition/startInvoiceValue", None),
        ("query", "/condition/isInvoicePositive", "是"),
        ("query", "/condition/isInvoicePositive", "否"),
        ("query", "/condition/isInvoicePositive", ""),
        ("query", "/condition/isInvoicePositive", True),
        ("query", "/condition/isInvoicePositive", None),
        ("query", "/condition/buyerName", "示例"),
        ("query", "/condition/sellerName", ""),
        ("query", "/condition/sellerIdentificationNumber", None),
        ("query", "/login/companyName", ...),
        ("download", "/date", " 2024-04-12 10:10:10 "),
        ("download", "/date", "some other day"),
        ("items", "/invoiceBasicInfoId", 2**63 - 1),
        ("items", "/invoiceBasicInfoId", str(2**63 - 1)),
        ("items", "/invoiceBasicInfoId", "007"),
        ("files", "/invoiceIdList", [1, "1", "2"]),
        ("files", "/invoiceIdList", [str(number) for number in range(1, 501)]),
        ("files", "/typeList", ...),
        ("stored", "/limit", 500),
        ("stored", "/commandId", None),
    ],
)
def test_what_the_model_of_a_look_up_accepts_its_schema_accepts(command: str, path: str, value: Any) -> None:
    """And the other way round."""
    data = order(path, value, f"invoice.{command}")

    assert model_accepts(data, f"invoice.{command}")
    assert accepts(f"invoice.{command}.data", data)


def test_the_counterparty_of_what_was_received_is_the_seller() -> None:
    """Trap 56, the other way round."""
    received = order("/condition/queryType", 1, "invoice.query")
    for member, is_good in (("sellerName", True), ("buyerName", False)):
        data = deepcopy(received)
        data["condition"][member] = "示例"
        assert model_accepts(data, "invoice.query") == accepts("invoice.query.data", data) == is_good


@pytest.mark.parametrize("vendors", ["buyerIndentification", "sellerIndentification"])
def test_the_right_spelling_is_in_the_schema(vendors: str) -> None:
    """Trap 26."""
    data = order(f"/invoice/{vendors}", ...)
    data["invoice"][vendors.replace("Inden", "Iden")] = "91330100EXAMPLE01D"

    assert model_accepts(data)
    assert accepts("invoice.issue.data", data)


def test_the_right_spelling_names_a_stored_order_as_well() -> None:
    """Trap 26."""
    data = order("/sellerIndentification", ..., "invoice.stored") | {"sellerIdentification": "91330100EXAMPLE01D"}

    assert model_accepts(data, "invoice.stored")
    assert accepts("invoice.stored.data", data)


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
    query = deepcopy(example_files.frames()["gateway.query_invoice"])
    query["data"]["condition"]["startInvoiceValue"] = 12.5
    assert accepts("gateway.query_invoice", query)
    query["data"]["condition"]["startInvoiceValue"] = "12.5"

    assert not accepts("gateway.invoice_info", frame)
    assert not accepts("gateway.query_invoice", query)


@pytest.mark.parametrize("word", ["prefixItems", "unevaluatedProperties", "$dynamicRef", "dependentSchemas"])
def test_no_keyword_that_few_validators_know(word: str) -> None:
    """For callers in any language."""
    assert f'"{word}"' not in json.dumps(SCHEMAS)


def test_two_values_under_two_spellings_are_the_models_to_refuse() -> None:
    """A schema cannot compare two members."""
    data = order("/invoice/buyerIdentification", "91330100EXAMPLE01D")
    assert not model_accepts(data)
    assert accepts("invoice.issue.data", data)


class TestBundle:
    """One file for generators of code: tests/generated tries four of them."""

    BUNDLE = bundle()

    def test_it_has_every_message_and_every_part_once(self) -> None:
        titles = [part.get("title", name) for name, part in self.BUNDLE["$defs"].items()]

        assert sorted(titles) == sorted(set(titles))
        assert {component_name(name) for name in [*COMMANDS, *event_models()]} <= self.BUNDLE["$defs"].keys()

    @pytest.mark.parametrize("name", [*COMMANDS, *event_models()])
    def test_what_it_says_of_a_message_the_example_fulfils(self, name: str) -> None:
        whole = {**self.BUNDLE, "$ref": f"#/$defs/{component_name(name)}"}
        validator = jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())
        for example in EXAMPLES[name]:
            validator.validate(example)

    @pytest.mark.parametrize("words", ['"format": "password"', '"format": "date"', '"oneOf"', '"allOf"'])
    def test_it_has_nothing_of_which_generators_make_what_nobody_can_use(self, words: str) -> None:
        assert words not in json.dumps(self.BUNDLE)
