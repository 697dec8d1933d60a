"""The dialogue on one `/invoice` socket, without the socket. Pure.

Text goes in, `worker.ports.SessionEvent`s come out; `receive_text` never raises, whatever it is given. A frame
counts only if its `sendToId` is this session's `userId` (trap 7) and its kind has been asked for. The kind is
told by shape where the type word is wrong (trap 16).
Not known here: time, sockets, and whether a result fits what was submitted: that is for the flow to judge, since
a late result of an earlier submission looks the same (trap 9).
"""

from enum import StrEnum
from typing import Final

from contracts.gateway import INVOICE_PDF, INVOICE_QRCODE, LOGIN, InvoiceInfo, InvoiceItem
from worker.gateway import codec, qr
from worker.gateway.codec import MAX_FRAME_BYTES, IgnoredReason, Reply
from worker.gateway.query_codec import is_page
from worker.gateway.redaction import Redactor, evidence, is_secret_name
from worker.gateway.refusals import Refusal, is_refused, leaves_open, login_reason, refusal_of
from worker.gateway.values import status_of
from worker.ports import (
    FrameIgnored,
    LoginAnswered,
    LoginFields,
    QrRefused,
    QrShown,
    ResultRefused,
    SessionEvent,
    Submission,
)

_CLEAR_MEMBERS: Final = frozenset(
    name for name in (*InvoiceInfo.model_fields, *InvoiceItem.model_fields) if not is_secret_name(name)
)
"""What of an invoice is sent and is no secret."""


class Phase(StrEnum):
    """How far the dialogue has come."""

    NEW = "new"
    """Nothing sent, or the login was refused."""
    LOGIN_PENDING = "login_pending"
    LOGGED_IN = "logged_in"
    SUBMITTED = "submitted"
    """At least one invoice was submitted; stays so, for a reused session may hear of an earlier one."""


class InvoiceSession:
    """One `userId`'s dialogue: login once, then one submission after another."""

    def __init__(self, user_id: str, *, max_frame_bytes: int = MAX_FRAME_BYTES, base_url: str | None = None) -> None:
        """`base_url` is what addresses without a host are on."""
        self._user_id = user_id
        self._base_url = base_url
        self._max_frame_bytes = max_frame_bytes
        self._phase = Phase.NEW
        self._secrets: set[str] = set()
        self._submitted: Submission | None = None

    @property
    def phase(self) -> Phase:
        """How far the dialogue has come."""
        return self._phase

    def send_login(self, login: LoginFields) -> str:
        """The login frame. Raises `ValueError` if a login was sent already."""
        if self._phase is not Phase.NEW:
            raise ValueError("this session has sent its login")
        frame = codec.login_frame(login)
        self._secrets.add(login.password.get_secret_value())
        self._phase = Phase.LOGIN_PENDING
        return frame

    def send_invoice(self, submission: Submission) -> str:
        """The `invoice_info` frame. Raises `ValueError` if nobody is logged in or it cannot be written exactly;
        the phase is unchanged then."""
        if self._phase not in {Phase.LOGGED_IN, Phase.SUBMITTED}:
            raise ValueError("nobody is logged in on this session")
        frame = codec.invoice_frame(submission)
        self._secrets.add(submission.seller_password.get_secret_value())
        self._submitted = submission
        self._phase = Phase.SUBMITTED
        return frame

    def receive_text(self, frame: str | bytes) -> SessionEvent:
        """What one frame means here. Binary frames are read as UTF-8 text."""
        reply = codec.read_frame(frame, self._max_frame_bytes)
        if isinstance(reply, IgnoredReason):
            return FrameIgnored(reply)
        if reply.send_to_id != self._user_id:
            return self._ignored(IgnoredReason.OTHER_USER, reply)
        return self._meaning(reply)

    def _meaning(self, reply: Reply) -> SessionEvent:
        """Shape first, then the type word: results and pictures are known by sight, a bare "0" is not."""
        if codec.is_surely_result(reply.data):
            return self._result_answer(reply) if reply.type == INVOICE_PDF else self._result(reply)
        if isinstance(reply.data, str) and qr.looks_like_image(reply.data):
            return self._qr(reply, reply.data)
        if reply.type == LOGIN:
            return self._login_answer(reply)
        if reply.type == INVOICE_QRCODE:
            return self._qr_answer(reply)
        if reply.type == INVOICE_PDF:
            return self._result_answer(reply)
        return self._ignored(IgnoredReason.UNEXPECTED_TYPE, reply)

    def _login_answer(self, reply: Reply) -> SessionEvent:
        """Success is 1 and nothing else (trap 19). A page calls itself `login` too (trap 54), and may come late from
        a query before this session: replies go by `userId` alone."""
        if self._phase is not Phase.LOGIN_PENDING or is_page(reply.sent_data):
            return self._ignored(IgnoredReason.UNEXPECTED_PHASE, reply)
        accepted = reply.has_data and status_of(reply.data) is True
        self._phase = Phase.LOGGED_IN if accepted else Phase.NEW
        return LoginAnswered(accepted, None if accepted else login_reason(reply.data, reply.sent_data, self._masking()))

    def _qr_answer(self, reply: Reply) -> SessionEvent:
        if self._phase is not Phase.SUBMITTED:
            return self._ignored(IgnoredReason.UNEXPECTED_PHASE, reply)
        # A QR's own text may be JSON, and then unwrapping has taken it apart.
        for text in (reply.data, reply.sent_data):
            if isinstance(text, str) and status_of(text) is None and qr.may_be_content(text):
                return self._qr(reply, text)
        if (text := qr.found_in(reply.data)) is not None:
            return self._qr(reply, text)
        refusal = refusal_of(reply.data, reply.sent_data, self._masking()) if reply.has_data else None
        if refusal is None and isinstance(reply.data, (dict, list)):
            refusal = Refusal()
        return self._ignored(IgnoredReason.NO_DATA, reply) if refusal is None else QrRefused(refusal.reason)

    def _masking(self) -> Redactor:
        return Redactor(self._secrets)

    def _qr(self, reply: Reply, text: str) -> SessionEvent:
        if self._phase is not Phase.SUBMITTED:
            return self._ignored(IgnoredReason.UNEXPECTED_PHASE, reply)
        if qr.is_oversized(text):
            return FrameIgnored(IgnoredReason.OVERSIZED)
        if not qr.looks_like_image(text):
            return QrShown(image=None, content=self._masking().text(text.strip()))
        image = qr.image_uri(text)
        return FrameIgnored(IgnoredReason.UNREADABLE) if image is None else QrShown(image=image, content=None)

    def _result_answer(self, reply: Reply) -> SessionEvent:
        if codec.has_result_members(reply.data) and not is_refused(reply.data):
            return self._result(reply)
        if self._phase is not Phase.SUBMITTED:
            return self._ignored(IgnoredReason.UNEXPECTED_PHASE, reply)
        refusal = refusal_of(reply.data, reply.sent_data, self._masking()) if reply.has_data else None
        if refusal is None:
            return self._ignored(IgnoredReason.NO_DATA, reply)
        return ResultRefused(refusal.reason, leaves_open=leaves_open(refusal.reason))

    def _result(self, reply: Reply) -> SessionEvent:
        """Also before anything was submitted here: then it is the late one of a submission before (trap 9)."""
        harmless = frozenset[str]() if self._submitted is None else _clear_texts(self._submitted)
        result = codec.result_of(reply.data, self._secrets, harmless, self._base_url)
        return self._ignored(IgnoredReason.UNREADABLE, reply) if result is None else result

    def _ignored(self, reason: IgnoredReason, reply: Reply) -> FrameIgnored:
        """Keep as evidence what may tell of an invoice: the frame, redacted, with its data unwrapped."""
        if not (codec.has_result_members(reply.data) or reply.type == INVOICE_PDF):
            return FrameIgnored(reason)
        return FrameIgnored(reason, evidence({**reply.frame, "data": reply.data}, self._secrets))


def _clear_texts(submission: Submission) -> frozenset[str]:
    """The texts that the caller put into the invoice in clear: their echo gives nothing away."""
    invoice = submission.invoice
    lines = invoice.get("invoiceItems") or ()
    return frozenset(
        text
        for part in (invoice, *lines)
        for name, text in part.items()
        if name in _CLEAR_MEMBERS and isinstance(text, str)
    )
