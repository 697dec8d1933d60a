"""What `doctor` finds: a verdict on one matter, with the fix. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """The worker runs, but somebody should look."""
    FAIL = "FAIL"
    """The worker cannot do its work."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One line of `doctor`."""

    subject: str
    verdict: Grade
    says: str
    fix: str = ""


def ok(subject: str, says: str) -> Diagnosis:
    """All is well."""
    return Diagnosis(subject, Grade.OK, says)


def warn(subject: str, says: str, fix: str = "") -> Diagnosis:
    """Somebody should look."""
    return Diagnosis(subject, Grade.WARN, says, fix)


def fail(subject: str, says: str, fix: str) -> Diagnosis:
    """The worker cannot do its work; `fix` says what to change."""
    return Diagnosis(subject, Grade.FAIL, says, fix)
