"""Where a command stands, as the journal has it on disk."""

from enum import StrEnum


class CommandState(StrEnum):
    """Where a command stands, as the journal has it on disk."""

    WAITING = "waiting"
    """Journaled; its lane will run it when it is the oldest and due."""
    HELD = "held"
    """Could not be told from a command of its lane that is in doubt; waits until that one is settled."""
    FOLLOWING = "following"
    """Names an `orderNo` that an earlier command has: gets that one's events, or takes the number when it is free."""
    RUNNING = "running"
    """Taken by a lane; nothing irreversible has happened, so a crash sends it back to waiting."""
    SUBMITTING = "submitting"
    """`invoice_info` was sent or was about to be. No transition leads back."""
    SCANNING = "scanning"
    """Submitted, and a QR was shown."""
    CHECKING = "checking"
    """Submitted and refused, which is no proof: the issued invoices are looked through before it is reported."""
    IN_DOUBT = "in_doubt"
    """Submitted, and nobody knows what became of it. Its lane goes on."""
    COMPLETED = "completed"
    FAILED = "failed"
    REJECTED = "rejected"


ACTIVE = frozenset({CommandState.RUNNING, CommandState.SUBMITTING, CommandState.SCANNING})
"""At most one command of a lane is in these: a unique index says so."""
SUBMITTED = frozenset({CommandState.SUBMITTING, CommandState.SCANNING})
PROGRESSING = frozenset({CommandState.RUNNING, CommandState.WAITING})
"""Where a command that has made progress goes on, or will."""
UNSETTLED = frozenset({CommandState.CHECKING, CommandState.IN_DOUBT})
"""Submitted, and left to evidence: a command that could not be told from one of these is held."""
MAY_HAVE_INVOICE = SUBMITTED | UNSETTLED | {CommandState.COMPLETED}
"""Where an issue stands that may have an invoice: without a number it could claim any that fits it."""
NOT_SUBMITTED = frozenset({CommandState.WAITING, CommandState.HELD, CommandState.FOLLOWING, CommandState.RUNNING})
"""Where nothing irreversible has happened, so that a person may still stop it."""
FINAL = frozenset({CommandState.COMPLETED, CommandState.FAILED, CommandState.REJECTED})
