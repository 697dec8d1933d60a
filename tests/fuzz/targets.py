"""What is fed with any bytes at all: one function per door that strangers reach, and what must hold behind it.

Each takes bytes and raises where something does not hold. They are run by a coverage-guided fuzzer (`fuzz`), and over
the committed corpus by `test_fuzz`.
"""

import contextlib
import json
import tempfile
import weakref
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from contracts.envelope import dumps, loads
from contracts.invoices import FoundInvoice, FoundItem, InvoiceFile
from tests.unit.gateway.dialogue import LOGIN, PASSWORD, SUBMISSION, USER_ID, frame
from tests.unit.intake.messages import RECEIVED_AT
from tests.unit.intake.verdicts import check
from tests.unit.vault.files import due
from worker.errors import Permanent, Transient
from worker.flows.invoices import file_row, found_row
from worker.gateway import query_codec
from worker.gateway.credentials import CredentialDirectory
from worker.gateway.redaction import is_secret_name
from worker.gateway.refusals import MAX_REASON_CHARS
from worker.gateway.session import InvoiceSession, QueryDialogue
from worker.intake.reading import Incoming
from worker.ops.redaction import Redactor
from worker.ports import (
    FrameIgnored,
    LoginAnswered,
    LoginFields,
    PageShown,
    QrRefused,
    QrShown,
    QueryOrder,
    ResultRefused,
    ResultShown,
)
from worker.vault.contents import MOST_TEXT_CHARS, NotThatFile, differences, read_file

_CONTENT_TYPES = (None, "application/json", "application/cloudevents+json", "text/plain")
_OUTSIDE = "the-login-outside"
_DAYS = {"startInvoiceDate": "2024-04-01", "endInvoiceDate": "2024-04-12"}


def admission(data: bytes) -> None:
    """A body under any of the content types, with ids and queues taken from it: one verdict, and always the same."""
    kind, body = data[:1] or b"\x00", data[1:]
    text = body[:24].decode("latin-1")
    incoming = Incoming(
        body=body,
        content_type=_CONTENT_TYPES[kind[0] % len(_CONTENT_TYPES)],
        message_id=text if kind[0] & 4 else "m-1",
        type="invoice.issue" if kind[0] & 8 else None,
        routing_key="invoice.issue",
        app_id=text if kind[0] & 16 else "fuzz",
        reply_to=text if kind[0] & 32 else None,
        correlation_id=text if kind[0] & 64 else None,
        user_id=None,
        headers={"traceparent": text} if kind[0] & 128 else {},
        received_at=RECEIVED_AT,
    )
    check(incoming)


def gateway(data: bytes) -> None:
    """Frames in any phase, divided by line feeds: nothing is raised, nothing told holds a password that was sent, and
    nothing told or kept has a member that is named like one, whoever sent it."""
    session = InvoiceSession(USER_ID)
    phase, *frames = data.split(b"\n")
    was_sent = phase[:1] in {b"l", b"i"}
    if was_sent:
        session.send_login(LOGIN)
    if phase[:1] == b"i":
        session.receive_text(frame("login", "1"))
        session.send_invoice(SUBMISSION)
    for received in frames:
        event = session.receive_text(received)
        assert not was_sent or PASSWORD not in repr(event), event
        match event:
            case ResultShown():
                dumps(event.invoice)
                assert not any(map(is_secret_name, _names_in(event.reply.told))), event
                assert event.invoice_url is None or event.invoice_url.encode()
            case QrShown():
                assert (event.image is None) != (event.content is None)
            case LoginAnswered() | QrRefused() | ResultRefused():
                assert event.reason is None or 0 < len(event.reason) <= MAX_REASON_CHARS
            case FrameIgnored() if event.body is not None and len(event.body) < 60_000:
                assert not any(map(is_secret_name, _names_in(json.loads(event.body)))), event


def _names_in(value: Any) -> Iterator[str]:
    """Of all members, also of those in JSON that stands in a text."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _names_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _names_in(inner)
    elif isinstance(value, str) and value.lstrip()[:1] in {"{", "["}:
        with contextlib.suppress(ValueError):
            yield from _names_in(json.loads(value))


def queries(data: bytes) -> None:
    """Frames after a question for a page, divided by line feeds: nothing is raised, what is told can be stored and
    published, and no password is in it."""
    dialogue = QueryDialogue(USER_ID)
    dialogue.send_query(QueryOrder(LOGIN, {"queryType": 0, **_DAYS}, 10, 1))
    for received in data.split(b"\n"):
        event = dialogue.receive_text(received)
        assert PASSWORD not in repr(event), event
        if isinstance(event, PageShown):
            for invoice in event.invoices:
                FoundInvoice.model_validate(loads(dumps(dict(invoice.told))))
                assert invoice.dated is None or invoice.dated.earliest <= invoice.dated.latest
                found_row(invoice, 0)


def answers(data: bytes) -> None:
    """Bodies of the HTTP look-ups: rows that can be stored and published, or an error that repeats nothing of them."""
    rows = _rows_or_reason(data)
    if isinstance(rows, str):
        assert len(data) < 32 or data.decode("latin-1") not in rows
        return
    for item in query_codec.items_of(rows, "7"):
        FoundItem.model_validate(loads(dumps(item)))
    for file in query_codec.files_of(rows, "https://gateway.test", ["7"], ["pdf", "ofd", "xml"]):
        InvoiceFile.model_validate(loads(dumps(file)))
        assert file["url"].lower().startswith(("http://", "https://"))
        file_row(file)


def _rows_or_reason(body: bytes) -> list[Any] | str:
    """The rows of an answer, or why it has none."""
    try:
        return query_codec.rows_of(body, {0, 200})
    except (Permanent, Transient) as fault:
        return str(fault)


def credentials(data: bytes) -> None:
    """A name and the content of the file of that name: a login, or `credential_missing` that repeats no content."""
    root = _credentials_root()
    name, _, content = data.partition(b"\n")
    (root / "inside" / "shop.json").write_bytes(content)
    for asked in ("shop", name.decode("utf-8", "surrogateescape")):
        found = _loaded(root / "inside", asked)
        if isinstance(found, str):
            assert len(content) < 16 or content in name or content.decode("latin-1") not in found
        else:
            assert found.password.get_secret_value() != _OUTSIDE, asked


def _loaded(directory: Path, name: str) -> LoginFields | str:
    """The login, or why there is none."""
    try:
        return CredentialDirectory(str(directory)).load(name)
    except Permanent as fault:
        return str(fault)


@cache
def _credentials_root() -> Path:
    """A directory of credentials, with a login beside it that no name may reach; removed with the process."""
    folder = tempfile.TemporaryDirectory(prefix="fuzz-credentials-")
    weakref.finalize(_credentials_root, folder.cleanup)
    root = Path(folder.name)
    (root / "inside").mkdir()
    login = {"companyCode": "1", "phone": "1", "password": _OUTSIDE, "area": "a", "role": "r"}
    (root / "outside.json").write_text(json.dumps(login), encoding="utf-8")
    return root


def redaction(data: bytes) -> None:
    """Any text that may be logged: a known secret is not in what is shown, whatever stands around it."""
    text = data.decode("utf-8", "replace")
    secret = "known-s3cret"
    shown = Redactor([secret]).value("reason", {"a": [text, text + secret + text]})
    assert secret not in repr(shown)


def files(data: bytes) -> None:
    """A file of any kind, as the vault fetches it: what it says, no more than an event takes; or that it is none."""
    kind, body = ("pdf", "ofd", "xml", "other")[(data[:1] or b"\0")[0] % 4], data[1:]
    differs: list[dict[str, Any]] = []
    with contextlib.suppress(NotThatFile):
        differs = differences(due(kind), read_file(kind, body))
    assert len(dumps(differs)) < 6 * 6 * MOST_TEXT_CHARS
    assert all(difference["listed"] != difference["file"] for difference in differs)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "admission": admission,
    "gateway": gateway,
    "queries": queries,
    "answers": answers,
    "credentials": credentials,
    "redaction": redaction,
    "files": files,
}
