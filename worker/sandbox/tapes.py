"""Each order as it went: what came in, what was told at which second, how it ended.

Pure. Guaranteed: a tape tells no password, and tapes do not grow without bound. What they hold is masked only when it
is read, so a page that nobody looks at costs nothing.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from worker.sandbox.masking import masked_members

_KEPT: Final = 500
_MOST_FRAMES: Final = 100


@dataclass(frozen=True, slots=True)
class Taped:
    """A frame to the client, or a step beside the frames (`type_word` is empty), seconds after the order came."""

    seconds: float
    type_word: str
    data: Any = field(repr=False)


@dataclass(slots=True)
class Tape:
    """One order. `number` is its place in the ledger; `state` is how far it is, in the words of the feed."""

    number: int
    at: str
    user_id: str
    given: Mapping[str, Any] = field(repr=False)
    """The order as it came."""
    began: float = 0.0
    passed: list[Taped] = field(default_factory=list, repr=False)
    state: str = "order.received"
    is_over: bool = False
    invoice: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """For whoever shows a text of it."""

    @property
    def remark(self) -> str:
        return str(self.given.get("remark", ""))

    @property
    def order(self) -> dict[str, Any]:
        """The order without its password."""
        return dict(masked_members(self.given))

    @property
    def frames(self) -> list[Taped]:
        """What was told, without passwords."""
        return [replace(taped, data=masked_members(taped.data)) for taped in self.passed]

    def tell(self, moment: float, type_word: str, data: Any) -> None:
        """Put a frame on it that goes out now."""
        if len(self.passed) < _MOST_FRAMES:
            self.passed.append(Taped(round(moment - self.began, 2), type_word, data))


class Tapes:
    """The tapes of the last 500 orders."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Tape] = OrderedDict()

    def begin(  # noqa: PLR0913, PLR0917  what is known of an order when it comes
        self, number: int, at: str, user_id: str, order: Any, began: float, secrets: Iterable[str] = ()
    ) -> Tape:
        """Start a tape. `order` may be anything a client sends."""
        given = order if isinstance(order, dict) else {}
        tape = self._kept[number] = Tape(number, at, user_id, given, began, secrets=tuple(secrets))
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return tape

    def of(self, number: int) -> Tape:
        """The tape of this order. Raises `KeyError` if it is not kept."""
        return self._kept[number]

    def clear(self) -> None:
        self._kept.clear()

    def __iter__(self) -> Iterator[Tape]:
        """Newest first."""
        return iter(tuple(reversed(self._kept.values())))
