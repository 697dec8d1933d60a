"""Two tenants go through every type of event, under the same ids and numbers, and look at each other's: nothing of one
reaches the other's reply queue. Whole processes, on both stores."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from contracts.events import EVENTS
from tests.scenarios.messages import make_order, make_query
from tests.scenarios.stack import Stack
from tests.scenarios.tenants import Tenant
from worker.sandbox.server import SandboxOptions

pytestmark = pytest.mark.asyncio(loop_scope="session")

SELLERS: Final = {"shop-a": "91330701MA2M37T86L", "shop-b": "91330106MA27XN2Y1A"}
SETTINGS: Final = {
    "FAPIAO_CONFIRM": "true",
    "FAPIAO_CONFIRM_DELAY_SECONDS": "0.5",
    "FAPIAO_CONFIRM_SCHEDULE": "0.5s",
    "FAPIAO_RECONCILE_SCHEDULE": "0.5s,0.5s",
    "FAPIAO_REFUSAL_SCHEDULE": "0.2s",
    "FAPIAO_SESSION_IDLE_SECONDS": "0",
    "FAPIAO_DOWNLOAD_ATTEMPTS": "1",
    "FAPIAO_KNOWN_INVOICES_ONLY": "true",
    "FAPIAO_DUPLICATES": "reject",
}
NEVER_SEEN: Final = {"invoice.stored.failed", "invoice.check.failed"}
"""They need a deadline of half an hour, or an outage of the store."""


def marker(tenant: Tenant) -> str:
    """In each text of the tenant's."""
    return f"秘密{tenant.source}"


def order(tenant: Tenant, remark: str, user: str, **changes: Any) -> dict[str, Any]:
    """An order of the tenant's own seller, with its marker in every text."""
    mark, seller = marker(tenant), SELLERS[tenant.source]
    invoice = {"buyerName": f"{mark}公司", "sellerIndentification": seller, "sellerName": f"{mark}科技"}
    data = make_order(f"{remark} {mark}", f"{user}-{tenant.source}", invoice=invoice, **changes)
    data["invoice"]["invoiceItems"][0]["name"] = mark
    data["login"]["companyCode"] = seller
    return data


def question(tenant: Tenant, user: str, **changes: Any) -> dict[str, Any]:
    """A query for the tenant's own company."""
    login = {"companyCode": SELLERS[tenant.source], "companyName": marker(tenant)} | changes.pop("login", {})
    return make_query(f"{user}-{tenant.source}", login=login, **changes)


async def issue_everything(tenant: Tenant) -> None:
    """Every event of an issue, with and without an order number."""
    first = order(tenant, "first", "1", orderNo="SO-1", expectedTotal="200.00")
    await tenant.send("first", first)
    await tenant.send("doubt", order(tenant, "doubt", "2", fault="dropped_after_issuing"))
    await tenant.send("unlisted", order(tenant, "unlisted", "3", fault="never_listed"))
    await tenant.send("refused", order(tenant, "refused", "4", fault="refused"))
    await tenant.send("invalid", {**first, "surplus": marker(tenant)})
    await tenant.send("odd", {"x": marker(tenant)}, type="invoice.unheard_of")
    await tenant.until(["first", "doubt"], "confirmed")
    await tenant.until(["unlisted"], "unconfirmed")
    await tenant.until(["refused"], "failed")
    await tenant.until(["invalid", "odd"], "rejected")
    await tenant.send("repeat", first)
    await tenant.send("other content", order(tenant, "second", "1", orderNo="SO-1"))
    await tenant.send("double", order(tenant, "doubt", "2", fault="dropped_after_issuing"))
    await tenant.until(["repeat"], "confirmed")
    await tenant.until(["other content", "double"], "rejected")
    codes = {name: tenant.last(name, "rejected")["code"] for name in ("other content", "double")}
    assert codes == {"other content": "order_reused", "double": "duplicate"}


async def ask_everything(tenant: Tenant) -> None:
    """Every event of the other commands."""
    stack = tenant.stack
    stack.sandbox.faults.arm("download_fails", f"5-{tenant.source}", 1, 2)
    await tenant.send("query", question(tenant, "5"), type="invoice.query")
    await tenant.send("query refused", question(tenant, "6", login={"password": "refuse-login"}), type="invoice.query")
    own_days = {name: question(tenant, "5")["condition"][name] for name in ("startInvoiceDate", "endInvoiceDate")}
    for name, user, password in (("audit", "5", "sandbox-password"), ("audit refused", "7", "refuse-login")):
        login = question(tenant, user)["login"] | {"password": password}
        await tenant.send(name, {"userId": f"{user}-{tenant.source}", "login": login, **own_days}, type="invoice.audit")
    for kind in ("query", "download", "items", "files", "stored", "audit"):
        await tenant.send(f"bad {kind}", {"surplus": marker(tenant)}, type=f"invoice.{kind}")
    await tenant.send("bad check", f"no JSON {marker(tenant)}".encode(), type="invoice.check")
    await tenant.send("check", order(tenant, "check", "1"), type="invoice.check")
    await tenant.send(
        "stored", {"orderNo": "SO-1", "sellerIndentification": SELLERS[tenant.source]}, type="invoice.stored"
    )
    await tenant.until(["query", "check", "stored", "audit"], "completed")
    await tenant.until(["query refused", "audit refused"], "failed")
    kinds = ("query", "download", "items", "files", "stored", "check", "audit")
    await tenant.until([f"bad {kind}" for kind in kinds], "rejected")
    login = question(tenant, "5")["login"]
    for name, date in (
        ("download", tenant.last("query", "completed")["download"]["date"]),
        ("no download", "2020-01-01"),
    ):
        data = {"userId": f"5-{tenant.source}", "login": login, "date": date}
        await tenant.send(name, data, type="invoice.download")
    own = tenant.last("first", "confirmed")["invoiceId"]
    await tenant.send("items", {"invoiceBasicInfoId": own}, type="invoice.items")
    await tenant.send("files", {"invoiceIdList": [own]}, type="invoice.files")
    await tenant.until(["download", "no download"], "completed", "failed")
    await tenant.until(["items", "files"], "completed")


async def look_at_the_other(tenant: Tenant, other: Tenant) -> None:
    """By number, by order, by the gateway's ids, by a guess at its order: nothing is there for this source."""
    theirs = other.last("first", "confirmed")
    by_order = {"orderNo": "SO-1", "sellerIndentification": SELLERS[other.source]}
    await tenant.send("their number", {"invoiceNumber": theirs["invoiceNumber"]}, type="invoice.stored")
    await tenant.send("their order", by_order, type="invoice.stored")
    await tenant.send("their items", {"invoiceBasicInfoId": theirs["invoiceId"]}, type="invoice.items")
    await tenant.send("their files", {"invoiceIdList": [theirs["invoiceId"]]}, type="invoice.files")
    guess = order(tenant, "guess", "8", orderNo="SO-1", password="refuse-login")
    guess["invoice"]["sellerIndentification"] = SELLERS[other.source]
    await tenant.send("their order again", guess)
    await tenant.until(["their number", "their order"], "completed")
    await tenant.until(["their items", "their files", "their order again"], "failed")
    assert [tenant.last(name, "completed")["total"] for name in ("their number", "their order")] == [0, 0]
    assert tenant.last("their order again", "failed")["code"] == "login_refused"


async def test_nothing_of_one_source_reaches_the_other(new_stack: Callable[..., Stack]) -> None:
    options = SandboxOptions(qr="always", auto_scan_seconds=0.2)
    async with new_stack(options=options, settings=SETTINGS) as stack:
        await stack.begin(vault_url=f"file://{stack.folder}/vault", vault_hosts="127.0.0.1")
        a, b = await Tenant.of(stack, "shop-a"), await Tenant.of(stack, "shop-b")
        for tenant in (a, b):
            await issue_everything(tenant)
            await ask_everything(tenant)
        for tenant, other in ((a, b), (b, a)):
            await look_at_the_other(tenant, other)
        for tenant in (a, b):
            await tenant.until(["first", "query"], "archived")

        for tenant, other in ((a, b), (b, a)):
            seen = {event["type"] for events in tenant.heard.values() for event in events}
            every = {f"{command}.{outcome}" for command, outcomes in EVENTS.items() for outcome in outcomes}
            assert every | {"command.rejected"} <= seen | NEVER_SEEN, f"not seen: {sorted(every - seen)}"
            sources = {event["data"]["commandSource"] for events in tenant.heard.values() for event in events}
            assert sources == {tenant.source}
            number = other.last("first", "confirmed")["invoiceNumber"]
            secrets = (marker(other), other.source, SELLERS[other.source], number)
            assert not [body for body in tenant.raw for secret in secrets if secret in body]
        await stack.check_nothing_is_left()
