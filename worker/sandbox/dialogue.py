"""What the vendor does after an ``invoice_info``, as a list of steps that the faults bend.

Pure: a script is a value. ``exchange`` performs it. Steps happen in order, and a step that ends the exchange
(an expired scan, a cut) leaves the rest undone, as it would be in life.
"""

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from contracts.gateway import INVOICE_PDF, INVOICE_QRCODE
from worker.sandbox.alterations import Behaviour
from worker.sandbox.faults import Asked

QrForm = Literal["data_uri", "bare_base64", "text", "svg"]
OTHER_RESULT_GAP_SECONDS: Final = 0.05
"""Long enough for a client to read one frame before the next, so that order is seen and not luck."""
QR_GAP_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Pause:
    """The vendor is busy for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ShowQr:
    """Send a QR, superseding any earlier one of this exchange. ``works`` says whether it can be confirmed."""

    form: QrForm
    works: bool = True


@dataclass(frozen=True, slots=True)
class AwaitScan:
    """Wait for the person. Declined or expired: ``invoice_qrcode`` ``"0"``, and the exchange ends."""


@dataclass(frozen=True, slots=True)
class FailQr:
    """Send ``invoice_qrcode`` ``"0"``."""


@dataclass(frozen=True, slots=True)
class Issue:
    """Write the invoice to the ledger: from here on it exists. Queries tell of it so much later; ``None``: never."""

    as_draft: bool = False
    listed_after_seconds: float | None = 0.0


@dataclass(frozen=True, slots=True)
class SayRefused:
    """Send ``invoice_pdf`` ``"0"``."""


@dataclass(frozen=True, slots=True)
class Say:
    """Send this data under this type word, whatever it is."""

    type_word: str
    data: Any


@dataclass(frozen=True, slots=True)
class SendResult:
    """Send the result of this invoice (``whose`` = ``own``) or a made-up one."""

    whose: Literal["own", "other_user", "other_invoice"] = "own"


@dataclass(frozen=True, slots=True)
class SendGarbage:
    """Send text that is not JSON, ``mebibytes`` long (0: a short one)."""

    mebibytes: float = 0.0


@dataclass(frozen=True, slots=True)
class Cut:
    """Cut the socket that the order came on, without a closing handshake."""


Step = Pause | ShowQr | AwaitScan | FailQr | Issue | SayRefused | Say | SendResult | SendGarbage | Cut


LOGIN_REASON: Final = "账号或密码错误,您还有2次机会"
QR_REASON: Final = "当前账号已在其他设备登录,请重新登录"
ISSUE_REASON: Final = "开票失败:授信额度不足,本次开票金额:398.00;剩余可用额度:0.00"


def as_told(behaviour: Behaviour) -> tuple[Step, ...] | None:
    """The steps of an exchange whose frames were laid down from outside; None: as usual."""
    if behaviour.frames is None:
        return None
    steps: list[Step] = [Issue()] if behaviour.is_issued else []
    for saying in behaviour.frames:
        steps += [Pause(saying.seconds), Say(saying.type_word, saying.data)]
    return tuple(steps)


def script(asked: Asked, *, qr: bool, issue_delay_seconds: float = 0.0) -> tuple[Step, ...]:
    """Lay out the steps of one exchange. ``qr`` says whether a scan is needed when no fault has a say."""
    steps = list(_scan(asked, qr=qr))
    if "qr_never_scanned" in asked or (steps and isinstance(steps[-1], FailQr | Say)):
        return tuple(steps)
    delay = issue_delay_seconds + asked.get("slow", 0.0)
    if delay:
        steps.append(Pause(delay))
    steps += _outcome(asked)
    return tuple(_listed(step, asked) for step in steps)


_FORMS: Final[dict[str, QrForm]] = {"qr_bare_base64": "bare_base64", "qr_text": "text", "qr_svg": "svg"}


def _scan(asked: Asked, *, qr: bool) -> tuple[Step, ...]:
    form: QrForm = next((form for name, form in _FORMS.items() if name in asked), "data_uri")
    show = ShowQr(form)
    if asked.keys() & {"qr_unavailable", "qr_reason"}:
        return (Say(INVOICE_QRCODE, QR_REASON) if "qr_reason" in asked else FailQr(),)
    if "qr_failed" in asked:
        return (ShowQr(form, works=False), Pause(QR_GAP_SECONDS), FailQr())
    if "qr_failed_then_new" in asked:
        return (
            ShowQr(form, works=False),
            Pause(QR_GAP_SECONDS),
            FailQr(),
            Pause(QR_GAP_SECONDS),
            show,
            AwaitScan(),
        )
    if "qr_never_scanned" in asked:
        return (ShowQr(form, works=False),)
    if "two_qrs" in asked:
        return (ShowQr(form, works=False), Pause(QR_GAP_SECONDS), show, AwaitScan())
    asks_for_a_form = form != "data_uri"
    return (show, AwaitScan()) if (qr or asks_for_a_form) and "no_qr" not in asked else ()


_ENDINGS: Final[dict[str, tuple[Step, ...]]] = {
    "silent": (),
    "refused": (SayRefused(),),
    "dropped_before_result": (Cut(),),
    "other_invoice": (SendResult("other_invoice"),),
    "refused_with_reason": (Say(INVOICE_PDF, ISSUE_REASON),),
    "refused_with_code": (Say(INVOICE_PDF, {"code": 500, "msg": ISSUE_REASON}),),
    "refused_but_issued": (Issue(), SayRefused()),
    "silent_after_issuing": (Issue(),),
    "dropped_after_issuing": (Issue(), Cut()),
    "garbage_only": (Issue(), SendGarbage()),
}


def _listed(step: Step, asked: Asked) -> Step:
    """The bureau's lists lag behind what was issued, however the exchange ends."""
    if not isinstance(step, Issue) or not ("listed_late" in asked or "never_listed" in asked):
        return step
    return replace(step, listed_after_seconds=None if "never_listed" in asked else asked["listed_late"])


def _outcome(asked: Asked) -> list[Step]:
    """At most one ending counts, the first of the table that was asked for; what comes before it adds up."""
    for name, ending in _ENDINGS.items():
        if name in asked:
            return list(ending)
    if "oversized_frame" in asked:
        return [Issue(), SendGarbage(mebibytes=asked["oversized_frame"])]
    steps: list[Step] = []
    if "other_user" in asked:
        steps += [SendResult("other_user"), Pause(OTHER_RESULT_GAP_SECONDS)]
    if "other_invoice_first" in asked:
        steps += [SendResult("other_invoice"), Pause(OTHER_RESULT_GAP_SECONDS)]
    if "garbage" in asked:
        steps.append(SendGarbage())
    steps.append(Issue(as_draft="draft" in asked))
    if "result_late" in asked:
        steps.append(Pause(asked["result_late"]))
    steps.append(SendResult())
    if "result_twice" in asked:
        steps.append(SendResult())
    return steps
