"""After `completed` the number follows, found by a look-up that a seller's invoices share. Whole processes."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.scenarios.messages import make_query
from tests.scenarios.stack import Stack
from worker.sandbox.server import SandboxOptions

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONFIRMING = {
    "FAPIAO_CONFIRM": "true",
    "FAPIAO_CONFIRM_DELAY_SECONDS": "1",
    "FAPIAO_CONFIRM_SCHEDULE": "1s,1s",
    "FAPIAO_RECONCILE_SCHEDULE": "0.5s,0.5s,0.5s",
}


def confirming_stack(new_stack: Callable[..., Stack], **settings: str) -> Stack:
    """A worker that looks for numbers soon."""
    return new_stack(options=SandboxOptions(qr="never"), settings=CONFIRMING | settings)


async def test_an_order_is_confirmed_with_the_number_and_totals_of_the_books(new_stack: Callable[..., Stack]) -> None:
    async with confirming_stack(new_stack) as stack:
        await stack.begin()
        order = await stack.publish_order(orderNo="A-1", expectedTotal="200.00")
        await stack.until([order], ["confirmed"])

        assert stack.said(order) == ["completed", "confirmed"]
        confirmed = stack.last(order, "confirmed")
        [issued] = stack.sandbox.ledger.issued_for(order)
        assert confirmed["invoiceNumber"] == issued.number
        assert Decimal(confirmed["totalPriceAndTax"]) == issued.total
        assert Decimal(confirmed["totalTax"]) == issued.tax
        assert confirmed["invoiceDate"].endswith("+08:00")
        assert confirmed["expectedTotalMatches"] is True
        assert confirmed["orderNo"] == "A-1"
        assert {file["type"] for file in confirmed["files"]} == {"pdf", "ofd", "xml"}
        assert stack.last(order, "completed")["invoiceUrl"] in {file["url"] for file in confirmed["files"]}
        await stack.check_nothing_is_left()


async def test_a_hundred_orders_of_one_seller_cost_one_confirming_query(new_stack: Callable[..., Stack]) -> None:
    """Or the few that their timing needs: what is issued while the look is on its way waits for the next."""
    async with confirming_stack(new_stack, FAPIAO_CONFIRM_DELAY_SECONDS="12") as stack:
        await stack.begin()
        orders = [await stack.publish_order("seller-1") for _ in range(100)]
        await stack.until(orders, ["confirmed"])

        numbers = {stack.last(order, "confirmed")["invoiceNumber"] for order in orders}
        assert len(numbers) == 100
        assert all(
            stack.last(order, "confirmed")["invoiceNumber"] == stack.sandbox.ledger.issued_for(order)[0].number
            for order in orders
        )
        assert stack.sandbox.vendor.of("seller-1").pages <= 5
        assert stack.sandbox.vendor.of("seller-1").max_concurrent == 1


async def test_identical_orders_get_a_number_each(new_stack: Callable[..., Stack]) -> None:
    """They differ in nothing; the order in which the lane issued them tells whose is whose."""
    async with confirming_stack(new_stack) as stack:
        await stack.begin()
        same = {"invoice": {"remark": "the same"}}
        orders = [await stack.publish_order("twins", **same) for _ in range(3)]
        await stack.until(orders, ["confirmed"])

        told = [stack.last(order, "confirmed")["invoiceNumber"] for order in orders]
        assert told == [invoice.number for invoice in stack.sandbox.ledger.issued_for("the same")]


async def test_a_total_that_is_not_the_expected_one_is_told(new_stack: Callable[..., Stack]) -> None:
    async with confirming_stack(new_stack) as stack:
        await stack.begin()
        order = await stack.publish_order(expectedTotal="202.00")
        await stack.until([order], ["confirmed"])

        assert stack.last(order, "confirmed")["expectedTotalMatches"] is False


async def test_an_invoice_that_is_listed_late_is_confirmed_by_a_later_look(new_stack: Callable[..., Stack]) -> None:
    async with confirming_stack(new_stack) as stack:
        await stack.begin()
        order = await stack.publish_order(fault="listed_late=2")
        await stack.until([order], ["confirmed"])

        assert stack.sandbox.vendor.of("user-1").pages >= 2


async def test_an_invoice_that_is_never_listed_ends_unconfirmed_and_an_operator_sees_it(
    new_stack: Callable[..., Stack],
) -> None:
    async with confirming_stack(new_stack) as stack:
        await stack.begin()
        order = await stack.publish_order(fault="never_listed")
        await stack.until([order], ["unconfirmed"])

        assert stack.said(order) == ["completed", "unconfirmed"]
        assert stack.last(order, "unconfirmed")["lookUps"] == 3
        listed = await stack.command_line("list", "--state", "unconfirmed")
        assert order in listed.stdout
        await stack.check_nothing_is_left()


async def test_what_is_confirmed_can_be_asked_for_again_without_the_gateway(new_stack: Callable[..., Stack]) -> None:
    """By the order number, by the command line, and by a query that finds it already there."""
    async with confirming_stack(new_stack) as stack:
        await stack.begin()
        order = await stack.publish_order(orderNo="B-1")
        await stack.until([order], ["confirmed"])
        number = stack.last(order, "confirmed")["invoiceNumber"]
        opened = stack.sandbox.vendor.of("user-1").opened

        asked = {"orderNo": "B-1", "sellerIndentification": "91330701MA2M37T86L"}
        await stack.publish("again", asked, type="invoice.stored")
        await stack.until(["again"], ["completed"])
        [stored] = stack.last("again", "completed")["invoices"]
        assert (stored["invoice"]["countETicketNumbers"], stored["commandId"]) == (number, order)
        files = await stack.command_line("files", number, "--json")
        assert files.stdout.count(f"{number}.pdf") == 1
        assert stack.sandbox.vendor.of("user-1").opened == opened

        await stack.publish("query", make_query(), type="invoice.query")
        await stack.until(["query"], ["completed"])
        invoices = await stack.command_line("invoices", "--number", number, "--json")
        assert invoices.stdout.count(number) >= 1
