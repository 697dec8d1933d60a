"""An order has one owner and one content: numbers, repeats and doubles, with two tenants in each. Whole processes."""

import asyncio
import json
from collections.abc import Callable

import pytest

from tests.scenarios.stack import Stack
from tests.scenarios.tenants import Tenant
from worker.sandbox.server import SandboxOptions

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONFIRMING = {
    "FAPIAO_CONFIRM": "true",
    "FAPIAO_CONFIRM_DELAY_SECONDS": "0.5",
    "FAPIAO_CONFIRM_SCHEDULE": "0.5s,0.5s",
    "FAPIAO_RECONCILE_SCHEDULE": "1s,1s",
    "FAPIAO_REFUSAL_SCHEDULE": "0.2s",
    "FAPIAO_LOGIN_FAILURES": "20",
    "FAPIAO_SESSION_IDLE_SECONDS": "0",
}


async def begun(stack: Stack, **settings: str) -> tuple[Tenant, Tenant]:
    """A worker that consumes, and its two tenants."""
    await stack.begin(**settings)
    return await Tenant.of(stack, "shop-a"), await Tenant.of(stack, "shop-b")


def issued(stack: Stack, remark: str) -> int:
    """How many invoices the books have of this remark."""
    return len(stack.sandbox.ledger.issued_for(remark))


async def test_number_is_each_sources_own_and_a_repeat_says_so(new_stack: Callable[..., Stack]) -> None:
    async with new_stack(options=SandboxOptions(qr="never"), settings=CONFIRMING) as stack:
        a, b = await begun(stack)
        await a.order("a1", remark="SO-1 of a", orderNo="SO-1", expectedTotal="200.00")
        await a.until(["a1"], "completed")

        # The other tenant, with the public tax id and a guessed number: its own order, or its own refusal.
        await b.order("b1", "user-2", remark="SO-1 of b", orderNo="SO-1", password="refuse-login")
        await b.until(["b1"], "failed")
        assert b.last("b1", "failed")["code"] == "login_refused"
        await b.order("b2", "user-2", remark="SO-1 of b", orderNo="SO-1")

        # The same again while the number is sought, and after it is found; other content; another expected total.
        await a.order("a2", remark="SO-1 of a", orderNo="SO-1", expectedTotal="200.00")
        await a.until(["a1", "a2"], "confirmed")
        await a.order("a3", remark="SO-1 of a", orderNo="SO-1", expectedTotal="2196.00")
        changed = [{"name": "商品A", "quantity": 2, "spec": "规格A", "unit": "件", "unitPrice": "1098.00"}]
        await a.order("a4", remark="SO-1 of a", orderNo="SO-1", invoice={"invoiceItems": changed})
        await a.until(["a3"], "confirmed")
        await a.until(["a4"], "rejected")
        await b.until(["b2"], "confirmed")

        assert [issued(stack, remark) for remark in ("SO-1 of a", "SO-1 of b")] == [1, 1]
        assert a.said("a2") == a.said("a3") == ["completed", "confirmed"]
        for repeat, matches in (("a2", True), ("a3", False)):
            assert a.last(repeat, "completed")["repeats"] == {"commandId": "a1"}
            confirmed = a.last(repeat, "confirmed")
            assert confirmed["invoiceNumber"] == a.last("a1", "confirmed")["invoiceNumber"]
            assert (confirmed["repeats"], confirmed["expectedTotalMatches"]) == ({"commandId": "a1"}, matches)
        refused = a.last("a4", "rejected")
        assert (refused["code"], refused["firstCommandId"]) == ("order_reused", "a1")
        assert b.last("b2", "confirmed")["invoiceNumber"] != a.last("a1", "confirmed")["invoiceNumber"]
        assert "repeats" not in b.last("b2", "completed")

        # The same id again brings the end and what followed it, to whoever asks now.
        anew = await Tenant.of(stack, "shop-a", ".anew")
        await anew.order("a1", remark="SO-1 of a", orderNo="SO-1", expectedTotal="200.00")
        await anew.until(["a1"], "confirmed")
        assert anew.said("a1") == ["completed", "confirmed"]
        assert not [body for body in b.raw if "SO-1 of a" in body]
        assert not [body for body in a.raw if "SO-1 of b" in body]
        await stack.check_nothing_is_left()


async def test_number_is_free_where_no_invoice_came_of_it(new_stack: Callable[..., Stack]) -> None:
    """A refused login, a deadline, a refusal that look-ups checked, a doubt that they settled; not so a draft."""
    async with new_stack(options=SandboxOptions(qr="never"), settings=CONFIRMING) as stack:
        a, b = await begun(stack)
        failing = {
            "login": {"password": "refuse-login"},
            "deadline": {"deadline": stack.in_seconds(-1)},
            "refusal": {"fault": "refused"},
            "doubt": {"fault": "dropped_before_result"},
            "draft": {"fault": "draft"},
        }
        for number, (name, how) in enumerate(failing.items()):
            # The other tenant has the same number for an order that is fine: it is none of this one's business.
            await a.order(f"a-{name}", f"a{number}", orderNo=name, **how)
            await b.order(f"b-{name}", f"b{number}", orderNo=name)
        await a.until([f"a-{name}" for name in failing], "failed")
        await b.until([f"b-{name}" for name in failing], "confirmed")
        codes = {name: a.last(f"a-{name}", "failed")["code"] for name in failing}
        assert codes == {
            "login": "login_refused",
            "deadline": "deadline_exceeded",
            "refusal": "issue_refused",
            "doubt": "not_issued",
            "draft": "saved_as_draft",
        }

        for number, name in enumerate(failing):
            await a.order(f"again-{name}", f"a{number}", orderNo=name)
        free = [name for name in failing if name != "draft"]
        await a.until([f"again-{name}" for name in free], "confirmed")
        await a.until(["again-draft"], "rejected")
        assert {issued(stack, f"again-{name}") for name in free} == {1}
        assert "repeats" not in a.last("again-login", "completed")
        assert a.last("again-draft", "rejected")["code"] == "order_reused"
        await stack.check_nothing_is_left()


async def test_of_two_at_once_one_is_issued_and_the_other_tells_of_it(new_stack: Callable[..., Stack]) -> None:
    """Whatever user they name: ten pairs, and of five the first is refused before anything is submitted."""
    async with new_stack(options=SandboxOptions(qr="never"), settings=CONFIRMING) as stack:
        a, b = await begun(stack)
        if not stack.database_url.startswith("sqlite"):
            stack.start_worker()
            await stack.worker_is_consuming(workers=2)
        sent = []
        for number in range(10):
            bad = {"password": "refuse-login"} if number % 2 else {}
            for tenant, name in ((a, "a"), (b, "b")):
                remark, order_no = f"{name}-SO-{number}", f"SO-{number}"
                common = {"remark": remark, "orderNo": order_no}
                sent.append(tenant.order(f"{name}1-{number}", f"{name}{number}", **common, **bad))
                sent.append(tenant.order(f"{name}2-{number}", f"{name}{number}", **common))
        await asyncio.gather(*sent)
        for tenant, name in ((a, "a"), (b, "b")):
            pairs = [(f"{name}1-{number}", f"{name}2-{number}") for number in range(10)]
            await tenant.until([second for _, second in pairs], "confirmed")
            for number, (first, second) in enumerate(pairs):
                assert issued(stack, f"{name}-SO-{number}") == 1
                told = (
                    [one for one in (first, second) if "repeats" in tenant.last(one, "completed")]
                    if (number % 2 == 0)
                    else []
                )
                assert len(told) == (number % 2 == 0)
        await stack.check_nothing_is_left()


async def test_numbers_of_a_seller_and_doubles_as_the_operator_set_them(new_stack: Callable[..., Stack]) -> None:
    """First as it is by default, then with numbers that are one over all sources, and doubles rejected."""
    async with new_stack(options=SandboxOptions(qr="never"), settings=CONFIRMING) as stack:
        a, b = await begun(stack)
        for tenant, name in ((a, "a"), (b, "b")):
            await tenant.order(f"{name}1", f"user-{name}", remark="clicked twice")
            await tenant.order(f"{name}2", f"user-{name}", remark="clicked twice")
            await tenant.until([f"{name}1", f"{name}2"], "completed")
            assert "warnings" not in tenant.last(f"{name}1", "completed")
            [warning] = tenant.last(f"{name}2", "completed")["warnings"]
            assert (warning["code"], warning["commandId"]) == ("duplicate_suspected", f"{name}1")
        await a.order("a3", "user-a", orderNo="SO-9")
        await a.until(["a3"], "completed")
        stack.end_workers(show=False)

        strict = {"order_scope": "seller", "duplicates": "reject"}
        await stack.begin(**strict)
        await b.order("b3", "user-b", orderNo="SO-9")
        await b.until(["b3"], "rejected")
        taken = b.last("b3", "rejected")
        assert taken["code"] == "order_taken"
        assert set(taken) == {"commandId", "commandSource", "userId", "orderNo", "code", "errors"}
        await a.order("a4", "user-a", remark="a3", orderNo="SO-9")
        await a.until(["a4"], "completed")
        assert a.last("a4", "completed")["repeats"] == {"commandId": "a3"}

        await a.order("a5", "user-a", remark="clicked twice")
        await a.until(["a5"], "rejected")
        rejected = a.last("a5", "rejected")
        assert (rejected["code"], rejected["firstCommandId"]) == ("duplicate", "a1")
        await a.order("a5", "user-a", remark="clicked twice", allowDuplicate=True)
        await a.until(["a5"], "completed")
        assert issued(stack, "clicked twice") == 5
        assert not [body for body in b.raw if '"a1"' in body or '"a3"' in body]
        await stack.check_nothing_is_left()


async def test_changed_password_blocks_nobody_and_mends_the_look_ups(new_stack: Callable[..., Stack]) -> None:
    """An order in doubt, whose login is refused when it is looked for: it says so once and rests; orders with the new
    password go through, and bring it along. A suspension can be lifted; what was not submitted can be cancelled."""
    resting = {
        "FAPIAO_LOGIN_FAILURES": "1",
        "FAPIAO_LOGIN_SUSPEND_SECONDS": "3600",
        "FAPIAO_RECONCILE_SCHEDULE": "5s,1s",
    }
    async with new_stack(options=SandboxOptions(qr="never"), settings=CONFIRMING | resting) as stack:
        a, b = await begun(stack)
        await a.order("a1", "user-a", password="old", fault="dropped_after_issuing")
        await stack.until_submitted("a1")
        stack.sandbox.faults.arm("login_refused", "user-a", 1)
        await stack.wait_for(lambda: a.said("a1") == ["in_doubt", "in_doubt"])
        doubt = a.last("a1", "in_doubt")
        assert doubt["needsPerson"] is True
        assert "refuses the login" in doubt["reason"]
        [listed] = json.loads((await stack.command_line("accounts", "list", "--json")).stdout)
        assert (listed["userId"], listed["isLookUp"], listed["refusals"]) == ("user-a", True, 1)

        await b.order("b1", "user-b")
        await a.order("a2", "user-a", password="new")
        await a.until(["a1", "a2"], "confirmed")
        await b.until(["b1"], "confirmed")
        assert a.said("a1") == ["in_doubt", "in_doubt", "completed", "confirmed"]
        assert a.last("a1", "completed")["reconciled"] is True
        assert (stack.submissions("a1"), issued(stack, "a2")) == (1, 1)
        assert json.loads((await stack.command_line("accounts", "list", "--json")).stdout) == []

        # The same account with a wrong password rests; with the right one it does not; a person lets it go.
        for name, code in (("b2", "login_refused"), ("b3", "login_suspended")):
            await b.order(name, "user-b", password="refuse-login")
            await b.until([name], "failed")
            assert b.last(name, "failed")["code"] == code
        await b.order("b4", "user-b")
        await b.until(["b4"], "confirmed")
        assert (await stack.command_line("accounts", "resume", "--all")).returncode == 0
        await b.order("b5", "user-b", password="refuse-login")
        await b.until(["b5"], "failed")
        assert b.last("b5", "failed")["code"] == "login_refused"

        # Behind an order that waits for its scan: not submitted, so it can be cancelled, and its number is free.
        await a.order("a3", "user-a", fault="qr_svg", password="new")
        await a.until(["a3"], "qr_required")
        await a.order("a4", "user-a", orderNo="SO-4", password="new")
        await b.order("b6", "user-b", orderNo="SO-4")
        await stack.wait_for(lambda: stack.submissions("b6") == 1)
        submitted, anothers, cancelled = await asyncio.gather(
            stack.command_line("cancel", "a3"),
            stack.command_line("cancel", "b6", "--source", "shop-a"),
            stack.command_line("cancel", "a4", "--source", "shop-a"),
        )
        assert (submitted.returncode, anothers.returncode) == (1, 1)
        assert cancelled.returncode == 0, cancelled.stderr
        await a.until(["a4"], "failed")
        assert a.last("a4", "failed")["code"] == "cancelled"
        await a.order("a5", "user-a", orderNo="SO-4", password="new")
        [scan] = stack.sandbox.waiting_scans()
        stack.sandbox.confirm(scan.token)
        await a.until(["a3", "a5"], "confirmed")
        await b.until(["b6"], "confirmed")
        assert [stack.submissions(one) for one in ("a3", "a4", "a5", "b6")] == [1, 0, 1, 1]
        await stack.check_nothing_is_left()
