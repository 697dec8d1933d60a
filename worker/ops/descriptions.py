"""What is known of commands, events, replies, lanes and accounts, as JSON tells it. Pure."""

from datetime import datetime
from typing import Any

from contracts.envelope import loads, timestamp
from worker.records import Command, EventRecord, OnLane, RefusedAccount, UndeliverableReply


def describe_command(command: Command) -> dict[str, Any]:
    """A command for JSON: what it is and where it stands, without its data."""
    return {
        "commandId": command.id,
        "commandSource": command.source,
        "type": command.type,
        "state": str(command.state),
        "userId": command.user_id,
        "orderNo": command.order_no,
        "invoiceNumber": command.invoice_number,
        "attempts": command.attempts,
        "lookUps": command.look_ups,
        "breaks": command.breaks,
        "soughtAt": moment_of(command.sought_at),
        "receivedAt": timestamp(command.received_at),
        "deadline": moment_of(command.deadline_at),
        "submittedAt": moment_of(command.submitted_at),
        "settledAt": moment_of(command.settled_at),
        "replyTo": command.route.reply_to,
        "correlationId": command.route.correlation_id,
        "warnings": loads(command.warnings),
    }


def describe_event(record: EventRecord) -> dict[str, Any]:
    """A committed event for JSON, with which of its copies the broker has not confirmed."""
    body = loads(record.event.body)
    return {
        "sequence": record.event.sequence,
        "id": record.event.id,
        "type": record.event.type,
        "time": body.get("time"),
        "unpublished": [{"r": "reply", "t": "topic"}[copy] for copy in record.pending],
        "undeliverable": record.undeliverable,
        "data": body.get("data"),
    }


def describe_reply(reply: UndeliverableReply) -> dict[str, Any]:
    """A reply set aside, for JSON."""
    return {
        "number": reply.seq,
        "commandId": reply.command_id,
        "commandSource": reply.command_source,
        "eventId": reply.event_id,
        "type": reply.event_type,
        "queue": reply.destination,
        "attempts": reply.attempts,
        "createdAt": timestamp(reply.created_at),
    }


def describe_lane(lane: OnLane) -> dict[str, Any]:
    """Who has a command's lane, and what is before it there, for JSON."""
    names = ("commandId", "commandSource", "type", "state")
    return {
        "worker": lane.holder,
        "leaseEnded": lane.lease_ended,
        "running": None if lane.running is None else dict(zip(names, lane.running, strict=True)),
        "waitingBefore": lane.waiting_before,
        "dueAt": moment_of(lane.due_at),
    }


def describe_account(account: RefusedAccount) -> dict[str, Any]:
    """An account with one password, for JSON. The id tells nothing of either."""
    return {
        "id": account.id,
        "companyCode": account.company_code,
        "userId": account.user_id,
        "isLookUp": account.is_look_up,
        "refusals": account.refusals,
        "refusedAt": timestamp(account.refused_at),
        "suspendedUntil": moment_of(account.suspended_until),
    }


def moment_of(moment: datetime | None) -> str | None:
    """As events tell times; None of none."""
    return None if moment is None else timestamp(moment)
