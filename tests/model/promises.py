"""What must hold after every step, whatever happened, judged from the store, the ledger and what came out."""

from collections import Counter, defaultdict
from typing import Any, Final

from contracts.envelope import loads
from tests.model.system import System

FINAL: Final = frozenset({"completed", "failed", "rejected"})
_CLOCKS_SECONDS: Final = 20.0
AFTER_THE_END: Final = frozenset({"confirmed", "unconfirmed"})


def broken_promises(system: System) -> list[str]:
    """All that does not hold just now, in words."""
    wrongs = system.world.bugs + system.gateway.wrongs
    events = _events(system)
    commands = {row["key"]: row for row in system.journal.rows("SELECT * FROM command WHERE type <> 'look_up'")}
    for key, told in events.items():
        if not commands[key]["is_emptied"]:
            wrongs += [f"{commands[key]['id']}: {wrong}" for wrong in _sequence_wrongs(told, commands[key])]
    wrongs += _ledger_wrongs(system, commands, events) + _order_wrongs(system, events)
    return wrongs + _audit_wrongs(system, commands, events)


def _events(system: System) -> dict[int, list[Any]]:
    told: dict[int, list[Any]] = defaultdict(list)
    for row in system.journal.rows("SELECT * FROM event ORDER BY command_key, sequence"):
        told[row["command_key"]].append(row)
    return told


def _outcome(event: Any) -> str:
    return str(event["type"].rpartition(".")[2])


def _sequence_wrongs(told: list[Any], command: Any) -> list[str]:
    outcomes = [_outcome(event) for event in told]
    ends = [at for at, outcome in enumerate(outcomes) if outcome in FINAL]
    wrongs = []
    if [event["sequence"] for event in told] != list(range(1, len(told) + 1)):
        wrongs.append(f"its events have gaps: {outcomes}")
    if command["last_sequence"] != len(told):
        wrongs.append(f"its last event is not {command['last_sequence']}: {outcomes}")
    if len(ends) > 1:
        wrongs.append(f"it ended twice: {outcomes}")
    if bool(ends) != (command["state"] in FINAL):
        wrongs.append(f"it is {command['state']}, and told {outcomes}")
    if ends and not set(outcomes[ends[0] + 1 :]) <= AFTER_THE_END:
        wrongs.append(f"it went on after its end: {outcomes}")
    return wrongs


def _ledger_wrongs(system: System, commands: dict[int, Any], events: dict[int, list[Any]]) -> list[str]:
    """What is told of invoices, against what was issued. Orders that differ in nothing may stand for each other."""
    wrongs = []
    kinds = {key: row["fingerprint"] for key, row in commands.items()}
    issued = Counter(kinds[sent.key] for sent in system.gateway.sent if sent.number)
    leads = [key for key, row in commands.items() if row["follows"] is None and row["type"] == "invoice.issue"]
    completed = Counter(kinds[key] for key in leads if commands[key]["state"] == "completed")
    open_ones = Counter(
        kinds[key]
        for key in leads
        if commands[key]["state"] in {"submitting", "scanning", "checking", "in_doubt"} and commands[key]["type"]
    )
    for kind, number in completed.items():
        if number > issued[kind]:
            wrongs.append(f"{_names(commands, kinds, kind)}: {number} completed, {issued[kind]} issued")
    for kind, number in issued.items():
        if number > completed[kind] + open_ones[kind]:
            states = {commands[key]["id"]: commands[key]["state"] for key in leads if kinds[key] == kind}
            wrongs.append(f"{states}: {number} issued, and reported as not")
    return wrongs + _number_wrongs(system, commands, kinds, events)


def _number_wrongs(
    system: System, commands: dict[int, Any], kinds: dict[int, Any], events: dict[int, list[Any]]
) -> list[str]:
    wrongs = []
    ledger = {sent.number: sent for sent in system.gateway.sent if sent.number}
    addresses: dict[str, str] = {}
    for key, row in commands.items():
        number = row["invoice_number"]
        if number is not None and (number not in ledger or kinds[ledger[number].key] != kinds[key]):
            wrongs.append(f"{row['id']} has the number {number}, which is not its own")
        if row["follows"] is not None:
            continue
        for event in events[key]:
            address = loads(event["body"])["data"].get("invoiceUrl") if _outcome(event) == "completed" else None
            if address is not None and address.startswith("http://pdf"):
                if address in addresses:
                    wrongs.append(f"{row['id']} and {addresses[address]} have the invoice {address}")
                addresses[address] = row["id"]
    return wrongs


def _audit_wrongs(system: System, commands: dict[int, Any], events: dict[int, list[Any]]) -> list[str]:
    """What is an order's is not unknown, and what was listed when an audit began is not missing."""
    wrongs = []
    by_id = {row["id"]: key for key, row in commands.items()}
    ledger = {sent.number: sent for sent in system.gateway.sent if sent.number}
    for key, told in events.items():
        findings = [each for event in told if _outcome(event) == "finding" for each in _findings(event)]
        for each in findings:
            if each["kind"] == "unknown" and each.get("invoiceNumber") in ledger:
                wrongs.append(f"{commands[key]['id']} calls {each['invoiceNumber']} unknown")
            if each["kind"] == "missing":
                kind = commands[by_id[each["commandId"]]]["fingerprint"]
                began = commands[key]["received_at"] / 1e6 - system.world.epoch.timestamp() - _CLOCKS_SECONDS
                alike = [sent for sent in ledger.values() if commands[sent.key]["fingerprint"] == kind]
                if all(sent.listed_at < began for sent in alike):
                    wrongs.append(f"{commands[key]['id']} misses the invoice of {each['commandId']}")
    return wrongs


def _findings(event: Any) -> list[Any]:
    findings: list[Any] = loads(event["body"])["data"]["findings"]
    return findings


def _names(commands: dict[int, Any], kinds: dict[int, Any], kind: Any) -> list[str]:
    return [commands[key]["id"] for key, other in kinds.items() if other == kind]


def _order_wrongs(system: System, events: dict[int, list[Any]]) -> list[str]:
    """The first copies of a command's events reach each place in their order."""
    places = {event["id"]: (key, event["sequence"]) for key, told in events.items() for event in told}
    last: dict[tuple[int, str, str], int] = {}
    seen: set[tuple[str, str, str]] = set()
    wrongs = []
    for copy in system.published.copies:
        event_id, kind, destination = copy
        if copy in seen or event_id not in places:
            continue
        seen.add(copy)
        key, sequence = places[event_id]
        stream = (key, kind, destination if kind == "r" else "")
        if sequence < last.get(stream, 0):
            wrongs.append(f"event {sequence} of command {key} came after {last[stream]}")
        last[stream] = sequence
    return wrongs


def unfinished(system: System) -> list[str]:
    """What is still under way, but for what waits for a person."""
    rows = system.journal.rows(
        "SELECT * FROM command WHERE state NOT IN ('completed', 'failed', 'rejected') OR sought_at IS NOT NULL"
    )
    for_a_person = {row["key"] for row in rows if row["state"] == "in_doubt" and row["sought_at"] is None}
    under_way = [
        f"{row['id']} is {row['state']}"
        for row in rows
        if row["key"] not in for_a_person and row["follows"] not in for_a_person
    ]
    if not system.queue.is_empty:
        under_way.append("messages are in the queue")
    (pending,) = system.journal.rows("SELECT count(*) AS number FROM outbox WHERE state = 'pending'")
    if pending["number"]:
        under_way.append(f"{pending['number']} copies are not published")
    return under_way


def unpublished(system: System) -> list[str]:
    """Events that nobody could have heard of."""
    copies = Counter((event_id, kind) for event_id, kind, _ in system.published.copies)
    rows = system.journal.rows(
        "SELECT event.id, event.type, command.id AS command, command.reply_to"
        " FROM event JOIN command ON command.key = event.command_key"
    )
    return [
        f"{row['type']} of {row['command']} was not published ({kind})"
        for row in rows
        for kind in ("t", "r")
        if not copies[row["id"], kind] and (kind == "t" or row["reply_to"])
    ]
