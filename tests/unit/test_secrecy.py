"""Secrets are known while somebody holds them, and no longer."""

import gc
import random
import string
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from worker import secrecy
from worker.ops.redaction import REDACTED, Redactor


class Holder:
    """Anything that lives for a while."""


def test_a_secret_is_masked_in_any_text_while_its_holder_lives() -> None:
    holder = Holder()
    secrecy.guard(holder, ["zebra-crossing-9"])

    assert Redactor().text("it said zebra-crossing-9!") == f"it said {REDACTED}!"
    assert Redactor().value("command_id", "zebra-crossing-9") == REDACTED
    assert Redactor().value("found", [{"note": ("a zebra-crossing-9",)}]) == [{"note": [f"a {REDACTED}"]}]

    del holder
    gc.collect()
    assert Redactor().text("it said zebra-crossing-9!") == "it said zebra-crossing-9!"
    assert "zebr" not in secrecy._by_head


def test_the_last_of_several_holders_counts() -> None:
    one, other = Holder(), Holder()
    secrecy.guard(one, ["zebra-crossing-9"])
    secrecy.guard(other, ["zebra-crossing-9"])

    del one
    assert secrecy.found_in("zebra-crossing-9") == ["zebra-crossing-9"]
    del other
    assert secrecy.found_in("zebra-crossing-9") == []


def test_one_secret_inside_another_leaves_no_rest() -> None:
    holder = Holder()
    secrecy.guard(holder, ["zebra-crossing", "zebra-crossing-9"])

    assert Redactor().text("zebra-crossing-9 zebra-crossing") == f"{REDACTED} {REDACTED}"


def test_words_that_are_too_short_to_tell_anything_are_left_alone() -> None:
    holder = Holder()
    secrecy.guard(holder, ["state"])

    assert Redactor().text("the state is running") == "the state is running"


def test_a_holder_may_go_while_somebody_looks() -> None:
    """As in another thread: a line of the log broke, and with it the journal's thread, which ended for good."""
    holders = [Holder() for _ in range(20)]
    for number, holder in enumerate(holders):
        secrecy.guard(holder, [f"{number:04}-zebra-crossing", "9999-crossing", f"9999-crossing-{number}"])

    class Text(str):
        """Loses a holder at each look."""

        __slots__ = ()

        @override
        def __contains__(self, part: object) -> bool:
            del holders[:1]
            return super().__contains__(part)  # type: ignore[operator]

        @override
        def startswith(self, *given: Any) -> bool:
            del holders[:1]
            return super().startswith(*given)

    assert secrecy.found_in(Text("nothing of it is in here")) == []
    holders[:] = [Holder() for _ in range(20)]
    for number, holder in enumerate(holders):
        secrecy.guard(holder, [f"9999-crossing-{number:02}"])
    assert secrecy.found_in(Text("9999-crossing-07")) == ["9999-crossing-07"]
    del holder
    assert secrecy._by_head.keys().isdisjoint({"9999", "0000"})


@given(st.text(min_size=6, max_size=30), st.text(max_size=40), st.text(max_size=40))
def test_a_secret_is_found_wherever_it_stands(secret: str, before: str, after: str) -> None:
    holder = Holder()
    secrecy.guard(holder, [secret])

    assert secret in secrecy.found_in(before + secret + after)
    assert secret not in Redactor().text(before + secret + after) or secret in REDACTED


def test_a_thousand_secrets_are_told_apart() -> None:
    rolls = random.Random(7)
    secrets = ["".join(rolls.choices(string.ascii_letters, k=12)) for _ in range(1000)]
    holder = Holder()
    secrecy.guard(holder, secrets)

    assert secrecy.found_in(f"x{secrets[500]}y") == [secrets[500]]
    assert secrecy.found_in("x" * 200) == []
