"""How many examples a property test tries: fewer where `tests/run fast` or `near` asks for a quick answer."""

import os

IS_FAST = os.environ.get("TEST_HYPOTHESIS_PROFILE") == "fast"
MOST_WHEN_FAST = 20


def examples(count: int) -> int:
    """So many, or the few that a quick run tries."""
    return min(count, MOST_WHEN_FAST) if IS_FAST else count
