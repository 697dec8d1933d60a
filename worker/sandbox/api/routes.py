"""What a route of the control API is: its path, what it does, what it takes.

Pure. One table answers calls and writes the OpenAPI document, so the two cannot differ: a parameter that is not in the
document is refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from worker.sandbox.calls import Call
from worker.sandbox.house import House

Kind = Literal["string", "integer", "number"]
Values = Mapping[str, Any]
"""Parameters by name, each of its kind, defaults filled in; what was not given and has none is None."""
Do = Callable[[House, Values, Call], Any]
"""Answers JSON, an `Answer` or a `Stream`, at once or when awaited. Raises `ValueError` with a sentence."""
_READ: Final[Mapping[Kind, Callable[[str], Any]]] = {"string": str, "integer": int, "number": float}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that a route takes, in the query or in a form."""

    name: str
    meaning: str
    kind: Kind = "string"
    default: Any = None
    needed: bool = False
    least: float | None = None
    most: float | None = None

    def read(self, text: str | None) -> Any:
        """The value that was given. Raises `ValueError` with a sentence that does not repeat it."""
        if text is None or (not text and self.kind != "string"):
            if self.needed:
                raise ValueError(f"{self.name} is missing")
            return self.default
        try:
            value = _READ[self.kind](text)
        except ValueError:
            raise ValueError(f"{self.name} is no {self.kind}") from None
        # Written so that NaN, of which every comparison is false, is refused too.
        if self.least is not None and not value >= self.least:
            raise ValueError(f"{self.name} must be {self.least:g} or more")
        if self.most is not None and not value <= self.most:
            raise ValueError(f"{self.name} must be {self.most:g} or less")
        return value


@dataclass(frozen=True, slots=True)
class ControlRoute:
    """One address under `/_sandbox/`. One that `changes` something takes POST alone."""

    path: str
    summary: str
    do: Do
    takes: tuple[Parameter, ...] = ()
    changes: bool = False
    body: str = ""
    """What the JSON of a body says, where there may be one."""
    content: str = "application/json"
    answers: Mapping[str, Any] = field(default_factory=dict)
    """The JSON schema of its answer; empty: any."""
    also: Mapping[int, str] = field(default_factory=dict)
    """Other statuses than 200, 400 and 403, and what each means."""

    def read(self, call: Call) -> Values:
        """The call's parameters. Raises `ValueError` with a sentence for what it does not take."""
        asked, known = call.asked, {parameter.name for parameter in self.takes}
        for name in asked:
            if name not in known:
                raise ValueError(f"this address takes {', '.join(sorted(known)) or 'no parameters'}")
        return {parameter.name: parameter.read(asked.get(parameter.name)) for parameter in self.takes}


class ControlRoutes:
    """The routes of a module, each beside the function that answers it."""

    def __init__(self, *, changes: bool) -> None:
        self._changes = changes
        self.found: list[ControlRoute] = []

    def route(self, path: str, summary: str, *takes: Parameter, **more: Any) -> Callable[[Do], Do]:
        """Put it above the function; `more` is of `ControlRoute`."""

        def enter(do: Do) -> Do:
            self.found.append(ControlRoute(path, summary, do, takes, self._changes, **more))
            return do

        return enter


USER: Final = Parameter("userId", "only this `userId`")
LIMIT: Final = Parameter("limit", "the newest so many", "integer", 1000, least=1, most=10_000)
