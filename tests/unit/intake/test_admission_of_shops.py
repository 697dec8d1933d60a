"""What shops really send, message in and verdict out: what nobody minds passes, what cannot pass is told whole."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.commands import COMMANDS, CommandType
from contracts.envelope import loads
from contracts.failures import RejectionCode
from contracts.limits import MOST_WARNINGS
from contracts.tidying import clean
from tests.unit.intake.messages import changed, cloud_event, order, plain
from tests.unit.intake.verdicts import accepted, rejected, sent

ITEM = {"name": "商品A", "quantity": 1, "spec": "", "unit": "件", "unitPrice": 100}
OPTIONAL = [
    f"/{name}"
    for name, info in COMMANDS[CommandType.ISSUE].model_fields.items()
    if not info.is_required() and name not in {"login", "credential"}
] + [
    f"/invoice/{name}"
    for name, info in COMMANDS[CommandType.ISSUE].model_fields["invoice"].annotation.model_fields.items()  # type: ignore[union-attr]
    if not info.is_required()
]


def warned(data: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Path to code and message of what is odd about it."""
    return {each["path"]: (each["code"], each["message"]) for each in loads(accepted(plain(data)).warnings)}


def told(data: Any, code: str = RejectionCode.INVALID) -> dict[str, str]:
    """Path to message of every fault."""
    _, answer = rejected(plain(data), code)
    return {error["path"]: error["message"] for error in answer["errors"]}


class TestTexts:
    """Cleaned as far as nobody could mind, and told."""

    def test_line_ends_of_windows_and_of_old_macs_become_line_feeds(self) -> None:
        """Domain case 20."""
        data = changed(remark="订单号:SO-20\r\n合同:HT-20\rEnde")

        assert sent(data)["remark"] == "订单号:SO-20\n合同:HT-20\nEnde"
        assert warned(data)["/invoice/remark"] == ("text_cleaned", "was cleaned: 2 line ends made line feeds")

    def test_a_tab_becomes_a_space(self) -> None:
        data = changed(buyerName="ABC\t公司", invoiceItems=[ITEM | {"name": "商\t品"}])

        assert sent(data)["buyerName"] == "ABC 公司"
        assert sent(data)["invoiceItems"][0]["name"] == "商 品"
        assert warned(data)["/invoice/invoiceItems/0/name"] == ("text_cleaned", "was cleaned: 1 tabs made spaces")

    @pytest.mark.parametrize("mark", ["\u200b", "\ufeff", "\u202d", "\u2060", "\u00ad", "\u061c", "\U000e0020"])
    def test_what_nobody_sees_goes(self, mark: str) -> None:
        """Domain case 36, and every other character of its kind."""
        data = changed(buyerIndentification=f"{mark}91330701MA2DFB848M{mark}")

        assert sent(data)["buyerIndentification"] == "91330701MA2DFB848M"
        code, message = warned(data)["/invoice/buyerIndentification"]
        assert code == "text_cleaned"
        assert "2 invisible characters removed" in message

    def test_passwords_and_the_date_of_a_download_are_left_alone(self) -> None:
        password = " p\tw\u200b "
        command = accepted(plain(order("/login/password", password)))
        assert command.secrets["/login/password"] == password

        date = " 2026-03-01\u200b12:00:05 "
        data = {"userId": "1", "credential": "x", "date": date}
        assert loads(accepted(plain(data, type="invoice.download")).data)["date"] == date

    def test_a_line_feed_in_a_name_is_refused_with_its_place(self) -> None:
        assert "a line feed is at character 4" in told(changed(buyerName="ABC\r\n公司"))["/invoice/buyerName"]

    def test_an_ordinary_text_is_not_warned_of(self) -> None:
        assert warned(order()) == {}


class TestWordsForNone:
    """What stands where a buyer has no tax id."""

    @pytest.mark.parametrize("word", ["0", "000000000000000", "null", "N/A", "none", "undefined"])
    def test_it_is_warned_of_in_an_ordinary_invoice_and_refused_in_a_special_one(self, word: str) -> None:
        code, message = warned(changed(buyerIndentification=word))["/invoice/buyerIndentification"]
        assert (code, "leave it out" in message) == ("tax_id_unusual", True)

        special = changed(buyerIndentification=word, buyerInvoiceType=1)
        assert "word for none" in told(special)["/invoice/buyerIndentification"]

    @pytest.mark.parametrize("word", ["无", "个人"])
    def test_it_is_refused_with_the_way_on_where_it_can_be_no_tax_id(self, word: str) -> None:
        assert "Leave it out" in told(changed(buyerIndentification=word))["/invoice/buyerIndentification"]


class TestSlips:
    """What is most likely not what was meant."""

    @pytest.mark.parametrize("member", ["buyerIndentification", "buyerBankAccount", "buyerPhone", "sellerBankAccount"])
    @pytest.mark.parametrize("shortened", ["9.13301E+17", "6E+18", "1.38e+10"])
    def test_a_number_that_a_spreadsheet_shortened_is_refused(self, member: str, shortened: str) -> None:
        assert "its digits are lost" in told(changed(**{member: shortened}))[f"/invoice/{member}"]

    @pytest.mark.parametrize("tax_id", ["91330701MA2DFB848", "91330701MA2DFB848MM", "9133070100000000", "9" * 16])
    def test_a_tax_id_with_a_character_too_many_or_too_few_is_warned_of(self, tax_id: str) -> None:
        code, message = warned(changed(buyerIndentification=tax_id))["/invoice/buyerIndentification"]
        assert (code, "look for a typo" in message) == ("tax_id_unusual", True)

    @pytest.mark.parametrize("tax_id", ["330106073952872", "33010619900101001", "33010607395287200001", "A12345.7E+1"])
    def test_one_of_another_usual_length_is_not(self, tax_id: str) -> None:
        told_of_it = warned(changed(buyerIndentification=tax_id)).get("/invoice/buyerIndentification", ("", ""))
        assert "look for a typo" not in told_of_it[1]

    def test_a_buyer_with_the_sellers_tax_id_is_warned_of(self) -> None:
        code, message = warned(changed(buyerIndentification="91330701MA2M37T86L"))["/invoice/buyerIndentification"]
        assert (code, "the seller's own" in message) == ("tax_id_unusual", True)

    def test_an_emoji_in_a_name_is_warned_of_and_other_signs_are_not(self) -> None:
        assert warned(changed(buyerName="草莓🍓公主"))["/invoice/buyerName"][0] == "name_unusual"
        assert warned(changed(buyerName="上海𬭚光®科技（℃）㈱")) == {}

    def test_prices_in_fen_are_named_where_the_expected_total_shows_them(self) -> None:
        assert "in fen" in warned(order(expectedTotal="2.00"))["/expectedTotal"][1]
        assert "in fen" not in warned(order(expectedTotal="199.00"))["/expectedTotal"][1]


class TestAbsent:
    """Absent, null and empty are the same."""

    @pytest.mark.parametrize("path", OPTIONAL)
    @pytest.mark.parametrize("nothing", [None, "", "  "])
    def test_whatever_may_be_left_out_may_be_null_or_empty(self, path: str, nothing: Any) -> None:
        """The habit of Java, C#, PHP and Go."""
        if path.endswith("Password") and nothing == "  ":
            return  # a password of blanks is one
        without = order()
        part = without["invoice"] if path.count("/") == 2 else without
        part.pop(path.rpartition("/")[2], None)
        left_out = accepted(plain(without))
        given_so = accepted(plain(order(path, nothing)))

        assert loads(given_so.data) == loads(left_out.data)
        assert given_so.warnings == left_out.warnings

    @pytest.mark.parametrize("member", ["page", "allPages", "items", "files"])
    @pytest.mark.parametrize("nothing", [None, ""])
    def test_in_a_query_too(self, member: str, nothing: Any) -> None:
        condition = {"queryType": 0, "startInvoiceDate": "2026-03-01", "endInvoiceDate": "2026-03-31"}
        query = {"userId": "1", "credential": "x", "condition": condition}

        assert accepted(plain(query | {member: nothing}, type="invoice.query")).data == (
            accepted(plain(query, type="invoice.query")).data
        )

    @pytest.mark.parametrize("both", ["91330701MA2DFB848M", " 91330701ma2dfb848m", "", None])
    def test_a_member_under_both_spellings_with_the_same_value_is_given_once(self, both: Any) -> None:
        """Programs generated from the schema write both."""
        assert sent(changed(buyerIdentification=both))["buyerIndentification"] == "91330701MA2DFB848M"

    @pytest.mark.parametrize("empty", ["", None])
    def test_the_spelling_that_is_empty_does_not_count(self, empty: Any) -> None:
        data = changed(sellerIndentification=empty, sellerIdentification="91330701MA2M37T86L")

        assert sent(data)["sellerIndentification"] == "91330701MA2M37T86L"

    def test_two_spellings_with_two_values_are_refused(self) -> None:
        message = told(changed(buyerIdentification="91330701MA2M37T86L"))["/invoice/buyerIdentification"]

        assert "given twice" in message


class TestBuyers:
    """Who has no Chinese tax id."""

    def test_a_foreign_company_without_one(self) -> None:
        """Domain case 25."""
        data = changed(buyerName="Example Handels GmbH", buyerIndentification="")

        assert sent(data)["buyerIndentification"] == ""
        assert warned(data)["/invoice/buyerIndentification"][0] == "tax_id_unusual"

    def test_a_foreign_company_with_its_own(self) -> None:
        """Domain case 26."""
        assert warned(changed(buyerIndentification="DE123456789"))["/invoice/buyerIndentification"][0] == (
            "tax_id_unusual"
        )

    def test_a_citizens_id(self) -> None:
        """Domain case 28."""
        person = changed(buyerName="张晓明", buyerType=1, buyerIndentification="990101190001010018")
        assert warned(person) == {}

    def test_a_long_address_with_a_phone_and_a_long_email(self) -> None:
        """Domain cases 29 and 45."""
        address = "广东省深圳市南山区粤海街道高新区社区高新南七道示例国家工程实验室大楼北座十二层一二零一至" + "号" * 14
        email = "accounts-payable-invoices.shared-service-centre@example.com."

        assert warned(changed(buyerAddress=address, buyerPhone="0755-86000000", buyerEmail=email)) == {}

    def test_a_person_of_one_character(self) -> None:
        """Domain case 31."""
        person = changed(buyerName="张", buyerType=1, buyerIndentification="")
        assert warned(person)["/invoice/buyerName"][0] == "name_unusual"

    def test_a_gift(self) -> None:
        """Domain case 23."""
        gift = changed(invoiceItems=[ITEM, ITEM | {"name": "赠品", "unitPrice": 0}])
        assert warned(gift)["/invoice/invoiceItems/1"][0] == "line_without_amount"

    def test_a_thousand_gifts_make_no_event_of_a_megabyte(self) -> None:
        warnings = loads(accepted(plain(changed(invoiceItems=[ITEM, *[ITEM | {"unitPrice": 0}] * 1000]))).warnings)

        assert len(warnings) == MOST_WARNINGS + 2  # and the large frame
        assert any(each["message"] == f"and {1000 - MOST_WARNINGS} more like this" for each in warnings)


class TestDiscounts:
    """Folded into the unit price, and told."""

    def test_a_negative_price_is_refused_with_the_way_on(self) -> None:
        """Domain case 22."""
        message = told(changed(invoiceItems=[ITEM, ITEM | {"unitPrice": -10}]))["/invoice/invoiceItems/1/unitPrice"]

        assert "discounts" in message
        assert '"line": 1' in message

    def test_the_line_comes_to_less_by_exactly_that(self) -> None:
        data = order() | {"discounts": [{"line": 1, "amount": "0.01"}, {"line": 1, "amount": 9.99}]}
        journaled = loads(accepted(plain(data)).data)

        assert journaled["invoice"]["invoiceItems"][0]["unitPrice"] == "95"
        assert "discounts" not in journaled
        assert journaled["discountsFolded"] == [
            {
                "line": 1,
                "amount": "10.00",
                "unitPriceBefore": "100",
                "unitPrice": "95",
                "lineAmountBefore": "200.00",
                "lineAmount": "190.00",
            }
        ]

    @pytest.mark.parametrize(
        ("discount", "path", "words"),
        [
            ({"line": 2, "amount": 1}, "/discounts/0/line", "from 1 to 1"),
            ({"line": 0, "amount": 1}, "/discounts/0/line", "1 or more"),
            ({"line": 1, "amount": 0}, "/discounts/0/amount", "greater than 0"),
            ({"line": 1, "amount": "200.01"}, "/discounts/0/amount", "at most what the line comes to"),
            ({"line": 1, "amount": "0.001"}, "/discounts/0/amount", "2 decimal places"),
            ({"line": 1}, "/discounts/0/amount", "is required"),
        ],
    )
    def test_what_cannot_be_folded_is_told_where(self, discount: dict[str, Any], path: str, words: str) -> None:
        assert words in told(order() | {"discounts": [discount]})[path]


class TestEveryFaultAtOnce:
    """A person mends a message once, not member by member."""

    def test_shape_limits_and_rules_together(self) -> None:
        data = changed(
            buyerNam="x",
            buyerEmail="x" * 73,
            remark=5,
            buyerInvoiceType=1,
            buyerIndentification="",
            invoiceItems=[ITEM | {"quantity": "1.5"}, {"name": "<"}],
        )
        del data["invoice"]["sellerName"]
        data["credential"] = "both"
        data["deadline"] = "tomorrow"
        data["discounts"] = [{"line": 7, "amount": 1}]

        assert {*told(data)} >= {
            "",
            "/deadline",
            "/invoice/buyerNam",
            "/invoice/buyerEmail",
            "/invoice/remark",
            "/invoice/buyerIndentification",
            "/invoice/sellerName",
            "/invoice/invoiceItems/0/quantity",
            "/invoice/invoiceItems/1/quantity",
            "/invoice/invoiceItems/1/unitPrice",
        }

    def test_the_envelope_and_the_data_together(self) -> None:
        data = order("/invoice/buyerName", ...)
        _, answer = rejected(cloud_event({"source": 5, "data": data}), RejectionCode.MALFORMED)

        assert [error["path"] for error in answer["errors"]] == ["/source", "/invoice/buyerName"]

    def test_a_refused_reply_queue_and_the_data_together(self) -> None:
        data = order("/invoice/buyerName", ...)
        _, answer = rejected(plain(data, reply_to="fapiao.issue"), RejectionCode.REPLY_TO_REFUSED)

        assert [error["path"] for error in answer["errors"]] == ["", "/invoice/buyerName"]

    @pytest.mark.parametrize(
        ("path", "value", "only"),
        [
            ("/login", "x", "/login"),
            ("/login/area", 5, "/login/area"),
            ("/credential", "../x", "/credential"),
            ("/invoice", 5, "/invoice"),
            ("/invoice/invoiceItems", [5], "/invoice/invoiceItems/0"),
            ("/invoice/invoiceItems", {}, "/invoice/invoiceItems"),
            ("/invoice/sellerIndentification", "-", "/invoice/sellerIndentification"),
            ("/invoice/buyerType", "0", "/invoice/buyerType"),
        ],
    )
    def test_nothing_is_told_that_only_a_stand_in_would_be_wrong_with(self, path: str, value: Any, only: str) -> None:
        data = order(path, value)
        if path == "/credential":
            del data["login"]

        assert [*told(data)] == [only]

    def test_a_message_says_what_came_and_never_its_value(self) -> None:
        faults = told(order("/invoice/buyerName", 5) | {"orderNo": "x" * 201})

        assert faults["/invoice/buyerName"] == "must be text; a number came"
        assert faults["/orderNo"] == "must be at most 200 characters long; text of 201 characters came"


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_whatever_text_passes_is_clean(text: str) -> None:
    """No tab, carriage return or invisible character is ever sent; and cleaning twice changes nothing."""
    cleaned, went = clean(text)
    assert clean(cleaned) == (cleaned, "")
    assert (cleaned == text) == (went == "")
    assert not {"\t", "\r", "\u200b", "\ufeff"} & {*cleaned}
