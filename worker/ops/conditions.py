"""What a worker lacks, and what its commands wait for, in the words that operators read in `/readyz` and in the
`status` of a command that waits. Knows nothing of how it is found out."""

from enum import StrEnum


class Missing(StrEnum):
    """Without it the worker is not ready."""

    CONSUMING = "the broker: not consuming"
    PUBLISHING = "the broker: not publishing"
    SPACE = "the journal is full"
    WRITES = "the journal takes nothing"
    LEASE = "no lease: the journal renews none"
    ANSWERS = "the journal does not answer"
    TIME = "draining"


class Wait(StrEnum):
    """The worker is ready, and commands wait for this all the same."""

    GATEWAY = "the gateway does not answer: what needs it waits, and a few lanes try"
    DETAILS = "the gateway's HTTP side does not answer: items and files wait, and a few lanes try"
    EVENTS = "no event goes out: nothing that needs the gateway is begun"
    PLACES = "all places are taken (FAPIAO_MAX_LANES): lanes wait for one"
