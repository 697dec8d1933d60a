"""A check: the whole admission of an order, told and not carried out."""

from typing import Any

from contracts.envelope import loads
from contracts.failures import RejectionCode
from tests.unit.intake.messages import RULES, changed, order, plain
from tests.unit.intake.verdicts import accepted, rejected
from worker.intake.admission import admit


class TestCheck:
    """`invoice.check`: the whole admission, told as data; nothing waits."""

    def answer(self, data: dict[str, Any]) -> dict[str, Any]:
        """The data of its `completed`."""
        verdict = admit(plain(data, type="invoice.check"), RULES)
        assert verdict.dead_letter is None
        assert verdict.command is not None
        assert verdict.command.state == "completed"
        assert verdict.command.lane is None
        assert verdict.command.secrets == {}
        [event] = verdict.command.events
        assert event.type == "invoice.check.completed"
        body = loads(event.body)
        told: dict[str, Any] = body["data"]
        return told

    def test_what_would_be_sent_with_secrets_masked(self) -> None:
        data = self.answer(order() | {"discounts": [{"line": 1, "amount": 10}], "expectedTotal": "190.00"})

        assert data["accepted"] is True
        assert data["errors"] == []
        assert data["invoice"]["invoiceItems"][0]["unitPrice"] == "95"
        assert data["invoice"]["sellerLoginPassword"] == "***"
        assert data["invoice"]["sellerLoginAccount"] == "13987654321"
        assert data["invoice"]["buyerEmail"] == ""
        assert data["discountsFolded"][0]["lineAmount"] == "190.00"

    def test_the_total_under_both_readings(self) -> None:
        data = self.answer(order() | {"expectedTotal": "226.00"})
        readings = {(each["pricesIncludeTax"], each["taxRate"]): each for each in data["totals"]}

        assert data["linesTotal"] == "200.00"
        assert readings[False, "0.13"] | {"expectedTotalMatches": None} == {
            "pricesIncludeTax": False,
            "taxRate": "0.13",
            "totalAmount": "200.00",
            "totalTax": "26.00",
            "totalPriceAndTax": "226.00",
            "expectedTotalMatches": None,
        }
        assert [key for key, each in readings.items() if each["expectedTotalMatches"]] == [(False, "0.13")]
        assert readings[True, "0.13"]["totalPriceAndTax"] == "200.00"
        assert readings[True, "0.13"]["totalTax"] == "23.01"

    def test_a_rejection_as_data(self) -> None:
        data = self.answer(changed(buyerName="", remark="x" * 231))

        assert data["accepted"] is False
        assert {error["path"] for error in data["errors"]} == {"/invoice/buyerName", "/invoice/remark"}
        assert data["totals"] == []
        assert "invoice" not in data

    def test_all_warnings_are_those_of_the_order_itself(self) -> None:
        odd = changed(remark="a\tb", buyerIndentification="DE1") | {"deadline": "2020-01-01T00:00:00Z"}

        assert self.answer(odd)["warnings"] == loads(accepted(plain(odd)).warnings)

    def test_a_message_that_cannot_be_read_is_rejected_like_any_other(self) -> None:
        rejected(plain(b"{", type="invoice.check"), RejectionCode.MALFORMED)
