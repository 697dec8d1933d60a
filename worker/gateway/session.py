"""The two dialogues, on one `/invoice` and on one `/web/invoice` socket, without the socket. Pure.

Text goes in, events of `worker.ports` come out; `receive_text` never raises, whatever it is given. A frame counts only
if its `sendToId` is this session's `userId` (trap 7) and it was asked for. What it is, its shape says where the type
word is wrong (trap 16): the vendor's own example of a page calls itself `login` (trap 54).

Not known here: time, sockets, which invoices a query meant and how many download notices follow its page, and whether
a result fits what was submitted: that is for the flow to judge, since a late result of an earlier submission looks the
same (trap 9).
"""

from enum import StrEnum
from typing import Any, Final

from contracts.gateway import (
    INVOICE_PDF,
    INVOICE_QRCODE,
    LOGIN,
    QUERY_INVOICE,
    QUERY_INVOICE_DOWNLOAD_ZIP,
    InvoiceInfo,
    InvoiceItem,
)
from worker.gateway import codec, qr, query_codec
from worker.gateway.codec import MAX_FRAME_BYTES, IgnoredReason, ReadReply
from worker.gateway.dates import is_dated
from worker.gateway.query_codec import RawPage, is_page
from worker.gateway.redaction import AnswerRedactor, evidence, is_secret_name
from worker.gateway.refusals import (
    Refusal,
    casts_doubt,
    is_list_answered,
    is_refused,
    leaves_open,
    login_reason,
    refusal_of,
    says_issued,
)
from worker.gateway.values import status_of
from worker.ports import (
    DownloadTold,
    FrameIgnored,
    LoginAnswered,
    LoginFields,
    QrRefused,
    QrShown,
    QueryEvent,
    QueryOrder,
    QueryRefused,
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

    def _meaning(self, reply: ReadReply) -> SessionEvent:
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

    def _login_answer(self, reply: ReadReply) -> SessionEvent:
        """Success is 1 and nothing else (trap 19). A page calls itself `login` too (trap 54), and may come late from
        a query before this session: replies go by `userId` alone."""
        if self._phase is not Phase.LOGIN_PENDING or is_page(reply.sent_data):
            return self._ignored(IgnoredReason.UNEXPECTED_PHASE, reply)
        accepted = reply.has_data and status_of(reply.data) is True
        self._phase = Phase.LOGGED_IN if accepted else Phase.NEW
        return LoginAnswered(accepted, None if accepted else login_reason(reply.data, reply.answer, self._masking()))

    def _qr_answer(self, reply: ReadReply) -> SessionEvent:
        if self._phase is not Phase.SUBMITTED:
            return self._ignored(IgnoredReason.UNEXPECTED_PHASE, reply)
        # A QR's own text may be JSON, which unwrapping takes apart: so the answer is also looked at as it was sent.
        for text in (reply.data, reply.sent_data):
            if isinstance(text, str) and status_of(text) is None and qr.may_be_content(text):
                return self._qr(reply, text)
        if (text := qr.found_in(reply.data)) is not None:
            return self._qr(reply, text)
        refusal = self._refusal(reply)
        if refusal is None and isinstance(reply.data, (dict, list)):
            refusal = Refusal()
        return self._ignored(IgnoredReason.NO_DATA, reply) if refusal is None else QrRefused(refusal.reason)

    def _refusal(self, reply: ReadReply) -> Refusal | None:
        """A frame without data says no only where it says why."""
        refusal = refusal_of(reply.data, reply.answer, self._masking())
        return refusal if reply.has_data or (refusal is not None and refusal.reason is not None) else None

    def _masking(self) -> AnswerRedactor:
        return AnswerRedactor(self._secrets)

    def _qr(self, reply: ReadReply, text: str) -> SessionEvent:
        if self._phase is not Phase.SUBMITTED:
            return self._ignored(IgnoredReason.UNEXPECTED_PHASE, reply)
        if qr.is_oversized(text):
            return FrameIgnored(IgnoredReason.OVERSIZED)
        if not qr.looks_like_image(text):
            return QrShown(image=None, content=self._masking().text(text.strip()))
        image = qr.image_uri(text)
        return FrameIgnored(IgnoredReason.UNREADABLE) if image is None else QrShown(image=image, content=None)

    def _result_answer(self, reply: ReadReply) -> SessionEvent:
        if codec.has_result_members(reply.data) and not is_refused(reply.data, reply.answer):
            if codec.is_doubtful(reply.data, reply.answer):
                return self._ignored(IgnoredReason.UNREADABLE, reply)
            return self._result(reply)
        if self._phase is not Phase.SUBMITTED:
            return self._ignored(_named_or(IgnoredReason.UNEXPECTED_PHASE, reply), reply)
        refusal = self._refusal(reply)
        if refusal is None:
            return self._ignored(_named_or(IgnoredReason.NO_DATA, reply), reply)
        if codec.names_an_invoice(reply.frame):
            return ResultRefused(refusal.reason, leaves_open=True, evidence=self._evidence(reply).decode())
        return ResultRefused(refusal.reason, leaves_open=leaves_open(refusal.reason))

    def _result(self, reply: ReadReply) -> SessionEvent:
        """Also before anything was submitted here: then it is the late one of a submission before (trap 9)."""
        harmless = set[str]() if self._submitted is None else _clear_texts(self._submitted)
        result = codec.result_of(reply.data, self._secrets, harmless, self._base_url)
        return self._ignored(IgnoredReason.UNREADABLE, reply) if result is None else result

    def _ignored(self, reason: IgnoredReason, reply: ReadReply) -> FrameIgnored:
        """Keep as evidence what may tell of an invoice: the frame, redacted, with its data unwrapped."""
        is_kept = codec.has_result_members(reply.data) or reply.type == INVOICE_PDF
        return FrameIgnored(reason, self._evidence(reply) if is_kept else None)

    def _evidence(self, reply: ReadReply) -> bytes:
        return evidence({**reply.frame, "data": reply.data}, self._secrets)


def _named_or(reason: IgnoredReason, reply: ReadReply) -> IgnoredReason:
    """An answer that names an invoice, or says that there is one, means that it was issued. While such an answer is
    kept, no list proves that there is none."""
    if reply.type != INVOICE_PDF:
        return reason
    is_told = codec.names_an_invoice(reply.frame, in_words=True) or says_issued(reply.data, reply.answer)
    return IgnoredReason.UNREADABLE if is_told else reason


def _clear_texts(submission: Submission) -> set[str]:
    """The texts that the caller put into the invoice in clear: their echo gives nothing away."""
    invoice = submission.invoice
    lines = invoice.get("invoiceItems") or ()
    return {
        text
        for part in (invoice, *lines)
        for name, text in part.items()
        if name in _CLEAR_MEMBERS and isinstance(text, str)
    }


class QueryDialogue:
    """One `userId`'s dialogue: one page after another, each of which logs in by itself, and the downloads' notices."""

    def __init__(self, user_id: str, *, max_frame_bytes: int = MAX_FRAME_BYTES, base_url: str | None = None) -> None:
        """`base_url` is what addresses without a host are on."""
        self._user_id = user_id
        self._base_url = base_url
        self._max_frame_bytes = max_frame_bytes
        self._asked_page: int | None = None
        """The page that is waited for."""
        self._is_login_told = False
        """Whether the login of the query that is waited for was answered."""
        self._awaits_notices = False
        """From the first frame on: a notice may come before its page, after it, or long after a retry."""
        self._secrets: set[str] = set()
        self._clear_texts: frozenset[str] = frozenset()
        self._redactor = AnswerRedactor()

    def send_query(self, order: QueryOrder) -> str:
        """The `query_invoice` frame. An earlier one without an answer is given up by it. Raises `ValueError` if it
        cannot be written; nothing has changed then."""
        frame = query_codec.query_frame(order)
        self._secrets.add(order.login.password.get_secret_value())
        self._clear_texts = _clear_texts_of(order)
        self._redactor = AnswerRedactor(self._secrets, self._clear_texts)
        self._asked_page = order.page_number
        self._is_login_told = False
        self._awaits_notices = True
        return frame

    def send_retry(self, date: str) -> str:
        """The `query_invoice_download_zip` frame. Raises `ValueError` if it cannot be written."""
        frame = query_codec.download_frame(date)
        self._awaits_notices = True
        return frame

    def receive_text(self, frame: str | bytes) -> QueryEvent:
        """What one frame means here. Binary frames are read as UTF-8 text."""
        reply = codec.read_frame(frame, self._max_frame_bytes, query_codec.unwrapped)
        if isinstance(reply, IgnoredReason):
            return FrameIgnored(reply)
        if reply.send_to_id != self._user_id:
            return self._ignored(IgnoredReason.OTHER_USER, reply)
        return self._meaning(reply)

    def _meaning(self, reply: ReadReply) -> QueryEvent:
        """Shape first, then the type word: pages and dates are known by sight, a bare "0" is not."""
        page = reply.data
        if isinstance(page, RawPage) and (page.is_evident or reply.type == QUERY_INVOICE):
            # An empty list beside a failure shows nothing, least of all that there is no invoice.
            return self._page(reply, page) if page.rows or is_list_answered(reply.answer) else self._query_answer(reply)
        result = codec.unwrapped(reply.sent_data)
        if codec.is_surely_result(result) or (reply.type == INVOICE_PDF and codec.has_result_members(result)):
            return self._late_result(reply, result)
        if reply.type == QUERY_INVOICE_DOWNLOAD_ZIP or self._is_dated(reply):
            return self._notice(reply)
        if reply.type == LOGIN:
            return self._login_answer(reply)
        if reply.type == QUERY_INVOICE:
            return self._query_answer(reply)
        return self._ignored(_named_or(IgnoredReason.UNEXPECTED_TYPE, reply), reply)

    def _page(self, reply: ReadReply, page: RawPage) -> QueryEvent:
        """The page that was asked for. One that says it is another is a late answer to an earlier query."""
        if self._asked_page is None or page.current_page not in {None, self._asked_page}:
            return self._ignored(IgnoredReason.UNEXPECTED_PHASE, reply)
        shows_nothing = self._asked_page == 1 and not page.rows
        self._asked_page = None
        is_doubtful = casts_doubt(reply.answer, is_empty=shows_nothing) or (shows_nothing and page.promises_more)
        return query_codec.page_shown(page, self._redactor, is_doubtful=is_doubtful)

    def _late_result(self, reply: ReadReply, result: dict[str, Any]) -> QueryEvent:
        """Of a submission on a session before this one, for the gateway sends by `userId` alone (trap 9)."""
        if is_refused(result, reply.answer) or codec.is_doubtful(result, reply.answer):
            return self._ignored(_named_or(IgnoredReason.UNEXPECTED_TYPE, reply), reply)
        shown = codec.result_of(result, self._secrets, self._clear_texts, self._base_url)
        return self._ignored(IgnoredReason.UNREADABLE, reply) if shown is None else shown

    def _is_dated(self, reply: ReadReply) -> bool:
        """A bare date is a failed download's whatever the type word says: nothing else here is one."""
        return isinstance(reply.data, str) and is_dated(reply.data)

    def _notice(self, reply: ReadReply) -> QueryEvent:
        if not self._awaits_notices:
            return self._ignored(IgnoredReason.UNEXPECTED_PHASE, reply)
        if reply.has_data and status_of(reply.data) is True:
            return DownloadTold(ok=True)
        return DownloadTold(ok=False, date=query_codec.retry_text(reply.data, self._redactor))

    def _login_answer(self, reply: ReadReply) -> QueryEvent:
        """The status of the login that goes with each query: success is 1 and nothing else (trap 19). After it, the
        same type word may as well carry the query's own answer (trap 54)."""
        if self._asked_page is None:
            return self._ignored(IgnoredReason.UNEXPECTED_PHASE, reply)
        if isinstance(reply.data, (dict, list, RawPage)):
            return self._ignored(IgnoredReason.NO_DATA, reply)
        accepted = reply.has_data and status_of(reply.data) is True
        if self._is_login_told:
            return self._ignored(IgnoredReason.UNEXPECTED_PHASE, reply) if accepted else self._query_answer(reply)
        self._is_login_told = True
        if accepted:
            return LoginAnswered(accepted=True)
        self._asked_page = None
        return LoginAnswered(accepted=False, reason=login_reason(reply.data, reply.answer, self._redactor))

    def _query_answer(self, reply: ReadReply) -> QueryEvent:
        """A refusal; or the notice of a download, which the manual's table gives this type too (trap 16)."""
        status = status_of(reply.data) if reply.has_data else None
        if self._asked_page is None:
            if status is True and self._awaits_notices:
                return DownloadTold(ok=True)
            return self._ignored(IgnoredReason.UNEXPECTED_PHASE, reply)
        refusal = refusal_of(reply.data, reply.answer, self._redactor) if reply.has_data else None
        if refusal is None:
            return self._ignored(IgnoredReason.NO_DATA, reply)
        self._asked_page = None
        return QueryRefused(refusal.reason)

    def _ignored(self, reason: IgnoredReason, reply: ReadReply) -> FrameIgnored:
        """Keep as evidence what may tell of an issued invoice (a late result, for the gateway sends by `userId` alone)
        or of somebody else's invoices. Our own late pages are none: they can be asked for again."""
        of_others = reason is IgnoredReason.OTHER_USER and isinstance(reply.data, RawPage)
        if not (of_others or codec.has_result_members(reply.data) or reply.type == INVOICE_PDF):
            return FrameIgnored(reason)
        told = reply.data.rows if isinstance(reply.data, RawPage) else reply.data
        return FrameIgnored(reason, evidence({**reply.frame, "data": told}, self._secrets))


def _clear_texts_of(order: QueryOrder) -> frozenset[str]:
    """What the query says in clear: its echo gives nothing away."""
    texts = (order.login.company_code, order.login.company_name, *order.condition.values())
    return frozenset(text for text in texts if isinstance(text, str))
