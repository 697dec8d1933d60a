"""What the commands are called, for whoever needs no more of them: their models take long to make."""

from enum import StrEnum


class CommandType(StrEnum):
    """The commands this version runs."""

    ISSUE = "invoice.issue"
    QUERY = "invoice.query"
    DOWNLOAD = "invoice.download"
    ITEMS = "invoice.items"
    FILES = "invoice.files"
    STORED = "invoice.stored"
    CHECK = "invoice.check"
    AUDIT = "invoice.audit"
