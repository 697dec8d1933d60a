"""The vendor writes it another way: what is echoed, listed or served is changed before it is told.

Pure. A change names a member, an operation and its arguments; `REWRITINGS` names the usual ones, and a `Behaviour`
holds any, together with what is said instead of the usual answers. What the books hold stays as it was ordered.
"""

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

Told = dict[str, Any]
Part = Literal["echo", "listed"]
_ECHOED_NOTE: Final = "remark"
_LISTED_NOTE: Final = "note"
_LAST_OF_BMP: Final = "\uffff"


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One member written another way. `member` is the answer's own word for it."""

    member: str
    operation: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Saying:
    """A frame that is sent, so many seconds after the one before."""

    seconds: float
    type_word: str
    data: Any


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the vendor behaves towards one `userId`, until it is told otherwise."""

    result: tuple[Rewrite, ...] = ()
    """Of what `invoice_pdf` echoes."""
    row: tuple[Rewrite, ...] = ()
    """Of what `query_invoice` lists."""
    files: tuple[Rewrite, ...] = ()
    """Of the rows of the file look-up."""
    frames: tuple[Saying, ...] | None = None
    """Instead of all that usually follows an order; empty is silence."""
    is_issued: bool = False
    """Whether an invoice exists in spite of `frames`."""
    logins: tuple[Any, ...] = ()
    """What logins are answered with, in order; then as usual."""

    @classmethod
    def read(cls, given: Any) -> "Behaviour":
        """From JSON: {"result": [[member, operation, argument…], …], "row", "files", "answer": {"frames": [[seconds,
        type, data], …], "issued"}, "logins": […]}. Raises `ValueError` for what makes no sense."""
        if not isinstance(given, Mapping) or not given.keys() <= {"result", "row", "files", "answer", "logins"}:
            raise ValueError("a behaviour has result, row, files, answer and logins")
        answer = given.get("answer", {})
        try:
            frames = answer.get("frames")
            return cls(
                result=_changes(given.get("result", ())),
                row=_changes(given.get("row", ())),
                files=_changes(given.get("files", ())),
                frames=None if frames is None else tuple(Saying(float(s), str(t), data) for s, t, data in frames),
                is_issued=bool(answer.get("issued", False)),
                logins=tuple(given.get("logins", ())),
            )
        except (AttributeError, TypeError) as problem:
            raise ValueError("a behaviour has lists of changes, frames and logins") from problem


USUAL: Final = Behaviour()


class Behaviours:
    """How the vendor behaves towards whom."""

    def __init__(self) -> None:
        self._of: dict[str, Behaviour] = {}

    def set(self, user_id: str, behaviour: Behaviour) -> None:
        """Towards this user from now on, until `clear`."""
        self._of[user_id] = behaviour

    def of(self, user_id: str) -> Behaviour:
        """Towards this user now."""
        return self._of.get(user_id, USUAL)

    def take_login(self, user_id: str) -> tuple[Any] | None:
        """What this login is answered with, in a tuple; None: as usual."""
        behaviour = self.of(user_id)
        if not behaviour.logins:
            return None
        self._of[user_id] = replace(behaviour, logins=behaviour.logins[1:])
        return (behaviour.logins[0],)

    def clear(self) -> None:
        self._of.clear()


def altered(told: Told, changes: Sequence[Rewrite], at: datetime) -> Told:
    """The same with the changes made, one after the other; `at` is the moment that dates are made of."""
    for change in changes:
        if change.operation == "drop":
            told = {name: value for name, value in told.items() if name != change.member}
        elif change.member in told or change.operation in _MAKES_ITS_OWN:
            operation = OPERATIONS[change.operation]
            told = {**told, change.member: operation(told.get(change.member), at, *change.arguments)}
    return told


def asked_changes(asked: Mapping[str, float], part: Part) -> Iterator[Rewrite]:
    """Of the rewritings of `REWRITINGS` that were asked for as `<part>_<name>`."""
    for name, rewriting in REWRITINGS.items():
        if f"{part}_{name}" in asked:
            for change in rewriting.changes:
                is_note = part == "listed" and change.member == _ECHOED_NOTE
                yield replace(change, member=_LISTED_NOTE) if is_note else change


def _changes(given: Any) -> tuple[Rewrite, ...]:
    changes = tuple(Rewrite(str(member), str(operation), tuple(rest)) for member, operation, *rest in given)
    unknown = {change.operation for change in changes} - {*OPERATIONS, "drop"}
    if unknown:
        raise ValueError(f"there is no operation called {min(unknown)}")
    return changes


def _on_text(operation: Callable[..., str]) -> Callable[..., Any]:
    """What is no text is left as it is."""
    return lambda value, _at, *arguments: operation(value, *arguments) if isinstance(value, str) else value


def _unspaced(text: str) -> str:
    return "".join(text.split())


def _masked(text: str) -> str:
    """The middle as asterisks, as people's ids are shown."""
    shown = max(1, len(text) // 4)
    return text if len(text) < 3 else text[:shown] + "*" * (len(text) - 2 * shown) + text[-shown:]


def _before_astral(text: str) -> str:
    return next((text[:place] for place, each in enumerate(text) if each > _LAST_OF_BMP), text)


def _time(_value: Any, at: datetime, form: str, hours: float = 0) -> str:
    return (at + timedelta(hours=hours)).strftime(form)


def _array(_value: Any, at: datetime, nanoseconds: int | None = None) -> list[int]:
    """As Java's LocalDateTime is written where nobody asked for anything better."""
    moment = [at.year, at.month, at.day, at.hour, at.minute, at.second]
    return moment if nanoseconds is None else [*moment, nanoseconds]


OPERATIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "append": _on_text(lambda text, more: text + more),
    "prepend": _on_text(lambda text, more: more + text),
    "set": lambda _value, _at, given: given,
    "replace": _on_text(lambda text, old, new: text.replace(old, new)),
    "cut": _on_text(lambda text, length: text[: int(length)]),
    "html": _on_text(html.escape),
    "upper": _on_text(str.upper),
    "unspaced": _on_text(_unspaced),
    "asterisks": _on_text(_masked),
    "bmp": _on_text(lambda text, other: "".join(other if each > _LAST_OF_BMP else each for each in text)),
    "utf8mb3": _on_text(_before_astral),
    "time": _time,
    "now_array": _array,
}
"""By name; each takes the value, the moment the invoice was issued, and its arguments. `drop` stands beside them."""
_MAKES_ITS_OWN: Final = frozenset({"set", "time", "now_array"})
"""These do not need the member to be there."""


@dataclass(frozen=True, slots=True)
class Rewriting:
    """A usual way in which gateways and bureaus write something else than was sent."""

    effect: str
    changes: tuple[Rewrite, ...]
    parts: tuple[Part, ...] = ("echo", "listed")
    """Where it can be asked for."""


REWRITINGS: Final[Mapping[str, Rewriting]] = {
    "suffixed": Rewriting("（个人） stands behind the buyer's name", (Rewrite("buyerName", "append", ("（个人）",)),)),
    "escaped": Rewriting(
        "`&` and the like are HTML entities in names and remark",
        tuple(Rewrite(member, "html") for member in ("buyerName", "sellerName", "remark")),
    ),
    "unspaced": Rewriting(
        "blanks and line feeds are gone from name and remark",
        (Rewrite("buyerName", "unspaced"), Rewrite("remark", "unspaced")),
    ),
    "lines_as_br": Rewriting("line feeds of the remark are `<br/>`", (Rewrite("remark", "replace", ("\n", "<br/>")),)),
    "upper": Rewriting("names are in capitals", (Rewrite("buyerName", "upper"), Rewrite("sellerName", "upper"))),
    "question_marks": Rewriting(
        "characters beyond the BMP are `?`", (Rewrite("buyerName", "bmp", ("?",)), Rewrite("remark", "bmp", ("?",)))
    ),
    "cut_at_rare": Rewriting(
        "name and remark end before the first character beyond the BMP",
        (Rewrite("buyerName", "utf8mb3"), Rewrite("remark", "utf8mb3")),
    ),
    "remark_cut": Rewriting("the remark ends after 20 characters", (Rewrite("remark", "cut", (20,)),)),
    "payee_printed": Rewriting(
        "收款人 and 复核人 stand behind the remark", (Rewrite("remark", "append", ("\n收款人:李四 复核人:王五",)),)
    ),
    "buyer_renamed": Rewriting(
        "the buyer has another, registered name", (Rewrite("buyerName", "set", ("登记名称有限责任公司",)),)
    ),
    "seller_renamed": Rewriting(
        "the seller has another, registered name", (Rewrite("sellerName", "set", ("登记名称（杭州）有限公司",)),)
    ),
    "masked": Rewriting(
        "the buyer's tax id is masked",
        (Rewrite("buyerIndentification", "asterisks"), Rewrite("buyerIdentificationNumber", "asterisks")),
    ),
    "url_spaced": Rewriting(
        "the URL has a space and Chinese in it",
        (Rewrite("invoiceUrl", "append", ("?name=示例公司 电子发票（普通发票）",)),),
        ("echo",),
    ),
    "red": Rewriting("the status is 已红冲-全额", (Rewrite("invoiceStatus", "set", ("已红冲-全额",)),), ("listed",)),
    "dead": Rewriting("the status is 已作废", (Rewrite("invoiceStatus", "set", ("已作废",)),), ("listed",)),
    "without_total": Rewriting(
        "the total is null, amount and tax are there",
        (Rewrite("totalPriceAndTax", "set", (None,)),),
        ("listed",),
    ),
    "in_utc": Rewriting(
        "the date is UTC's and says no offset",
        (Rewrite("invoiceDate", "time", ("%Y-%m-%d %H:%M:%S", -8)),),
        ("listed",),
    ),
}
"""Asked for in an order as `echo_<name>` (what `invoice_pdf` says) and `listed_<name>` (what queries list)."""
REWRITTEN: Final[Mapping[Part, str]] = {"echo": "in the result", "listed": "in lists"}
