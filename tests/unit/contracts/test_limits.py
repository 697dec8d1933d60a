"""What a tax invoice may look like; the rules of `domain.md` 4.6 and 4.7, each with its edge."""

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


def faults(checked: Invoice, limits: InvoiceLimits = LIMITS) -> list[str]:
    """The paths of the errors."""
    return [error.path for error in check_invoice(checked, limits)[0]]


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
            ({"buyerInvoiceType": 0, "buyerType": 0, "buyerIndentification": ""}, ["/invoice/buyerIndentification"]),
            ({"buyerInvoiceType": 0, "buyerType": 1, "buyerIndentification": ""}, []),
            ({"buyerInvoiceType": 0, "buyerType": 1, "buyerIndentification": BUYER}, []),
            ({"buyerInvoiceType": 1, "buyerType": 0, "buyerIndentification": ""}, ["/invoice/buyerIndentification"]),
            ({"buyerInvoiceType": 1, "buyerType": 0, "buyerIndentification": BUYER}, []),
            ({"buyerInvoiceType": 1, "buyerType": 1, "buyerIndentification": BUYER}, ["/invoice/buyerType"]),
        ],
    )
    def test_company_and_special_invoice_need_one_and_a_person_gets_no_special_invoice(
        self, members: dict[str, Any], paths: list[str]
    ) -> None:
        assert faults(invoice(**members)) == paths

    @pytest.mark.parametrize("tax_id", ["1" * 15, "1" * 17, "A" * 18, "1" * 20])
    def test_older_numbers_are_good(self, tax_id: str) -> None:
        assert faults(invoice(buyerIndentification=tax_id, sellerIndentification=tax_id)) == []

    @pytest.mark.parametrize("tax_id", ["1" * 14, "1" * 21, "9133070字MA2DFB848", "-"])
    def test_what_cannot_be_one_is_an_error(self, tax_id: str) -> None:
        if tax_id != "-":
            assert faults(invoice(sellerIndentification=tax_id)) == ["/invoice/sellerIndentification"]
            assert faults(invoice(buyerIndentification=tax_id)) == ["/invoice/buyerIndentification"]
        else:
            with pytest.raises(ValueError, match="letters or digits"):
                invoice(sellerIndentification=tax_id)

    def test_a_wrong_check_digit_only_warns(self) -> None:
        """Trap 18 and domain 4.1: the manual's own sample codes fail it, and so do real firms."""
        errors, warnings = check_invoice(invoice(buyerIndentification="91330106552613092B"), LIMITS)

        assert errors == []
        assert [(warning.code, warning.path) for warning in warnings] == [
            ("check_digit", "/invoice/buyerIndentification")
        ]

    def test_the_pattern_is_a_setting(self) -> None:
        assert faults(invoice(), InvoiceLimits(tax_id_pattern=r"[0-9]+")) == [
            "/invoice/sellerIndentification",
            "/invoice/buyerIndentification",
        ]


class TestText:
    """Lengths and characters."""

    @pytest.mark.parametrize("member", ["buyerName", "sellerName"])
    def test_names_are_counted_in_gbk_bytes(self, member: str) -> None:
        assert faults(invoice(**{member: "字" * 50})) == []
        assert faults(invoice(**{member: "字" * 50 + "a"})) == [f"/invoice/{member}"]
        assert faults(invoice(**{member: "a" * 100})) == []
        assert faults(invoice(**{member: "a" * 101})) == [f"/invoice/{member}"]

    def test_a_character_outside_gbk_counts_four(self) -> None:
        assert faults(invoice(buyerName="𠮷" * 25)) == []
        assert faults(invoice(buyerName="𠮷" * 25 + "a")) == ["/invoice/buyerName"]

    @pytest.mark.parametrize("mark", ["<", ">"])
    def test_names_hold_no_angle_brackets(self, mark: str) -> None:
        spoilt = invoice(buyerName=f"A{mark}B", sellerName=f"C{mark}D", invoiceItems=[item(name=f"E{mark}F")])

        assert faults(spoilt) == ["/invoice/buyerName", "/invoice/sellerName", "/invoice/invoiceItems/0/name"]

    @pytest.mark.parametrize(
        ("first", "second"),
        [("buyerAddress", "buyerPhone"), ("buyerBank", "buyerBankAccount"), ("sellerBank", "sellerBankAccount")],
    )
    def test_two_members_share_one_hundred_bytes(self, first: str, second: str) -> None:
        assert faults(invoice(**{first: "字" * 40, second: "1" * 20})) == []
        assert faults(invoice(**{first: "字" * 40, second: "1" * 21})) == [f"/invoice/{first}"]

    @pytest.mark.parametrize(("member", "most"), [("remark", 230), ("buyerEmail", 50)])
    def test_texts_are_counted_in_characters(self, member: str, most: int) -> None:
        """Trap 40: refused rather than cut."""
        assert faults(invoice(**{member: "字" * most})) == []
        assert faults(invoice(**{member: "字" * (most + 1)})) == [f"/invoice/{member}"]

    @pytest.mark.parametrize(("member", "most"), [("name", 90), ("spec", 40), ("unit", 20)])
    def test_so_are_texts_of_goods(self, member: str, most: int) -> None:
        assert faults(invoice(invoiceItems=[item(), item(**{member: "字" * most})])) == []
        assert faults(invoice(invoiceItems=[item(), item(**{member: "字" * (most + 1)})])) == [
            f"/invoice/invoiceItems/1/{member}"
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

    @pytest.mark.parametrize(("expected", "codes"), [("200", []), ("226.00", []), ("199", ["expected_total"])])
    def test_an_expected_total_below_the_lines_is_odd(self, expected: str, codes: list[str]) -> None:
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
