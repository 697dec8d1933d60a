"""What is published on each way through the crash points, and what is done to it there."""

import asyncio
import contextlib
import sqlite3
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from tests.scenarios.messages import make_order, make_query
from tests.scenarios.stack import Stack
from worker.clock import SystemClock
from worker.sandbox.alterations import Behaviour
from worker.sandbox.books.ledger import CHINA

TODAY = SystemClock().now().astimezone(CHINA).date()
"""Of the invoices that are issued here."""


@dataclass(frozen=True)
class Names:
    """What the messages of one life are called, so that a way can be gone many times on one stack."""

    life: int = 0

    def user(self, name: str) -> str:
        """A `userId`, and so a lane and an account, of this life alone."""
        return f"user-{name}-{self.life}"

    def of(self, name: str) -> str:
        """A command id or an order number of this life alone."""
        return f"{name}-{self.life}"


async def issue(stack: Stack, names: Names) -> list[str]:
    """A scan, a repeat of an order and another order of its number, a doubt, a retry, a refused login and who takes its
    number over, a stray, bad input."""
    stack.sandbox.faults.arm("handshake_503", user_id=names.user("retry"), times=2)
    first = await stack.publish_order(names.user("1"), orderNo=names.of("N"))
    await stack.publish(repeat := stack.new_id(), make_order(first, names.user("1"), orderNo=names.of("N")))
    refused = await stack.publish_order(names.user("5"), password="refuse-login", orderNo=names.of("R"))
    await stack.publish(after := stack.new_id(), make_order(refused, names.user("5"), orderNo=names.of("R")))
    orders = [
        first,
        await stack.publish_order(names.user("1")),
        repeat,
        await stack.publish_order(names.user("2"), orderNo=names.of("N")),
        await stack.publish_order(names.user("3"), fault="other_invoice_first"),
        await stack.publish_order(names.user("4"), fault="dropped_after_issuing"),
        refused,
        after,
        await stack.publish_order(names.user("retry")),
    ]
    await stack.publish(bad := names.of("bad"), b"not json")
    return [*orders, bad]


async def look(stack: Stack, names: Names) -> list[str]:
    """A number that is found, a refusal that is true, a doubt that is settled, one that is never listed, and one that a
    person must decide."""
    # Of a total of its own: an invoice of this buyer and total that nobody has could be the refused order's.
    line = {"name": "商品A", "quantity": 1, "spec": "规格A", "unit": "件", "unitPrice": "150.00"}
    by_hand = make_order(names.of("twice"), names.user("5"), fault="dropped_after_issuing")
    by_hand["invoice"]["invoiceItems"] = [line]
    stack.sandbox.ledger.issue(names.of("by-hand"), by_hand["invoice"] | {"buyerBankShow": 0, "sellerBankShow": 0})
    orders = [
        await stack.publish_order(names.user("1")),
        await stack.publish_order(names.user("2"), fault="refused"),
        await stack.publish_order(names.user("3"), fault="dropped_after_issuing"),
        await stack.publish_order(names.user("4"), fault="never_listed"),
    ]
    await stack.publish(names.of("twice"), by_hand)
    return orders


async def ask(stack: Stack, names: Names) -> list[str]:
    """Two pages with a download that fails once, files that are late, an issue that overtakes, and all that needs no
    session."""
    stack.sandbox.faults.arm("download_fails", user_id=names.user("1"), times=1)
    stack.sandbox.lookups.asked_before.clear()  # each life finds the files not ready at first
    days = {"startInvoiceDate": "2024-01-01", "endInvoiceDate": "2024-12-31"}
    ids = {name: names.of(name) for name in ("query", "download", "items", "files", "stored")}
    await stack.publish(ids["query"], make_query(names.user("1"), condition=days), type="invoice.query")
    order = await stack.publish_order(names.user("1"), command_id=names.of("overtaking"))
    login = make_query(names.user("2"))
    download = {"userId": names.user("2"), "login": login["login"], "date": "2024-04-12 10:10:10"}
    await stack.publish(ids["download"], download, type="invoice.download")
    await stack.publish(ids["items"], {"invoiceBasicInfoId": "1"}, type="invoice.items")
    await stack.publish(ids["files"], {"invoiceIdList": ["1"]}, type="invoice.files")
    await stack.publish(ids["stored"], {"commandId": order}, type="invoice.stored")
    return [order, *ids.values()]


async def audit(stack: Stack, names: Names) -> list[str]:
    """A list of two pages, a doubt that it settles, and an order that overtakes between them. The worker may be killed
    before that."""
    days = {"startInvoiceDate": (TODAY - timedelta(days=20)).isoformat(), "endInvoiceDate": TODAY.isoformat()}
    doubt = await stack.publish_order(names.user("1"), fault="dropped_after_issuing")
    data = {"userId": names.user("1"), "login": make_order("", names.user("1"))["login"], **days}
    await stack.publish(names.of("audit"), data, type="invoice.audit")
    worker, seen = stack.workers[-1].process, stack.sandbox.vendor.of(names.user("1"))
    await stack.wait_for(lambda: seen.pages > 0 or worker.poll() is not None)
    return [doubt, names.of("audit"), await stack.publish_order(names.user("1"))]


async def answer_late(stack: Stack, names: Names) -> list[str]:
    """The result of the first order comes while the second one waits for its scan."""
    first = await stack.publish_order(names.user("1"), fault="result_late=4")
    second = await stack.publish_order(names.user("1"), fault="qr_never_scanned")
    return [first, second]


async def archive(stack: Stack, names: Names) -> list[str]:
    """Files that are kept, some at an address that is refused, and some that are not there."""
    private = Behaviour.read({"files": [["url", "set", "http://127.0.0.1:1/a.pdf"]]})
    absent = Behaviour.read({"files": [["url", "set", f"{stack.sandbox.http_url}/files/none.pdf"]]})
    stack.sandbox.behaviours.set(names.user("2"), private)
    stack.sandbox.behaviours.set(names.user("3"), absent)
    return [await stack.publish_order(names.user(name)) for name in ("1", "2", "3")]


async def refuse(stack: Stack, names: Names) -> list[str]:
    """A refused order puts its seller to rest; the next one is held, tries when the rest is over, and is issued."""
    # A seller of this life alone: one that issues what an earlier life left would end the rest.
    seller = f"91330701MA2M37T8{names.life:02}"
    orders = [stack.new_id(), stack.new_id()]
    for order, changes in zip(orders, ({"fault": "refused"}, {}), strict=True):
        data = make_order(order, names.user("1"), invoice={"sellerIndentification": seller}, **changes)
        data["login"]["companyCode"] = seller
        await stack.publish(order, data)
    return orders


async def breaks(stack: Stack, names: Names) -> list[str]:
    """An order whose content cannot be read any more, behind one that waits for its scan, and one after it. The worker
    may be killed over one of an earlier life before that."""
    orders = [await stack.publish_order(names.user("1"), fault=fault) for fault in ("qr_svg", None, None)]
    worker = stack.workers[-1].process
    await stack.wait_for(lambda: "qr_required" in stack.said(orders[0]) or worker.poll() is not None)
    while not await is_spoiled(stack.database_url, orders[1]) and worker.poll() is None:
        await asyncio.sleep(0.05)
    for scan in stack.sandbox.waiting_scans():
        stack.sandbox.confirm(scan.token)
    return orders


async def scan(stack: Stack, names: Names) -> list[str]:
    """Scans that take longer than the drain."""
    return [await stack.publish_order(names.user(str(number)), fault="qr_never_scanned") for number in range(2)]


SPOIL = (
    "UPDATE payload SET data = CAST('[]' AS {bytes}) WHERE key = (SELECT key FROM command WHERE id = '{id}') "
    "RETURNING key"
)


async def is_spoiled(url: str, command: str) -> bool:
    """Alter what the journal holds of a command that waits, behind the worker's back; False where it has none yet."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=10)) as file, file:
            return bool(file.execute(SPOIL.format(bytes="BLOB", id=command)).fetchall())
    server = await asyncpg.connect(url)
    try:
        return bool(await server.fetch(SPOIL.format(bytes="bytea", id=command)))
    finally:
        await server.close()
