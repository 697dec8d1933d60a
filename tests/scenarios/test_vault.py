"""The files of invoices, kept by a whole worker: two tenants, and what callers and operators see of it."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from tests.scenarios.messages import make_query
from tests.scenarios.stack import Stack

SETTINGS = {
    "FAPIAO_CONFIRM": "true",
    "FAPIAO_CONFIRM_DELAY_SECONDS": "0.5",
    "FAPIAO_CONFIRM_SCHEDULE": "0.5s,0.5s",
}


async def test_files_outlive_their_addresses(new_stack: Callable[..., Stack], tmp_path: Path) -> None:
    """Fetched after `confirmed` and told by `archived` with digests; a query of another tenant that brings the same
    invoices is told too, and fetches nothing twice; `invoice.stored`, `files --fetch` and `vault verify` know them when
    the gateway does not any more; a file that was changed afterwards is found."""
    vault = tmp_path / "vault"
    async with new_stack(settings=SETTINGS | {"FAPIAO_VAULT_URL": f"file://{vault}"}) as stack:
        await stack.begin()
        orders = [await stack.publish_order(f"user-{number}") for number in range(3)]
        await stack.until(orders, ["archived"])
        for order in orders:
            issued = stack.last(order, "confirmed")["invoiceNumber"]
            told = stack.last(order, "archived")
            assert {file["type"] for file in told["files"]} == {"pdf", "ofd", "xml"}
            assert (told["missing"], [file["differs"] for file in told["files"]]) == ([], [[], [], []])
            for kept in told["files"]:
                body = (vault / kept["vaultKey"]).read_bytes()
                assert (hashlib.sha256(body).hexdigest(), len(body)) == (kept["sha256"], kept["size"])
                assert kept["vaultKey"].endswith(f"/{issued}.{kept['type']}")

        number = stack.last(orders[0], "confirmed")["invoiceNumber"]
        file = stack.last(orders[0], "archived")["files"][0]
        await stack.publish("query", make_query("user-0"), type="invoice.query", app_id="another-tenant")
        await stack.until(["query"], ["archived"])
        assert len(stack.last("query", "archived")["files"]) == 9
        await stack.publish("stored", {"invoiceNumber": number}, type="invoice.stored")
        await stack.until(["stored"], ["completed"])
        for invoice in stack.last("stored", "completed")["invoices"]:
            assert all(file["sha256"] and file["vaultKey"] for file in invoice["files"])

        gone = {"gateway_url": "ws://127.0.0.1:1"}
        fetched = await stack.command_line("files", "--fetch", number, "-o", str(tmp_path / "out"), **gone)
        assert fetched.returncode == 0, fetched.stderr
        written = {path.suffix for path in (tmp_path / "out").glob(f"{number}.*")}
        assert written == {".pdf", ".ofd", ".xml"}
        sound = await stack.command_line("vault", "verify", "--json", **gone)
        assert (sound.returncode, json.loads(sound.stdout)["sound"]) == (0, 9)
        (vault / file["vaultKey"]).write_bytes(b"changed")
        (vault / "planted.pdf").write_bytes(b"planted")
        changed = await stack.command_line("vault", "verify")
        assert changed.returncode == 1
        assert f"{file['vaultKey']}  is not the file that was stored" in changed.stdout
        assert "planted.pdf  is not in the journal" in changed.stdout
        others = await stack.command_line("files", "--fetch", number, "-o", str(tmp_path / "others"), **gone)
        assert others.returncode == 1
        assert f"{file['vaultKey']} is not the file that was stored" in others.stderr
        assert len(list((tmp_path / "others").iterdir())) == 2
        report = await stack.command_line("vault", "report", "--json")
        assert sum(row["files"] for row in json.loads(report.stdout)) == 9
        stack.check_promises(orders)
