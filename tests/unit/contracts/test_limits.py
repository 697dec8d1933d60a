"""What a tax invoice may look like; the rules of `domain.md` 4.6 and 4.7, each with its edge."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.commands import Invoice, IssueInvoice
from contracts.limits import InvoiceLimits, check_command, check_company, check_invoice, check_login
from contracts.members import Login
from contracts.queries import QueryInvoices, ReadStored
from tests.unit.contracts.orders import BUYER, SELLER, invoice, item, login

LIMITS = InvoiceLimits()
LENGTHS = [limit.name for limit in fields(InvoiceLimits) if limit.name.endswith("_max_chars")]


def faults(checked: Invoice, limits: InvoiceLimits = LIMITS) -> list[str]:
    """The paths of the errors."""
    return [error.path for error in check_invoice(checked, limits)[0]]


def oddities(checked: Invoice) -> list[tuple[str, str]]:
    """Code and path of the warnings about an invoice that is accepted."""
    errors, warnings = check_invoice(checked, LIMITS)
    assert errors == []
    return [(warning.code, warning.path) for warning in warnings]


def warned(checked: Login, seller: str = SELLER) -> list[str]:
    """The codes of the warnings about a login."""
    return [warning.code for warning in [*check_company(checked, seller), *check_login(checked)]]


def test_a_usual_invoice_has_nothing_to_be_said_about() -> None:
    assert check_invoice(invoice(), LIMITS) == ([], [])


class TestTaxIds:
    """Who needs one, and what it looks like."""

    @pytest.mark.parametrize(
        ("members", "paths"),
        [
            ({"buyerInvoiceType": 0, "buyerType": 0, "buyerIndentification": ""}, []),
            ({"buyerInvoiceType": 0, "buyerType": 1, "buyerIndentification": ""}, []),
            ({"buyerInvoiceType": 0, "buyerType": 1, "buyerIndentification": BUYER}, []),
            ({"buyerInvoiceType": 1, "buyerType": 0, "buyerIndentification": ""}, ["/invoice/buyerIndentification"]),
            ({"buyerInvoiceType": 1, "buyerType": 0, "buyerIndentification": BUYER}, []),
            ({"buyerInvoiceType": 1, "buyerType": 1, "buyerIndentification": BUYER}, ["/invoice/buyerType"]),
        ],
    )
    def test_a_special_invoice_needs_one_and_a_person_gets_no_special_invoice(
        self, members: dict[str, Any], paths: list[str]
    ) -> None:
        assert faults(invoice(**members)) == paths

    @pytest.mark.parametrize("tax_id", ["1" * 15, "1" * 17, "A" * 18, "1" * 20])
    def test_older_numbers_are_good(self, tax_id: str) -> None:
        assert faults(invoice(buyerIndentification=tax_id, sellerIndentification=tax_id)) == []

    @pytest.mark.parametrize("tax_id", ["1" * 14, "1" * 21, "9133070字MA2DFB848", "-"])
    def test_what_cannot_be_a_sellers_is_an_error(self, tax_id: str) -> None:
        if tax_id != "-":
            assert faults(invoice(sellerIndentification=tax_id)) == ["/invoice/sellerIndentification"]
        else:
            with pytest.raises(ValueError, match="letters or digits"):
                invoice(sellerIndentification=tax_id)

    @pytest.mark.parametrize("tax_id", ["9133070字MA2DFB848", "X" * 27, "<b>", "12#4"])
    def test_what_cannot_be_anybodys_is_an_error(self, tax_id: str) -> None:
        assert faults(invoice(buyerIndentification=tax_id)) == ["/invoice/buyerIndentification"]

    @pytest.mark.parametrize("tax_id", ["DE123456789", "1" * 14, "1" * 21, "E12345678", "CHE123.456.789MWST", "X" * 26])
    def test_a_foreign_buyers_passes_with_a_warning(self, tax_id: str) -> None:
        assert oddities(invoice(buyerIndentification=tax_id)) == [("tax_id_unusual", "/invoice/buyerIndentification")]

    def test_a_company_without_one_passes_with_a_warning_and_a_person_without(self) -> None:
        none = {"buyerIndentification": "", "buyerInvoiceType": 0}
        assert oddities(invoice(**none, buyerType=0)) == [("tax_id_unusual", "/invoice/buyerIndentification")]
        assert oddities(invoice(**none, buyerType=1)) == []

    @pytest.mark.parametrize(("tax_id", "codes"), [("990101190001010018", []), ("990101190001010019", ["check_digit"])])
    def test_a_citizens_id_has_a_check_digit_of_its_own(self, tax_id: str, codes: list[str]) -> None:
        person = invoice(buyerName="张晓明", buyerType=1, buyerIndentification=tax_id)
        assert [code for code, _ in oddities(person)] == codes

    def test_a_wrong_check_digit_only_warns(self) -> None:
        """Trap 18 and domain 4.1: the manual's own sample codes fail it, and so do real firms."""
        errors, warnings = check_invoice(invoice(buyerIndentification="91330106552613092B"), LIMITS)

        assert errors == []
        assert [(warning.code, warning.path) for warning in warnings] == [
            ("check_digit", "/invoice/buyerIndentification")
        ]

    def test_the_pattern_is_a_setting(self) -> None:
        limits = InvoiceLimits(tax_id_pattern=r"[0-9]+", tax_id_max_chars=5)
        errors, _ = check_invoice(invoice(), limits)

        assert [error.path for error in errors] == ["/invoice/sellerIndentification", "/invoice/buyerIndentification"]
        assert "FAPIAO_TAX_ID_PATTERN" in errors[0].message
        assert "FAPIAO_TAX_ID_MAX_CHARS" in errors[1].message


class TestText:
    """Lengths and characters."""

    @pytest.mark.parametrize("mark", ["<", ">"])
    def test_names_hold_no_angle_brackets(self, mark: str) -> None:
        spoilt = invoice(buyerName=f"A{mark}B", sellerName=f"C{mark}D", invoiceItems=[item(name=f"E{mark}F")])

        assert faults(spoilt) == ["/invoice/buyerName", "/invoice/sellerName", "/invoice/invoiceItems/0/name"]

    @pytest.mark.parametrize(
        ("member", "most"),
        [
            ("buyerName", 100),
            ("sellerName", 100),
            ("buyerAddress", 100),
            ("buyerPhone", 100),
            ("buyerBank", 100),
            ("buyerBankAccount", 100),
            ("sellerBank", 100),
            ("sellerBankAccount", 100),
            ("remark", 230),
            ("buyerEmail", 72),
        ],
    )
    def test_texts_are_counted_in_characters_each_for_itself(self, member: str, most: int) -> None:
        """Trap 40: refused rather than cut. The numbers are the bureau's template's."""
        assert faults(invoice(**{member: "字" * most})) == []
        [error] = check_invoice(invoice(**{member: "字" * (most + 1)}), LIMITS)[0]
        assert error.path == f"/invoice/{member}"
        assert f"at most {most} characters long (FAPIAO_" in error.message
        assert error.message.endswith(f"it has {most + 1}")

    @pytest.mark.parametrize(("member", "most"), [("name", 100), ("spec", 40), ("unit", 20)])
    def test_so_are_texts_of_goods(self, member: str, most: int) -> None:
        assert faults(invoice(invoiceItems=[item(), item(**{member: "字" * most})])) == []
        assert faults(invoice(invoiceItems=[item(), item(**{member: "字" * (most + 1)})])) == [
            f"/invoice/invoiceItems/1/{member}"
        ]

    def test_every_limit_that_refuses_is_a_setting_that_the_message_names(self) -> None:
        """Whoever runs the worker finds what to change."""
        none: Any = dict.fromkeys(LENGTHS, 0)
        tiny = replace(LIMITS, **none)
        whole = invoice(
            **{f"buyer{name}": "aa" for name in ("Address", "Phone", "Email", "Bank", "BankAccount")},
            buyerIndentification="DE1",
            remark="aa",
            invoiceItems=[item(spec="a", unit="b")],
        )
        messages = " ".join(error.message for error in check_invoice(whole, tiny)[0])

        assert [name for name in LENGTHS if f"(FAPIAO_{name.upper()})" not in messages] == []

    def test_a_persons_name_of_one_character_is_unusual(self) -> None:
        assert oddities(invoice(buyerName="张", buyerType=1)) == [("name_unusual", "/invoice/buyerName")]
        assert oddities(invoice(buyerName="张", buyerType=0)) == []

    def test_a_line_that_comes_to_nothing_is_named(self) -> None:
        """Domain case 23: a gift."""
        gifts = invoice(invoiceItems=[item(), item(unitPrice=0), item(quantity=1, unitPrice="0.004")])
        assert oddities(gifts) == [
            ("line_without_amount", "/invoice/invoiceItems/1"),
            ("line_without_amount", "/invoice/invoiceItems/2"),
        ]

    @pytest.mark.parametrize("member", ["buyerName", "buyerAddress", "buyerBankAccount", "sellerBank"])
    def test_control_characters_never_pass_the_model(self, member: str) -> None:
        """Trap 40."""
        with pytest.raises(ValueError, match="pattern"):
            invoice(**{member: "a\tb"})

    def test_a_remark_may_have_line_feeds_and_nothing_like_them(self) -> None:
        assert faults(invoice(remark="one\ntwo")) == []
        with pytest.raises(ValueError, match="pattern"):
            invoice(remark="one\rtwo")


class TestNumbers:
    """Quantities, prices and totals."""

    @pytest.mark.parametrize("quantity", ["1.5", "0.00000001"])
    def test_a_fraction_is_refused_unless_the_settings_say_so(self, quantity: str) -> None:
        """Trap 29."""
        fractional = invoice(invoiceItems=[item(quantity=quantity)])

        assert faults(fractional) == ["/invoice/invoiceItems/0/quantity"]
        assert faults(fractional, InvoiceLimits(fractional_quantity=True)) == []

    @pytest.mark.parametrize("quantity", ["2.000", "1E+2", 3])
    def test_a_whole_number_may_look_like_a_fraction(self, quantity: Any) -> None:
        assert faults(invoice(invoiceItems=[item(quantity=quantity)])) == []

    @pytest.mark.parametrize(
        ("price", "good"),
        [
            ("0.12345678", True),
            ("0.123456789", False),
            ("0.1234567800", True),
            ("1234567.12345678", True),
            ("12345678.12345678", False),
            ("1e30", False),
            ("1e-30", False),
        ],
    )
    def test_decimal_places_and_length_have_a_limit(self, price: str, good: bool) -> None:
        """Domain 4.7. Zeros that carry nothing are not counted."""
        assert faults(invoice(invoiceItems=[item(unitPrice=price)])) == (
            [] if good else ["/invoice/invoiceItems/0/unitPrice"]
        )

    def test_a_total_of_nothing_is_no_invoice(self) -> None:
        """Trap 53: blue invoices only."""
        free = item(unitPrice=0)

        assert faults(invoice(invoiceItems=[free, free])) == ["/invoice/invoiceItems"]
        assert faults(invoice(invoiceItems=[free, item()])) == []

    def test_lines_have_a_limit(self) -> None:
        """Trap 31."""
        assert faults(invoice(invoiceItems=[item()] * 3), InvoiceLimits(max_items=3)) == []
        assert faults(invoice(invoiceItems=[item()] * 4), InvoiceLimits(max_items=3)) == ["/invoice/invoiceItems"]

    @given(st.decimals(allow_nan=False, allow_infinity=False), st.decimals(allow_nan=False, allow_infinity=False))
    def test_no_number_breaks_the_check(self, quantity: Decimal, price: Decimal) -> None:
        try:
            checked = invoice(invoiceItems=[item(quantity=quantity, unitPrice=price)])
        except ValueError:
            return  # the model's verdict
        command = IssueInvoice(userId="1", credential="x", invoice=checked, expectedTotal=quantity)
        assert check_command(command, LIMITS) is not None


class TestCommand:
    """What concerns more than the invoice."""

    def test_an_expected_total_has_cents(self) -> None:
        command = IssueInvoice(userId="1", login=login(), invoice=invoice(), expectedTotal=Decimal("200.001"))
        assert [error.path for error in check_command(command, LIMITS)[0]] == ["/expectedTotal"]

    @pytest.mark.parametrize(
        ("expected", "codes"),
        [
            ("200", []),
            ("226.00", []),
            ("199", ["expected_total"]),
            ("234", []),
            ("234.02", ["expected_total"]),
            ("22600", ["expected_total"]),
        ],
    )
    def test_an_expected_total_that_the_lines_cannot_come_to_is_odd(self, expected: str, codes: list[str]) -> None:
        """Trap 28: whether prices include tax nobody says, but tax takes nothing away."""
        command = IssueInvoice(userId="1", login=login(), invoice=invoice(), expectedTotal=Decimal(expected))

        errors, warnings = check_command(command, LIMITS)

        assert errors == []
        assert [warning.code for warning in warnings] == codes

    def test_another_seller_account_with_the_logins_password_is_odd(self) -> None:
        """Trap 36: two truths."""
        other = IssueInvoice(userId="1", login=login(), invoice=invoice(sellerLoginAccount="other"))
        same = IssueInvoice(userId="1", login=login(), invoice=invoice(sellerLoginAccount="13987654321"))
        own = invoice(sellerLoginAccount="other", sellerLoginPassword="x")

        assert [warning.code for warning in check_command(other, LIMITS)[1]] == ["seller_account"]
        assert check_command(same, LIMITS)[1] == []
        assert check_command(IssueInvoice(userId="1", login=login(), invoice=own), LIMITS)[1] == []

    def test_a_credential_is_not_looked_into(self) -> None:
        command = IssueInvoice(
            userId="1", credential="xyz", invoice=invoice(), deadline=datetime(2026, 1, 1, tzinfo=UTC)
        )
        assert check_command(command, LIMITS) == ([], [])


class TestLogin:
    """Oddities that only warn."""

    def test_the_sellers_own_login_is_fine(self) -> None:
        assert warned(login()) == []

    def test_another_company_warns_and_its_check_digit_too(self) -> None:
        """Trap 36."""
        assert warned(login(companyCode=BUYER)) == ["company_is_not_seller"]
        assert warned(login(companyCode="91330106552613092B")) == ["company_is_not_seller", "check_digit"]

    def test_the_city_counts_before_its_province(self) -> None:
        """Domain 4.3: a Ningbo company must say ningbo, not zhejiang."""
        code = "91330201EXAMPLE010"

        assert "area_mismatch" not in warned(login(companyCode=code, area="ningbo"), code)
        assert "area_mismatch" in warned(login(companyCode=code, area="zhejiang"), code)

    def test_shanxi_for_shaanxi_is_said_loudly(self) -> None:
        """Domain 4.3: the classic typo."""
        code = "91610101EXAMPLE010"
        warnings = check_login(login(companyCode=code, area="shanxi"))

        [confused] = [warning for warning in warnings if warning.code == "area_confused"]
        assert "CHECK THIS" in confused.message

    def test_the_login_of_a_query_is_looked_at_without_a_seller(self) -> None:
        """Nothing is wrong with asking for another's invoices: those that one received."""
        checked = login(companyCode="91330106552613092B", area="atlantis")
        condition = {"queryType": 1, "startInvoiceDate": "2026-03-01", "endInvoiceDate": "2026-03-31"}
        query = QueryInvoices.model_validate({"userId": "1", "login": checked, "condition": condition})

        errors, warnings = check_command(query, LIMITS)

        assert errors == []
        assert [(warning.code, warning.path) for warning in warnings] == [
            ("check_digit", "/login/companyCode"),
            ("unknown_area", "/login/area"),
        ]
        assert check_command(ReadStored(commandId="1"), LIMITS) == ([], [])

    def test_unknown_words_are_sent_with_a_warning(self) -> None:
        """Trap 22."""
        assert warned(login(area="atlantis", role="船长")) == ["unknown_role", "unknown_area"]


def test_a_sum_of_binary_floats_is_told_what_it_is() -> None:
    """0.1 + 0.2 as programs without decimals write it."""
    errors, _ = check_invoice(invoice(invoiceItems=[item(unitPrice="0.30000000000000004")]), LIMITS)
    assert [(error.path, "binary floats" in error.message) for error in errors] == [
        ("/invoice/invoiceItems/0/unitPrice", True)
    ]
    whole, _ = check_invoice(invoice(invoiceItems=[item(unitPrice="12345678901234567")]), LIMITS)
    assert "binary" not in whole[0].message
