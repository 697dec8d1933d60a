"""The codes a caller may branch on. Append-only: a code is never renamed, reused or removed.

Knows nothing of how a failure is found; `message` beside a code is for people and may change.
"""

from enum import StrEnum


class FailureCode(StrEnum):
    """Why a command that was accepted ended in `failed`."""

    LOGIN_REFUSED = "login_refused"
    """The gateway refused the login (manual: 登录税务局). `gatewayMessage` is why, where it says so."""
    LOGIN_SUSPENDED = "login_suspended"
    """Too many refused logins in a row: the account rests, so that the tax bureau does not lock it."""
    QR_FAILED = "qr_failed"
    """`invoice_qrcode` "0": no code could be had, or the scan was refused (manual: 人脸二维码响应)."""
    QR_EXPIRED = "qr_expired"
    """Nobody scanned in time, and no invoice was found."""
    ISSUE_REFUSED = "issue_refused"
    """`invoice_pdf` "0" (manual: 开票结果响应)."""
    NOT_ISSUED = "not_issued"
    """The outcome was unknown, and evidence or a person says that no invoice exists."""
    SAVED_AS_DRAFT = "saved_as_draft"
    """`isDrafts` is 1: the gateway kept a draft, which is no invoice."""
    QUERY_REFUSED = "query_refused"
    """The gateway refused the query (manual: 发票基本信息响应). `gatewayMessage` is why, where it says so."""
    DOWNLOAD_FAILED = "download_failed"
    """The gateway could not get the files, however often it was asked (manual: 文件下载响应)."""
    GATEWAY_UNAUTHORIZED = "gateway_unauthorized"
    """401 at the handshake: a matter of configuration, never retried."""
    GATEWAY_FORBIDDEN = "gateway_forbidden"
    """403 at the handshake: a matter of configuration, never retried."""
    GATEWAY_UNAVAILABLE = "gateway_unavailable"
    """The gateway could not be reached before the command's deadline. Nothing was submitted."""
    GATEWAY_TIMEOUT = "gateway_timeout"
    """The gateway did not answer before anything was submitted."""
    PROTOCOL_ERROR = "protocol_error"
    CREDENTIAL_MISSING = "credential_missing"
    """The named credential is not in `FAPIAO_CREDENTIALS_DIR`, or cannot be read as a login."""
    DEADLINE_EXCEEDED = "deadline_exceeded"
    """The command's deadline passed before anything was submitted."""
    HTTP_ERROR = "http_error"
    """A look-up over HTTP was answered with what repeating it cannot help: a status, a code, or no list."""
    CANCELLED = "cancelled"
    """A person cancelled it before anything was submitted."""
    INTERNAL_ERROR = "internal_error"
    """The worker met a fault of its own three times while it carried it out. Nothing was submitted."""


class RejectionCode(StrEnum):
    """Why a message never became a running command."""

    MALFORMED = "malformed"
    """Not JSON, not an object, or an envelope that cannot be read."""
    UNKNOWN_TYPE = "unknown_type"
    INVALID = "invalid"
    """The data do not fit the command's schema; `errors` says where."""
    TOO_LARGE = "too_large"
    ID_MISSING = "id_missing"
    ID_REUSED = "id_reused"
    """The same `(source, id)` came before with other content. Answers this message only."""
    REPLY_TO_REFUSED = "reply_to_refused"
    BUSY = "busy"
    """The tenant has too many waiting commands: send again later, under the same id."""
    ORDER_REUSED = "order_reused"
    """An earlier command of the same source has this `orderNo`, with other content; `firstCommandId` names it."""
    ORDER_TAKEN = "order_taken"
    """Another source has this `orderNo` of the seller, where numbers are one over all sources."""
    DUPLICATE = "duplicate"
    """The same order came under another id a moment ago; `firstCommandId` names it. Answers this message only."""


class Stage(StrEnum):
    """How far a failed command had come."""

    QUEUED = "queued"
    CONNECT = "connect"
    LOGIN = "login"
    SUBMIT = "submit"
    SCAN = "scan"
    RESULT = "result"
    RESOLVE = "resolve"
    QUERY = "query"
    """A page was asked for."""
    DOWNLOAD = "download"
    """A failed download was asked for again."""
    DETAILS = "details"
    """Items or files were asked for over HTTP."""


RETRYABLE = frozenset(
    {
        FailureCode.LOGIN_SUSPENDED,
        FailureCode.GATEWAY_UNAVAILABLE,
        FailureCode.GATEWAY_TIMEOUT,
        FailureCode.DEADLINE_EXCEEDED,
        FailureCode.DOWNLOAD_FAILED,
        FailureCode.INTERNAL_ERROR,
    }
)
"""Failures after which the same order may be sent again as it is, under a new id and with its own `orderNo`: nothing
was submitted."""

KEEPS_ORDER = frozenset({FailureCode.SAVED_AS_DRAFT})
"""Failures that leave an `orderNo` with the command that named it: something of the order is at the tax bureau. After
any other no invoice exists, and the number is free."""
