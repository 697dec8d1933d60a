"""An order goes in as a message; what became of it comes out as events. Whole processes, real servers."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scenarios.messages import make_order
from tests.scenarios.stack import ROOT, Stack
from worker.sandbox.server import SandboxOptions

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_order_is_issued_with_a_scan(new_stack: Callable[..., Stack]) -> None:
    """The QR comes first, with its text and its time; the result follows the scan; the books show one invoice."""
    async with new_stack(options=SandboxOptions(qr="always", auto_scan_seconds=0.5)) as stack:
        await stack.begin()

        order = await stack.publish_order(orderNo="A-1")
        await stack.until([order], ["completed"])

        assert stack.said(order) == ["qr_required", "completed"]
        shown, done = stack.last(order, "qr_required"), stack.last(order, "completed")
        assert shown["image"].startswith("data:image/png;base64,")
        assert shown["content"].startswith(stack.sandbox.http_url)
        assert shown["attempt"] == 1
        assert shown["receivedAt"] < shown["expiresAt"]
        assert done["commandId"] == order
        assert done["orderNo"] == "A-1"
        assert done["reconciled"] is False
        assert done["invoice"]["invoiceItems"][0]["unitPrice"] == "100"
        assert "sellerLoginPassword" not in done["invoice"]
        assert done["invoiceUrl"].endswith(".pdf")
        stack.check_promises([order])


async def test_an_event_is_a_cloud_event_with_stable_ids(stack: Stack) -> None:
    """Structured CloudEvents; the copy's message id is the event's id with `:r`."""
    order = await stack.publish_order()
    await stack.until([order], ["completed"])

    message, event = stack.messages[-1], stack.events[order][-1]

    assert message.content_type == "application/cloudevents+json"
    assert message.message_id == f"{event['id']}:r"
    assert message.correlation_id == order
    assert message.app_id == "fapiao-worker"
    assert message.type == event["type"] == "invoice.issue.completed"
    assert (event["specversion"], event["source"], event["sequence"]) == ("1.0", "/fapiao-worker", 1)


async def test_a_checked_order_is_sent_as_the_check_told_with_its_discount_in_the_price(stack: Stack) -> None:
    """The check answers from the worker alone; the order's events and the gateway's books have the folded price."""
    check, order = stack.new_id(), stack.new_id()
    data = make_order(order, discounts=[{"line": 1, "amount": "10.00"}], deadline=stack.in_seconds(60))
    await stack.publish(check, data, type="invoice.check")
    await stack.until([check], ["completed"])
    told = stack.last(check, "completed")
    assert told["accepted"] is True
    assert stack.submissions(order) == 0

    await stack.publish(order, data)
    await stack.until([order], ["completed"])

    done = stack.last(order, "completed")
    assert done["discountsFolded"] == told["discountsFolded"]
    [sent] = [invoice for invoice in stack.sandbox.ledger.invoices.values() if order in invoice.order["remark"]]
    price = str(sent.order["invoiceItems"][0]["unitPrice"])
    assert price == told["invoice"]["invoiceItems"][0]["unitPrice"] == done["invoice"]["invoiceItems"][0]["unitPrice"]
    stack.check_promises([order])


async def test_a_hundred_orders_of_one_seller_cost_one_login(stack: Stack) -> None:
    """The session is kept between commands, and one runs at a time."""
    orders = [await stack.publish_order("seller-1") for _ in range(100)]
    await stack.until(orders, ["completed"])

    visits = stack.sandbox.vendor.of("seller-1")

    assert visits.logins == 1
    assert visits.max_exchanges == 1
    stack.check_promises(orders)


async def test_the_same_command_again_repeats_its_final_event_and_issues_nothing(stack: Stack) -> None:
    order = await stack.publish_order()
    await stack.until([order], ["completed"])
    first = stack.events[order][-1]

    await stack.publish(order, make_order(order))
    await stack.until_copies(order, 2)

    assert stack.events[order][-1] == first
    assert stack.submissions(order) == 1


async def test_the_same_id_with_other_content_is_answered_and_changes_nothing(stack: Stack) -> None:
    order = await stack.publish_order()
    await stack.until([order], ["completed"])

    await stack.publish(order, make_order(order, invoice={"buyerName": "另一家公司"}))
    await stack.until([order], ["rejected"])

    assert stack.last(order, "rejected")["code"] == "id_reused"
    assert stack.submissions(order) == 1


async def test_a_second_command_for_an_order_number_gets_the_firsts_outcome(stack: Stack) -> None:
    """Under whatever id: events of its own, the first one's data, no second submission."""
    first, second = await stack.publish_order(orderNo="SO-77"), stack.new_id()
    await stack.publish(second, make_order(first, orderNo="SO-77"))
    await stack.until([first, second], ["completed"])

    assert stack.submissions(first) == 1
    assert stack.last(second, "completed")["repeats"] == {"commandId": first}
    assert stack.last(second, "completed")["invoiceUrl"] == stack.last(first, "completed")["invoiceUrl"]
    assert stack.events[first][-1]["id"] != stack.events[second][-1]["id"]


@pytest.mark.parametrize(
    ("fault", "outcome", "code"),
    [
        ("login_refused", "failed", "login_refused"),
        ("qr_failed", "failed", "qr_failed"),
        ("refused", "failed", "issue_refused"),
        ("draft", "failed", "saved_as_draft"),
        ("dropped_before_result", "in_doubt", None),
        ("dropped_after_issuing", "in_doubt", None),
        ("oversized_frame", "in_doubt", None),
        ("other_invoice", "in_doubt", None),
        ("silent", "in_doubt", None),
        ("result_twice", "completed", None),
        ("other_user", "completed", None),
        ("garbage", "completed", None),
        ("result_as_json_text", "completed", None),
        ("wrong_type_word", "completed", None),
    ],
)
async def test_a_faulty_gateway_is_answered_as_designed(
    stack: Stack, fault: str, outcome: str, code: str | None
) -> None:
    """And whatever it does, the next order of the same seller is issued."""
    seller = f"seller-{fault}"
    password = {"password": "refuse-login"} if fault == "login_refused" else {"fault": fault}
    broken = await stack.publish_order(seller, **password)
    await stack.until([broken], [outcome])
    good = await stack.publish_order(seller, invoice={"buyerName": "下一位"})
    await stack.until([good], ["completed"])

    if code is not None:
        assert stack.last(broken, outcome)["code"] == code
    if outcome == "in_doubt":
        assert stack.last(broken, "in_doubt")["needsPerson"] is False
    stack.check_promises([broken, good])


async def test_an_account_rests_after_refused_logins(new_stack: Callable[..., Stack]) -> None:
    """Refusals are not retried; after enough of them the account's commands fail without a login."""
    async with new_stack(settings={"FAPIAO_LOGIN_FAILURES": "2"}) as stack:
        await stack.begin()

        orders = []
        for _ in range(3):
            orders.append(await stack.publish_order(password="refuse-login"))
            await stack.until(orders, ["failed"])

        codes = [stack.last(order, "failed")["code"] for order in orders]
        assert codes == ["login_refused", "login_refused", "login_suspended"]
        assert stack.sandbox.vendor.of("user-1").logins == 2


@pytest.mark.parametrize(
    ("user", "code"), [("deny-401-x", "gateway_unauthorized"), ("deny-403-x", "gateway_forbidden")]
)
async def test_a_refused_handshake_is_one_attempt(stack: Stack, user: str, code: str) -> None:
    order = await stack.publish_order(user)
    await stack.until([order], ["failed"])

    failed = stack.last(order, "failed")

    assert (failed["code"], failed["attempts"], failed["retryable"]) == (code, 1, False)


async def test_transport_failures_before_the_submission_are_retried_until_the_deadline(stack: Stack) -> None:
    """First a gateway that comes back in time, then a deadline that comes first."""
    stack.sandbox.faults.arm("handshake_503", user_id="user-9", times=2)
    order = await stack.publish_order("user-9")
    await stack.until([order], ["completed"])

    hopeless = await stack.publish_order("deny-503-x", deadline=stack.in_seconds(3))
    await stack.until([hopeless], ["failed"])

    failed = stack.last(hopeless, "failed")
    assert failed["code"] in {"gateway_unavailable", "deadline_exceeded"}
    assert failed["retryable"] is True
    assert stack.submissions(hopeless) == 0


async def test_a_missing_credential_is_named(stack: Stack) -> None:
    data = make_order("by-name") | {"credential": "shop-7"}
    del data["login"]
    await stack.publish("by-name", data)
    await stack.until(["by-name"], ["failed"])

    failed = stack.last("by-name", "failed")

    assert failed["code"] == "credential_missing"
    assert "shop-7" in failed["message"]


async def test_a_credential_by_name_logs_in(new_stack: Callable[..., Stack], tmp_path: Path) -> None:
    login = make_order("x")["login"]
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "shop-7.json").write_text(json.dumps(login), encoding="utf-8")
    async with new_stack(settings={"FAPIAO_CREDENTIALS_DIR": str(tmp_path / "credentials")}) as stack:
        await stack.begin()

        data = make_order("by-name") | {"credential": "shop-7"}
        del data["login"]
        await stack.publish("by-name", data)
        await stack.until(["by-name"], ["completed"])


async def test_the_manuals_own_example_is_issued(stack: Stack) -> None:
    """The command file with the manual's example values, sent by the command line as a user would."""
    example = ROOT / "contracts" / "examples" / "invoice.issue.manual.json"

    sent = await stack.command_line("send", str(example), "--new-id", "--json", "--timeout", "60")

    assert sent.returncode == 0, sent.stderr
    last = json.loads(sent.stdout.strip().splitlines()[-1])
    assert last["type"] == "invoice.issue.completed"
    assert last["data"]["invoice"]["buyerName"] == "ABC公司"
