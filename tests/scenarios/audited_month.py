"""A month for an audit: thousands of invoices that are as they should be, seeded behind the worker's back.

One order that the worker really issued and confirmed is copied, with an id, a number and an invoice in the sandbox's
books for each copy: five thousand orders would take a scenario's whole time.
"""

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import asyncpg

from tests.scenarios.stack import Stack
from worker.sandbox.books.ledger import BookedInvoice

_TABLES = ("command", "payload", "event")


async def copy_order(stack: Stack, command_id: str, copies: int) -> None:
    """Copy a confirmed order so often, while no worker runs."""
    number = stack.last(command_id, "confirmed")["invoiceNumber"]
    issued = stack.sandbox.ledger.invoices[number]
    made = [stack.sandbox.ledger.issue(issued.user_id, _order_of(issued, place)) for place in range(copies)]
    if stack.database_url.startswith("sqlite"):
        _copy_in_sqlite(stack.database_url.removeprefix("sqlite:///"), command_id, number, made)
    else:
        await _copy_in_postgres(stack.database_url, command_id, number, made)


def _order_of(issued: BookedInvoice, place: int) -> dict[str, Any]:
    """Of another remark, or each would be another's double."""
    return {**issued.order, "remark": f"copy {place}"}


def _copies(
    rows: dict[str, list[dict[str, Any]]], number: str, made: list[BookedInvoice]
) -> Iterator[tuple[str, dict[str, Any]]]:
    key = rows["command"][0]["key"]
    for place, invoice in enumerate(made, start=1):
        ours = key + 1_000_000 + place
        yield (
            "command",
            {
                **rows["command"][0],
                "key": ours,
                "id": f"copy-{place}",
                "invoice_number": invoice.number,
            },
        )
        yield "payload", {**rows["payload"][0], "key": ours}
        for event in rows["event"]:
            body = json.loads(bytes(event["body"]))
            if event["type"].endswith(".confirmed"):
                body["data"] |= {"invoiceNumber": invoice.number, "invoiceDate": invoice.issued_at}
            kept = {**event, "command_key": ours, "id": f"{event['id']}-{place}", "body": json.dumps(body).encode()}
            yield "event", kept


def _copy_in_sqlite(path: str, command_id: str, number: str, made: list[BookedInvoice]) -> None:
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    (key,) = connection.execute("SELECT key FROM command WHERE id = ?", (command_id,)).fetchone()
    rows = {
        table: [dict(row) for row in connection.execute(_rows_of(table).replace("$1", "?"), (key,))]
        for table in _TABLES
    }
    for table, row in _copies(rows, number, made):
        marks = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))  # noqa: S608
    connection.commit()
    connection.close()


async def _copy_in_postgres(url: str, command_id: str, number: str, made: list[BookedInvoice]) -> None:
    connection = await asyncpg.connect(url)
    key = await connection.fetchval("SELECT key FROM command WHERE id = $1", command_id)
    rows = {table: [dict(row) for row in await connection.fetch(_rows_of(table), key)] for table in _TABLES}
    batches: dict[str, list[dict[str, Any]]] = {table: [] for table in _TABLES}
    for table, row in _copies(rows, number, made):
        batches[table].append(row)
    for table, batch in batches.items():
        names = [*batch[0]]
        marks = ", ".join(f"${place}" for place in range(1, len(names) + 1))
        identity = " OVERRIDING SYSTEM VALUE" if table == "command" else ""
        sql = f"INSERT INTO {table} ({', '.join(names)}){identity} VALUES ({marks})"  # noqa: S608
        await connection.executemany(sql, [tuple(row.values()) for row in batch])
    await connection.close()


def _rows_of(table: str) -> str:
    key = "command_key" if table == "event" else "key"
    return f"SELECT * FROM {table} WHERE {key} = $1"  # noqa: S608  one of the three above
