"""`dead list|replay`."""

import json
from dataclasses import replace

from .conftest import Run
from .fakes import FakeBroker, dead_letter


def test_dead_letters_are_listed_with_code_and_reason_but_never_with_their_body(run: Run, broker: FakeBroker) -> None:
    assert run("dead", "list").stdout == "The dead queue is empty.\n"
    broker.letters = [dead_letter(1), dead_letter(2, "malformed")]

    assert "malformed" in run("dead", "list").stdout
    told = json.loads(run("dead", "list", "--json", "--limit", "1").stdout)
    assert told == [
        {
            "code": "invalid", "reason": "/invoice is required", "type": "invoice.issue", "id": "cmd-1",
            "source": "erp", "routing_key": "invoice.issue", "size_bytes": 99,
        }
    ]  # fmt: skip


def test_names_that_are_no_text_are_listed_all_the_same(run: Run, broker: FakeBroker) -> None:
    """As JSON, too, which has no form for them."""
    broker.letters = [replace(dead_letter(1), id="c\udcff", routing_key="\udcb7")]
    broker.stuck = {1}

    assert json.loads(run("dead", "list", "--json").stdout)[0]["id"] == "c\ufffd"
    assert json.loads(run("dead", "replay", "--json").stdout)["left"][0]["id"] == "c\ufffd"


def test_they_are_sent_again_all_or_by_code(run: Run, broker: FakeBroker) -> None:
    broker.letters = [dead_letter(1), dead_letter(2, "malformed"), dead_letter(3)]

    assert run("dead", "replay", "--code", "invalid").stdout == "2 sent again.\n"
    assert broker.sent_again == [1, 3]
    assert json.loads(run("dead", "replay", "--json").stdout) == {"replayed": 3, "left": []}


def test_one_that_is_not_taken_is_named_and_those_behind_it_are_sent(run: Run, broker: FakeBroker) -> None:
    broker.letters = [dead_letter(1), dead_letter(2), dead_letter(3)]
    broker.stuck = {2}

    done = run("dead", "replay")

    assert (done.exit_code, broker.sent_again) == (1, [1, 3])
    assert "cmd-2 of erp: not as it is" in done.stderr


def test_the_price_of_looking_is_in_the_help(run: Run) -> None:
    assert "4.0 to 4.2" in run("dead", "list", "--help").stdout
