"""Faults are told where and how to mend them, and never repeat a value."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.commands import COMMANDS, CommandType, IssueInvoice
from contracts.explain import MOST_ERRORS, explain, pointer
from tests.unit.contracts.orders import BUYER, SELLER, item

SECRET = "s3cr3t-canary"


def told(**changes: Any) -> dict[str, str]:
    """Path to message, for an order with some members of the invoice or the order changed."""
    invoice: dict[str, Any] = {
        "buyerName": "A",
        "buyerIndentification": BUYER,
        "buyerInvoiceType": 0,
        "buyerType": 0,
        "invoiceItems": [item()],
        "sellerName": "B",
        "sellerIndentification": SELLER,
        "sellerBank": "C",
        "sellerBankAccount": "1",
    }
    order: dict[str, Any] = {"userId": "1", "credential": "xyz", "invoice": invoice}
    for name, value in changes.items():
        part = order if name in {"userId", "credential", "login", "deadline", "expectedTotal", "extra"} else invoice
        if value is ...:
            del part[name]
        else:
            part[name] = value
    try:
        IssueInvoice.model_validate(order)
    except ValidationError as error:
        return {fault.path: fault.message for fault in explain(error)}
    return {}


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"buyerName": ...}, "/invoice/buyerName", "is required"),
        ({"buyerName": 5}, "/invoice/buyerName", "must be text"),
        ({"buyerName": " "}, "/invoice/buyerName", "must not be empty"),
        (
            {"buyerName": "a\tb"},
            "/invoice/buyerName",
            "must not hold control characters such as tabs or line breaks",
        ),
        ({"buyerType": 2}, "/invoice/buyerType", "must be the number 0 or 1"),
        (
            {"buyerInvoiceType": "普票"},
            "/invoice/buyerInvoiceType",
            "must be the number 0 or 1; text of 2 characters came",
        ),
        ({"invoiceItems": []}, "/invoice/invoiceItems", "must not be empty"),
        ({"invoiceItems": {}}, "/invoice/invoiceItems", "must be a list"),
        ({"invoiceItems": [5]}, "/invoice/invoiceItems/0", "must be an object"),
        (
            {"invoiceItems": [item(), item(quantity=-1)]},
            "/invoice/invoiceItems/1/quantity",
            "must be greater than 0: goods that came back need a red-letter invoice",
        ),
        (
            {"invoiceItems": [item(quantity=-1)]},
            "/invoice/invoiceItems/0/quantity",
            "goes into discounts, beside invoice",
        ),
        ({"invoiceItems": [item(quantity="0.00")]}, "/invoice/invoiceItems/0/quantity", "leave out a line of which"),
        ({"invoiceItems": [item(quantity=None)]}, "/invoice/invoiceItems/0/quantity", "has a quantity of 1"),
        ({"invoiceItems": [item(unitPrice="")]}, "/invoice/invoiceItems/0/unitPrice", "has a quantity of 1"),
        ({"buyerEmail": False}, "/invoice/buyerEmail", "left out where there is none; true or false came"),
        ({"buyerBankAccount": 6222021}, "/invoice/buyerBankAccount", "in quotation marks: a number loses"),
        ({"buyerType": True}, "/invoice/buyerType", "must be the number 0 or 1; true or false came"),
        ({"invoiceItems": [item(unitPrice=-1)]}, "/invoice/invoiceItems/0/unitPrice", "must be 0 or more"),
        ({"invoiceItems": [item(unitPrice=1.5)]}, "/invoice/invoiceItems/0/unitPrice", "must be exact"),
        ({"invoiceItems": [item(unitPrice=True)]}, "/invoice/invoiceItems/0/unitPrice", "not true or false"),
        ({"invoiceItems": [item(unitPrice="1,5")]}, "/invoice/invoiceItems/0/unitPrice", "like a JSON number"),
        ({"invoiceItems": [item(unitPrice="￥1,500.00")]}, "/invoice/invoiceItems/0/unitPrice", "without currency"),
        ({"invoiceItems": [item(quantity="2件")]}, "/invoice/invoiceItems/0/quantity", "without currency"),
        ({"buyerIndentification": "/"}, "/invoice/buyerIndentification", "must hold letters or digits"),
        ({"invoiceItems": [item(unitPrice="1e300")]}, "/invoice/invoiceItems/0/unitPrice", "out of range"),
        ({"invoiceItems": [item(unitPrice=None)]}, "/invoice/invoiceItems/0/unitPrice", "decimal"),
        ({"sellerIdentification": SELLER}, "/invoice/sellerIdentification", "is given twice"),
        ({"buyerNam": "A"}, "/invoice/buyerNam", "did you mean buyerName?"),
        ({"orderNo": "1"}, "/invoice/orderNo", "does not belong here, but in the data itself"),
        ({"companyCode": "1"}, "/invoice/companyCode", "does not belong here, but in login"),
        *(
            ({name: "1"}, f"/invoice/{name}", f"did you mean {meant}?")
            for name, meant in {
                "buyerTaxNo": "buyerIndentification",
                "buyer_tax_id": "buyerIndentification",
                "taxNo": "buyerIndentification",
                "纳税人识别号": "buyerIndentification",
                "gmfnsrsbh": "buyerIndentification",
                "sellerTaxCode": "sellerIndentification",
                "销售方税号": "sellerIndentification",
                "memo": "remark",
                "items": "invoiceItems",
                "抬头": "buyerName",
                "GHF_NSRSBH": "buyerIndentification",
                "XHF_NSRSBH": "sellerIndentification",
                "salerTaxNum": "sellerIndentification",
                "xfmc": "sellerName",
                "buyerTel": "buyerPhone",
                "email": "buyerEmail",
                "phone": "buyerPhone",
                "gmf_dzdh": "buyerAddress and buyerPhone",
                "salerAccount": "sellerBank and sellerBankAccount",
                "invoiceType": "buyerInvoiceType (0 普通票, 1 专票)",
                "zrrbs": "buyerType (0 企业, 1 个人)",
            }.items()
        ),
        *(
            ({"invoiceItems": [item(**{name: "1"})]}, f"/invoice/invoiceItems/0/{name}", message)
            for name, message in {
                "price": "did you mean unitPrice?",
                "qty": "did you mean quantity?",
                "规格型号": "did you mean spec?",
                "amount": "a line comes to quantity times unitPrice: leave it out",
                "金额": "a line comes to quantity times unitPrice: leave it out",
                "taxNo": "no member for tax rates or codes",
                "tax_amount": "no member for tax rates or codes",
                "discountAmount": "belongs into discounts, beside invoice",
                "discountRate": "belongs into discounts, beside invoice",
                "discount": "belongs into discounts, beside invoice",
                "lslbs": "no member for tax rates or codes",
                "spsl": "did you mean quantity?",
                "xmje": "an amount alone is a quantity of 1",
                "sl": "no member for tax rates or codes",
                "fphxz": "belongs into discounts, beside invoice",
                "lineNo": "check the spelling, or leave it out",
                "kce": "taxed on the margin (差额征税): make it at the tax bureau",
                "specificBusinessType": "of a special kind of business (特定业务): make it at the tax bureau",
            }.items()
        ),
        ({"BUYER_NAME": "A"}, "/invoice/BUYER_NAME", "did you mean buyerName?"),
        ({"rate": "A"}, "/invoice/rate", "no member for tax rates or codes"),
        ({"taxClassificationCode": "1"}, "/invoice/taxClassificationCode", "leave it out"),
        ({"hsbz": 1}, "/invoice/hsbz", "no member for tax rates or codes"),
        ({"totalAmount": 1}, "/invoice/totalAmount", "goes into expectedTotal, beside invoice"),
        ({"价税合计": 1}, "/invoice/价税合计", "goes into expectedTotal, beside invoice"),
        ({"yfphm": "1"}, "/invoice/yfphm", "a red-letter invoice (红字发票): make it at the tax bureau"),
        ({"originalInvoiceNo": "1"}, "/invoice/originalInvoiceNo", "a red-letter invoice"),
        ({"refundAmount": "1"}, "/invoice/refundAmount", "a red-letter invoice"),
        ({"invoiceStatus": "1"}, "/invoice/invoiceStatus", "check the spelling"),
        ({"sellerAddress": "1"}, "/invoice/sellerAddress", "check the spelling, or leave it out"),
        ({"invoiceDate": "2026-03-01"}, "/invoice/invoiceDate", "the tax bureau dates the invoice"),
        ({"kpr": "1"}, "/invoice/kpr", "write it into remark"),
        ({"currency": "USD"}, "/invoice/currency", "all amounts are in yuan"),
        ({"shippingFee": 10}, "/invoice/shippingFee", "is a line of invoiceItems"),
        (
            {"isInvoicePositive": "否"},
            "/invoice/isInvoicePositive",
            "not belong here, but in condition, of invoice.query",
        ),
        ({"zzz": 1}, "/invoice/zzz", "check the spelling"),
        ({"userId": "u" * 201}, "/userId", "must be at most 200 characters long"),
        ({"credential": "../x"}, "/credential", "beginning with a letter or digit"),
        ({"credential": None}, "", "exactly one of login and credential must be given"),
        ({"deadline": "tomorrow"}, "/deadline", "RFC 3339"),
        ({"deadline": "2026-01-01T00:00:00"}, "/deadline", "RFC 3339"),
        ({"deadline": 1700000000}, "/deadline", "RFC 3339"),
        ({"deadline": "2026-13-01T00:00:00Z"}, "/deadline", "RFC 3339"),
        ({"login": "x", "credential": None}, "/login", "must be an object"),
    ],
)
def test_a_fault_is_told_in_plain_words(changes: dict[str, Any], path: str, message: str) -> None:
    faults = told(**changes)

    assert list(faults) == [path]
    assert message in faults[path]


CONDITION = {"queryType": 0, "startInvoiceDate": "2026-03-01", "endInvoiceDate": "2026-03-31"}
WITH_LOGIN = {"userId": "1", "credential": "xyz"}
DAY = "must be a day, such as 2026-01-31"
ID = "must be an id: digits, from 1 to 9223372036854775807"


def told_of(command: str, data: dict[str, Any]) -> dict[str, str]:
    """Path to message, for a command that looks invoices up."""
    try:
        COMMANDS[CommandType(f"invoice.{command}")].model_validate(data)
    except ValidationError as error:
        return {fault.path: fault.message for fault in explain(error)}
    return {}


def query(**members: Any) -> dict[str, Any]:
    """A query with some members of it, of its condition or of its page changed."""
    data: dict[str, Any] = {**WITH_LOGIN, "condition": dict(CONDITION), "page": {}}
    for name, value in members.items():
        if name in {"files", "items", "allPages"}:
            data[name] = value
        else:
            data["page" if name.startswith("page") else "condition"][name] = value
    return data


@pytest.mark.parametrize(
    ("command", "data", "path", "message"),
    [
        ("query", query(queryType=2), "/condition/queryType", "must be the number 0 or 1"),
        ("query", query(startInvoiceDate="2026-13-01"), "/condition/startInvoiceDate", DAY),
        ("query", query(startInvoiceDate="1711929600"), "/condition/startInvoiceDate", DAY),
        ("query", query(startInvoiceDate=20260301), "/condition/startInvoiceDate", DAY),
        (
            "query",
            query(endInvoiceDate="2026-02-01"),
            "/condition",
            "startInvoiceDate must not be after endInvoiceDate",
        ),
        ("query", query(startInvoiceValue="1,5"), "/condition/startInvoiceValue", "like a JSON number"),
        (
            "query",
            query(startInvoiceValue=2, endInvoiceValue=1),
            "/condition",
            "startInvoiceValue must not be greater than endInvoiceValue",
        ),
        ("query", query(sellerName="A"), "/condition", "use buyerIdentificationNumber, buyerName"),
        ("query", query(isInvoicePositive="perhaps"), "/condition/isInvoicePositive", "must be true or false"),
        ("query", query(buyerNam="A"), "/condition/buyerNam", "did you mean buyerName?"),
        ("query", query(pageSize=0), "/page/pageSize", "must be 1 or more"),
        ("query", query(pageSize=1001), "/page/pageSize", "must be at most 1000"),
        ("query", query(pageSize="10"), "/page/pageSize", "must be a whole number"),
        ("query", query(pageSiz=1), "/page/pageSiz", "did you mean pageSize?"),
        ("query", query(allPages="yes"), "/allPages", "must be true or false"),
        ("query", query(files=["doc"]), "/files/0", "must be one of 'pdf', 'ofd' or 'xml'"),
        ("query", query(files="pdf"), "/files", "must be a list"),
        ("query", WITH_LOGIN, "/condition", "is required"),
        ("download", {**WITH_LOGIN, "date": ""}, "/date", "must not be empty"),
        ("download", {**WITH_LOGIN, "date": "a\nb"}, "/date", "must not hold control characters"),
        ("download", {**WITH_LOGIN, "date": 5}, "/date", "must be text"),
        ("items", {"invoiceBasicInfoId": "12a"}, "/invoiceBasicInfoId", ID),
        ("items", {"invoiceBasicInfoId": 1.5}, "/invoiceBasicInfoId", ID),
        ("items", {"invoiceBasicInfoId": 2**63}, "/invoiceBasicInfoId", ID),
        ("files", {"invoiceIdList": []}, "/invoiceIdList", "must not be empty"),
        ("files", {"invoiceIdList": [*range(1, 502)]}, "/invoiceIdList", "must be at most 500 long"),
        ("files", {"invoiceIdList": ["1", "x"]}, "/invoiceIdList/1", ID),
        ("stored", {}, "", "exactly one of commandId, orderNo and invoiceNumber must be given"),
        ("stored", {"orderNo": "1"}, "", "orderNo and sellerIndentification must be given together"),
        ("stored", {"invoiceNumber": "1234567"}, "/invoiceNumber", "must be 8 to 20 digits"),
        ("stored", {"commandId": "1", "limit": 501}, "/limit", "must be at most 500"),
        ("stored", {"commandId": "1", "comandId": "1"}, "/comandId", "did you mean commandId?"),
    ],
)
def test_a_fault_of_a_look_up_is_told_in_plain_words(
    command: str, data: dict[str, Any], path: str, message: str
) -> None:
    faults = told_of(command, data)

    assert list(faults) == [path]
    assert message in faults[path]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("order_number", "did you mean orderNo?"),
        ("totalAmount", "did you mean expectedTotal?"),
        ("callbackUrl", "the queue that the message's property reply_to names"),
        ("user_id", "did you mean userId?"),
    ],
)
def test_what_others_have_beside_the_invoice_is_told_by_its_name_here(name: str, message: str) -> None:
    assert message in told_of("issue", {**WITH_LOGIN, name: "1"})[f"/{name}"]


def test_many_faults_are_counted() -> None:
    """A list of two thousand spoilt lines makes no event of a megabyte."""
    faults = told(invoiceItems=[{}] * 40)

    assert len(faults) == MOST_ERRORS + 1
    assert faults[""] == f"and {40 * 3 - MOST_ERRORS} more faults"


@pytest.mark.parametrize(
    ("steps", "path"),
    [((), ""), (("a", 0), "/a/0"), (("a/b", "c~d"), "/a~1b/c~0d"), (("a\x00\ud800",), "/a��")],
)
def test_a_pointer_is_rfc_6901_and_safe_to_print(steps: tuple[str | int, ...], path: str) -> None:
    assert pointer(steps) == path


def test_a_long_member_name_is_cut() -> None:
    assert len(pointer(["x" * 1_000_000])) < 100


@given(
    st.sampled_from(["buyerName", "buyerType", "invoiceItems", "userId", "deadline", "expectedTotal", "credential"]),
    st.sampled_from([SECRET, [SECRET], {"x": SECRET}, SECRET * 200, f"{SECRET}\x00", [{"name": SECRET}]]),
)
def test_no_message_repeats_a_value(name: str, value: Any) -> None:
    assert SECRET not in "".join(told(**{name: value}).values())


@given(
    st.sampled_from([*CommandType]),
    st.sampled_from(sorted({name for model in COMMANDS.values() for name in model.model_fields})),
    st.sampled_from([SECRET, [SECRET], {"x": SECRET}, SECRET * 200, f"{SECRET}\x00", {SECRET[:5]: SECRET}]),
)
def test_no_message_about_a_look_up_repeats_a_value(command: CommandType, name: str, value: Any) -> None:
    assert SECRET not in "".join(told_of(command.removeprefix("invoice."), {name: value}).values())
