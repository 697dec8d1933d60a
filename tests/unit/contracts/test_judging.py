"""What a verdict leaves behind: nothing of a message that is no good."""

import gc
import weakref
from typing import Any

import pytest

from contracts.commands import CommandType
from contracts.judging import judge
from contracts.limits import InvoiceLimits


class Data(dict[str, Any]):
    """A message's data, whose end can be seen."""


@pytest.mark.parametrize("faults", [{}, {"invoice": 1}, {"invoice": {"buyerName": 1}, "userId": None, "odd": 1}])
def test_a_message_that_was_judged_is_let_go(faults: dict[str, Any]) -> None:
    """A validation error is held by no collector of cycles, so none may be kept by a frame that it holds itself."""
    data = Data(userId="u", **faults) if "userId" not in faults else Data(faults)
    end = weakref.ref(data)
    verdict = judge(CommandType.ISSUE, data, InvoiceLimits())
    assert verdict.errors
    del data, verdict
    gc.collect()
    assert end() is None
