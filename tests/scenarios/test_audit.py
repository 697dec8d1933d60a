"""An audit by whole workers against the sandbox's books: what does not add up is found, and nothing else."""

import json
import signal
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.scenarios.audited_month import copy_order
from tests.scenarios.messages import make_order
from tests.scenarios.stack import Stack
from worker.clock import SystemClock
from worker.records import BEIJING
from worker.sandbox.books.ledger import NEVER

SETTINGS = {
    "FAPIAO_CONFIRM": "true",
    "FAPIAO_CONFIRM_DELAY_SECONDS": "0.3",
    "FAPIAO_CONFIRM_SCHEDULE": "0.3s",
    "FAPIAO_DOWNLOAD_GRACE_SECONDS": "0.1",
    "FAPIAO_ANSWER_TIMEOUT_SECONDS": "15",
}
COPIES = 5000


def of(price: str) -> dict[str, Any]:
    """An order's goods, of a total of its own: no finding is another's evidence."""
    return {"invoiceItems": [{"name": "商品A", "quantity": 1, "spec": "", "unit": "件", "unitPrice": price}]}


def make_audit(user: str = "user-1") -> dict[str, Any]:
    """The data of an `invoice.audit` of the days around now: a month that begins today is tested too."""
    today = SystemClock().now().astimezone(BEIJING).date().isoformat()
    return {"userId": user, "login": make_order("", user)["login"], "startInvoiceDate": today, "endInvoiceDate": today}


def findings_of(stack: Stack, command_id: str) -> list[dict[str, Any]]:
    """All that an audit told, each event once."""
    by_id = {event["id"]: event for event in stack.events[command_id] if event["type"] == "invoice.audit.finding"}
    return [finding for event in by_id.values() for finding in event["data"]["findings"]]


async def plant(stack: Stack) -> dict[str, str]:
    """One of each kind: what the audit is to say, by the command's id or the invoice's number."""
    ledger, orders = stack.sandbox.ledger, {}
    for place, name in enumerate(("good", "red", "void", "dearer", "gone", "twice")):
        orders[name] = await stack.publish_order("user-1", invoice=of(f"{310 + place}.00"))
    orders["late"] = await stack.publish_order("user-1", invoice=of("320.00"), fault="never_listed")
    orders["theirs"] = stack.new_id()
    await stack.publish(orders["theirs"], make_order(orders["theirs"], invoice=of("321.00")), app_id="another")
    # On a lane and account of its own: the looks of the others would find it.
    orders["doubt"] = await stack.publish_order("user-3", invoice=of("322.00"), fault="dropped_after_issuing")
    await stack.until([*orders.values()], ["confirmed", "unconfirmed", "in_doubt"])
    numbers = {
        name: stack.last(each, "confirmed")["invoiceNumber"]
        for name, each in orders.items()
        if "confirmed" in stack.said(each)
    }
    ledger.red_letter(numbers["red"])
    ledger.void(numbers["void"])
    dearer = ledger.invoices[numbers["dearer"]].order
    ledger.change(numbers["dearer"], order={**dearer, **of("399.00")})
    ledger.change(numbers["gone"], listed_at=NEVER)
    (late,) = [each for each in ledger.invoices.values() if each.order["remark"].startswith(orders["late"])]
    ledger.change(late.number, listed_at="")
    by_hand = make_order("by hand", invoice=of("323.00"))["invoice"] | {"buyerBankShow": 0, "sellerBankShow": 0}
    ledger.issue("somebody", by_hand)
    ledger.issue("somebody", ledger.invoices[numbers["twice"]].order)
    return orders


async def test_a_month_of_five_thousand_with_each_kind_of_finding(new_stack: Callable[..., Stack]) -> None:
    """All that was planted is found and nothing else; what was open is settled; another source's invoice is not told
    of; a worker that is killed in the middle goes on there; the command line shows the same and exits with 1."""
    async with new_stack(settings=SETTINGS) as stack:
        worker = await stack.begin()
        orders = await plant(stack)
        worker.signal(signal.SIGTERM)
        await worker.died()
        await copy_order(stack, orders["good"], COPIES)

        dying = stack.start_worker(crash_at="audit.rows_kept:17")
        await stack.publish("audit", make_audit(), type="invoice.audit")
        await dying.died()
        stack.start_worker()
        await stack.until(["audit"], ["completed"])

        told = {(each["kind"], each.get("commandId")) for each in findings_of(stack, "audit")}
        assert told == {
            ("changed", orders["red"]),
            ("changed", orders["void"]),
            ("differs", orders["dearer"]),
            ("missing", orders["gone"]),
            ("unnumbered", orders["late"]),
            ("unnumbered", orders["doubt"]),
            ("double", None),
            ("unknown", None),
        }
        by_kind = Counter(each["kind"] for each in findings_of(stack, "audit"))
        assert by_kind == {"changed": 2, "differs": 1, "missing": 1, "unnumbered": 2, "double": 1, "unknown": 2}
        said = stack.last("audit", "completed")
        assert said["counts"] == dict(by_kind)
        assert (said["isWhole"], said["undecidedInvoices"], said["undecidedCommands"]) == (True, 0, 0)
        # All of them but the one that is not listed; another source's is in the total.
        assert (said["total"], said["matched"]) == (COPIES + 11, COPIES + 2)
        whole = sum(
            (each.total for each in stack.sandbox.ledger.listed(make_audit()["login"]["companyCode"], 0)), Decimal()
        )
        assert sum(Decimal(each["totalPriceAndTax"]) for each in said["sums"]) == whole
        assert {each["status"] for each in said["sums"]} == {"正常", "已红冲-全额", "已作废"}

        await stack.until([orders["late"], orders["doubt"]], ["confirmed"])
        assert stack.last(orders["doubt"], "completed")["reconciled"] is True
        stack.check_promises([*orders.values()])
        assert orders["theirs"] not in json.dumps(stack.events["audit"])

        asked = make_audit("user-2")
        login = stack.folder / "login.json"
        login.write_text(json.dumps(asked["login"]), encoding="utf-8")
        days = ("--since", asked["startInvoiceDate"], "--until", asked["endInvoiceDate"])
        words = ("audit", "--user", "user-2", "--login", str(login), "--source", "another", *days, "--json")
        theirs = await stack.command_line(*words)
        assert theirs.returncode == 1, theirs.stderr
        shown = json.loads(theirs.stdout)
        assert {each["kind"] for each in shown["findings"]} == {"unknown", "double"}
        assert shown["completed"]["matched"] == 1
        assert not {*orders.values()} & {each.get("commandId") for each in shown["findings"]}
        await stack.check_nothing_is_left()
