"""What becomes of a message: a command to run, a rejected one that only answers, or a dead letter.

PURE: no event loop, clock or I/O; time comes in with the message. Whatever the bytes, `admit` gives an answer
and never raises. Secrets leave the data here: they go on in `NewCommand.secrets` alone, and no reason, error,
event or hash holds them. Knows nothing of what came before: repeats are the journal's to find.
"""

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, Final

from contracts.commands import COMMANDS, AnyCommand, CommandType, IssueInvoice
from contracts.envelope import build_event, dumps, loads
from contracts.events import Checked, CommandWarning, DiscountFolded, EventData, Outcome, Rejected
from contracts.explain import at_most
from contracts.failures import RejectionCode
from contracts.judging import JudgedData, invoice_to_send, judge, lines_total, told, totals
from contracts.limits import LARGE_FRAME_BYTES, InvoiceLimits
from contracts.members import WithLogin
from worker.errors import ConfigurationError
from worker.flows.evidence.clues import clues_of
from worker.flows.orders import content_of
from worker.intake.answers import UNKNOWN_TYPE, UNSTORABLE, answer_nameless
from worker.intake.fingerprints import fingerprint
from worker.intake.reading import Incoming, MessageFault, Reading, fault_of, is_name, joined, read
from worker.intake.routes import ReplyPattern, route_of
from worker.making import made_often
from worker.records import DISCOUNTS_FOLDED, Clues, CommandState, Event, LooseEvent, NewCommand, Route, own_lane
from worker.settings import Settings

_NOT_JOURNALED: Final[Mapping[str, Any]] = {
    "discounts": True,
    "login": {"password"},
    "invoice": {"sellerLoginPassword"},
}
_LONGEST_REASON_CHARS: Final = 500


@dataclass(frozen=True, slots=True)
class DeadLetterReason:
    """Why a message goes to the dead-letter queue; both become headers there."""

    code: RejectionCode
    reason: str


@made_often
@dataclass(frozen=True, slots=True)
class Admitted:
    """A command (to run, or rejected), a dead letter, or for a rejected one both."""

    command: NewCommand | None
    dead_letter: DeadLetterReason | None
    answer: LooseEvent | None = None
    """For a message without an id that names where an answer should go."""


@dataclass(frozen=True, slots=True)
class AdmissionRules:
    """What admission needs to know of the configuration."""

    worker: str
    """The `source` of the events."""
    own_queues: frozenset[str]
    """Queues that no reply may go to: a reply there would come back as a message."""
    limits: InvoiceLimits = field(default_factory=InvoiceLimits)
    reply_to_pattern: ReplyPattern = field(default_factory=lambda: ReplyPattern(".*"))
    max_body_bytes: int = 1024 * 1024
    deadline: timedelta = timedelta(seconds=1800)
    waiting_max: int | None = None
    """Waiting commands of a tenant above which new ones are refused as `busy` (count)."""
    is_order_shared: bool = False
    """Whether an order's number is one over all sources of a seller."""
    double_window: timedelta | None = None
    """How long an order without a number is taken for a double of the same one; None: nobody asks."""
    rejects_doubles: bool = False

    @classmethod
    def from_settings(cls, settings: Settings, own_queues: Collection[str]) -> "AdmissionRules":
        """Raises `ConfigurationError` where a pattern is no regular expression."""
        try:
            re.compile(settings.tax_id_pattern)
            pattern = ReplyPattern(settings.reply_to_pattern)
        except re.error as error:
            raise ConfigurationError(
                f"FAPIAO_REPLY_TO_PATTERN or FAPIAO_TAX_ID_PATTERN is no regular expression: {error}"
            ) from error
        return cls(
            worker=settings.source,
            own_queues=frozenset(own_queues),
            limits=InvoiceLimits(**{limit.name: getattr(settings, limit.name) for limit in fields(InvoiceLimits)}),
            reply_to_pattern=pattern,
            max_body_bytes=settings.max_body_bytes,
            deadline=timedelta(seconds=settings.deadline_seconds),
            waiting_max=settings.tenant_waiting_max,
            is_order_shared=settings.order_scope == "seller",
            double_window=None
            if settings.duplicates == "off"
            else timedelta(seconds=settings.duplicate_window_seconds),
            rejects_doubles=settings.duplicates == "reject",
        )


def admit(incoming: Incoming, rules: AdmissionRules) -> Admitted:
    """Judge one message. Never raises: a fault of ours must not stop the intake at a message that comes back."""
    try:
        return _admit(incoming, rules)
    except Exception as error:
        reason = f"the worker could not judge this message ({type(error).__name__}); please report it"
        return Admitted(None, DeadLetterReason(RejectionCode.MALFORMED, reason))


def examine(incoming: Incoming, rules: AdmissionRules) -> Event:
    """What `invoice.check` would answer to this message, whatever command it is: its `completed`, or why it could not
    even be read. Nothing comes of it. Raises `ValueError` where it has no id."""
    reading = read(incoming, rules.max_body_bytes)
    if reading.id is None:
        raise ValueError("a message without an id cannot be answered")
    message = _Message(incoming, reading, reading.id, Route(None, reading.id), rules)
    fault = reading.fault or _type_fault(reading)
    verdict = _verdict(reading, rules)
    command = _checked(message, verdict) if fault is None else _rejected(message, fault).command
    assert command is not None  # noqa: S101  both have one
    return command.events[0]


def unstorable() -> DeadLetterReason:
    """For a command that the journal cannot hold, though it looks like one."""
    return DeadLetterReason(RejectionCode.INVALID, UNSTORABLE)


@made_often
@dataclass(frozen=True, slots=True)
class _Message:
    """One message with a readable id, on its way to a verdict."""

    incoming: Incoming
    reading: Reading
    id: str
    route: Route
    rules: AdmissionRules


def _admit(incoming: Incoming, rules: AdmissionRules) -> Admitted:
    reading = read(incoming, rules.max_body_bytes)
    if reading.id is None:
        return _nameless(incoming, reading, rules)
    route, route_fault = route_of(incoming, reading.id, rules)
    message = _Message(incoming, reading, reading.id, route, rules)
    faults = [fault for fault in (reading.fault, _type_fault(reading), route_fault) if fault is not None]
    verdict = _verdict(reading, rules)
    if not faults and reading.type is CommandType.CHECK:
        return Admitted(_checked(message, verdict), None)
    if verdict.errors:
        faults.append(MessageFault(RejectionCode.INVALID, tuple(verdict.errors)))
    if faults:
        whole = joined(*faults)
        return _rejected(message, MessageFault(whole.code, tuple(at_most([*whole.errors]))))
    assert verdict.command is not None  # noqa: S101  there is one where nothing is wrong
    if isinstance(verdict.command, IssueInvoice):
        accepted = _issue(message, verdict, verdict.command)
    else:
        accepted = _accepted(message, verdict.command, verdict.warnings, _journaled(verdict.command))
    return Admitted(_expired(accepted) if incoming.has_expired else accepted, None)


def _expired(command: NewCommand) -> NewCommand:
    """Its expiration ended in the broker's queue: that is a deadline of the caller's, which has passed."""
    passed = _warning("deadline_passed", "had expired in the broker's queue before a worker took it", "")
    warnings = [CommandWarning.model_validate(each) for each in loads(command.warnings)]
    return replace(command, deadline_at=command.received_at, warnings=_told([*warnings, passed]))


def _verdict(reading: Reading, rules: AdmissionRules) -> JudgedData:
    """On the data, where they can be read at all and it is known what they are: then a message with a fault in its
    envelope is told those of its data as well."""
    if reading.type is None or not (reading.data or reading.fault is None):
        return JudgedData(None)
    return judge(reading.type, reading.data, rules.limits)


def _nameless(incoming: Incoming, reading: Reading, rules: AdmissionRules) -> Admitted:
    """A message that can be no command and has no id. If it names a queue for answers it is answered all the same,
    under an id made of its bytes, so that the same message gets the same answer."""
    fault = reading.fault or fault_of(RejectionCode.ID_MISSING, "/id", "is required")
    about = "\n".join((reading.source, incoming.correlation_id or "", incoming.reply_to or ""))
    name = f"unnamed-{hashlib.sha256(about.encode(errors='replace') + incoming.body).hexdigest()[:24]}"
    route, refusal = route_of(incoming, name, rules)
    if route.reply_to is None or refusal is not None:
        return Admitted(None, _dead_letter(fault))
    return Admitted(
        None, _dead_letter(fault), answer_nameless(reading, fault, name, route, incoming.received_at, rules)
    )


def _journaled(command: AnyCommand) -> bytes:
    """The data as they are kept: without secrets, and without what they were folded from."""
    return command.model_dump_json(exclude=_NOT_JOURNALED, exclude_none=True).encode()


def _accepted(
    message: _Message, command: AnyCommand, warnings: list[CommandWarning], data: bytes, **of_an_order: Any
) -> NewCommand:
    """What commands of all types have. One without a login needs no session: it gets a lane of its own."""
    reading, received_at = message.reading, message.incoming.received_at
    return NewCommand(
        source=reading.source,
        id=message.id,
        type=str(reading.type),
        content_hash=reading.content_hash,
        route=message.route,
        received_at=received_at,
        lane=command.userId if isinstance(command, WithLogin) else own_lane(reading.source, message.id),
        data=data,
        secrets=_secrets(command),
        warnings=_told(warnings),
        **{"deadline_at": received_at + message.rules.deadline, **of_an_order},
    )


def _issue(message: _Message, verdict: JudgedData, issue: IssueInvoice) -> NewCommand:
    warnings = [*verdict.warnings]
    data, received_at = _journaled(issue), message.incoming.received_at
    deadline_at = issue.deadline or received_at + message.rules.deadline
    if deadline_at <= received_at:
        warnings.append(_warning("deadline_passed", "had passed when the command came in", "/deadline"))
    if len(data) > LARGE_FRAME_BYTES:
        sentence = "makes a frame of about 7 KB or more, which the gateway may not take"
        warnings.append(_warning("large_frame", sentence, "/invoice"))
    return _accepted(
        message,
        issue,
        warnings,
        _with_discounts(data, verdict.discounts_folded),
        seller=issue.invoice.sellerIndentification,
        order_no=issue.orderNo,
        order_hash=None if issue.orderNo is None else content_of(loads(data)),
        is_order_shared=message.rules.is_order_shared,
        double_since=_double_since(received_at, issue, message.rules),
        rejects_double=message.rules.rejects_doubles,
        fingerprint=fingerprint(issue.invoice),
        clues=_clues(issue),
        deadline_at=deadline_at,
    )


def _clues(issue: IssueInvoice) -> Clues:
    invoice = issue.invoice
    return clues_of(
        invoice.buyerIndentification,
        invoice.remark,
        ((each.quantity, each.unitPrice) for each in invoice.invoiceItems),
        issue.expectedTotal,
        prints_bank=bool(invoice.buyerBankShow or invoice.sellerBankShow),
    )


def _double_since(received_at: datetime, issue: IssueInvoice, rules: AdmissionRules) -> datetime | None:
    """None for an order with a number: that tells orders apart better than their content does."""
    if rules.double_window is None or issue.orderNo is not None or issue.allowDuplicate:
        return None
    return received_at - rules.double_window


def _checked(message: _Message, verdict: JudgedData) -> NewCommand:
    """The answer to a check: it is over before it is journaled, and what is wrong with the order is its outcome."""
    command = verdict.command
    warnings = told(verdict.warnings)
    if isinstance(command, IssueInvoice):
        warnings = [CommandWarning.model_validate(each) for each in loads(_issue(message, verdict, command).warnings)]
    user_id, order_no = _names(message.reading)
    data = Checked(
        commandId=message.id,
        commandSource=message.reading.source,
        userId=user_id,
        orderNo=order_no,
        warnings=warnings or None,
        discountsFolded=verdict.discounts_folded or None,
        accepted=command is not None,
        errors=verdict.errors,
        invoice=invoice_to_send(command) if isinstance(command, IssueInvoice) else None,
        linesTotal=lines_total(command) if isinstance(command, IssueInvoice) else None,
        totals=totals(command) if isinstance(command, IssueInvoice) else [],
    )
    return _answered(message, CommandType.CHECK, Outcome.COMPLETED, CommandState.COMPLETED, data)


def _names(reading: Reading) -> tuple[str | None, str | None]:
    """The user and the order that a message names, where an answer can name them."""
    user_id, order_no = reading.data.get("userId"), reading.data.get("orderNo")
    return user_id if is_name(user_id) else None, order_no if is_name(order_no) else None


def _told(warnings: list[CommandWarning]) -> bytes:
    return dumps(told(warnings)) if warnings else b"[]"


def _with_discounts(data: bytes, folded: list[DiscountFolded]) -> bytes:
    """The data with what became of the discounts, for every event tells it."""
    return data if not folded else b"%b,%b}" % (data[:-1], dumps({DISCOUNTS_FOLDED: folded})[1:-1])


def _secrets(command: AnyCommand) -> dict[str, str]:
    secrets: dict[str, str] = {}
    if isinstance(command, WithLogin) and command.login is not None:
        secrets["/login/password"] = command.login.password.get_secret_value()
    if isinstance(command, IssueInvoice) and command.invoice.sellerLoginPassword is not None:
        secrets["/invoice/sellerLoginPassword"] = command.invoice.sellerLoginPassword.get_secret_value()
    return secrets


def _rejected(message: _Message, fault: MessageFault) -> Admitted:
    """A command that only answers: it has no lane, seller or order number, so it stands in nobody's way."""
    user_id, order_no = _names(message.reading)
    data = Rejected(
        commandId=message.id,
        commandSource=message.reading.source,
        userId=user_id,
        orderNo=order_no,
        code=fault.code,
        errors=list(fault.errors),
    )
    command_type = str(message.reading.type or UNKNOWN_TYPE)
    command = _answered(message, command_type, Outcome.REJECTED, CommandState.REJECTED, data)
    return Admitted(command, _dead_letter(fault))


def _answered(
    message: _Message, command_type: str, outcome: Outcome, state: CommandState, data: EventData
) -> NewCommand:
    """A command that ends as it comes in, with its one event."""
    reading, event_type = message.reading, f"{command_type}.{outcome}"
    event_id, body = build_event(
        worker=message.rules.worker,
        command_source=reading.source,
        command_id=message.id,
        event_type=event_type,
        sequence=1,
        time=message.incoming.received_at,
        data=data.model_dump(exclude_none=True),
    )
    return NewCommand(
        source=reading.source,
        id=message.id,
        type=command_type,
        content_hash=reading.content_hash,
        route=message.route,
        received_at=message.incoming.received_at,
        state=state,
        events=(Event(1, event_id, event_type, body),),
    )


def _type_fault(reading: Reading) -> MessageFault | None:
    if reading.type is not None or (reading.fault and any(error.path == "/type" for error in reading.fault.errors)):
        return None
    came = f" (it came as {reading.named_by})" if reading.named_by else ""
    message = f"is no command that this worker runs{came}; it runs {', '.join(COMMANDS)}"
    return fault_of(RejectionCode.UNKNOWN_TYPE, "/type", message)


def _dead_letter(fault: MessageFault) -> DeadLetterReason:
    reason = "; ".join(f"{error.path} {error.message}".strip() for error in fault.errors)
    return DeadLetterReason(fault.code, reason[:_LONGEST_REASON_CHARS])


def _warning(code: str, message: str, path: str) -> CommandWarning:
    return CommandWarning(code=code, message=message, path=path)
