"""What is said of one code."""

from enum import StrEnum
from typing import NamedTuple


class Possible(StrEnum):
    """Whether an invoice may exist for the order that met this code."""

    NO = "no"
    """Nothing was submitted, or what was submitted is no invoice."""
    UNLIKELY = "unlikely"
    """It was submitted, and looks at the gateway found none."""
    FIRST = "first"
    """Perhaps one of an earlier command; none of this message."""
    OPEN = "open"
    """The code says nothing of it: the command's other events do."""


class Again(StrEnum):
    """Whether the same order may be sent again, and how."""

    SAME_ID = "same_id"
    """Yes, later, under the same id."""
    NEW_ID = "new_id"
    """Yes, as it is, under a new id."""
    CHANGED = "changed"
    """Once the fault is mended, under a new id."""
    AFTER_CHECK = "after_check"
    """Only after somebody has looked at the tax bureau; under a new id."""
    NO = "no"
    """No: an earlier command has this order."""
    NEEDLESS = "needless"
    """The command goes on: there is nothing to send."""


class Words(NamedTuple):
    """For people, in one language."""

    happened: str
    action: str
    """What the one who sent the command does now."""
    customer: str | None
    """What a customer who waits for the invoice may be told; None where it is none of their business."""


class Entry(NamedTuple):
    """One code."""

    invoice: Possible
    again: Again
    en: Words
    zh: Words

    def words(self, language: str) -> Words:
        """In Chinese for `zh-CN`, in English for any other."""
        return self.zh if language == "zh-CN" else self.en
