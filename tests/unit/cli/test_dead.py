"""`dead list|replay`."""

import json
from dataclasses import replace

import pytest

from .conftest import Run
from .fakes import FakeBroker, dead_letter


def test_dead_letters_are_listed_with_code_and_reason_but_never_with_their_body(run: Run, broker: FakeBroker) -> None:
    assert run("dead", "list").stdout == "The dead queue is empty.\n"
    broker.letters = [dead_letter(1), dead_letter(2, "malformed")]

    assert "malformed" in run("dead", "list").stdout
    told = json.loads(run("dead", "list", "--json", "--limit", "1").stdout)
    assert told == [
        {
            "letter": "letter-1", "code": "invalid", "reason": "/invoice is required", "type": "invoice.issue",
            "id": "cmd-1", "source": "erp", "routing_key": "invoice.issue", "size_bytes": 99,
        }
    ]  # fmt: skip


def test_names_that_are_no_text_are_listed_all_the_same(run: Run, broker: FakeBroker) -> None:
    """As JSON, too, which has no form for them."""
    broker.letters = [replace(dead_letter(1), id="c\udcff", routing_key="\udcb7")]
    broker.stuck = {1}

    assert json.loads(run("dead", "list", "--json").stdout)[0]["id"] == "c\ufffd"
    assert json.loads(run("dead", "replay", "--yes", "--json").stdout)["left"][0]["id"] == "c\ufffd"


def test_they_are_sent_again_all_or_by_code(run: Run, broker: FakeBroker) -> None:
    broker.letters = [dead_letter(1), dead_letter(2, "malformed"), dead_letter(3)]

    assert run("dead", "replay", "--code", "invalid").stdout == "2 sent again.\n"
    assert broker.sent_again == [1, 3]
    assert json.loads(run("dead", "replay", "--yes", "--json").stdout) == {"replayed": 3, "left": []}


@pytest.mark.parametrize("name", ["letter-2", "cmd-2"])
def test_one_is_sent_alone_by_its_name_or_its_id(run: Run, broker: FakeBroker, name: str) -> None:
    broker.letters = [dead_letter(1), dead_letter(2), dead_letter(3)]

    assert run("dead", "replay", name).stdout == "1 sent again.\n"
    assert broker.sent_again == [2]


def test_where_one_named_is_not_there_none_is_sent(run: Run, broker: FakeBroker) -> None:
    broker.letters = [dead_letter(1)]

    done = run("dead", "replay", "cmd-1", "cmd-9")

    assert (done.exit_code, broker.sent_again) == (2, [])
    assert "oldest 100 dead letters: cmd-9" in done.stderr


def test_without_a_selection_and_without_a_person_none_is_sent(run: Run, broker: FakeBroker) -> None:
    assert run("dead", "replay").stdout == "0 sent again.\n"
    broker.letters = [dead_letter(1), dead_letter(2)]

    done = run("dead", "replay")

    assert (done.exit_code, broker.sent_again) == (2, [])
    assert "2 dead letters would be sent again" in done.stderr
    assert "--yes" in done.stderr


def test_an_id_that_several_have_selects_none_alone(run: Run, broker: FakeBroker) -> None:
    broker.letters = [dead_letter(1), replace(dead_letter(2), id="cmd-1")]

    done = run("dead", "replay", "cmd-1")
    assert (done.exit_code, "letter-1, letter-2" in done.stderr) == (2, True)
    assert run("dead", "replay", "letter-2").exit_code == 0
    assert broker.sent_again == [2]
    assert run("dead", "replay", "cmd-1", "--yes").exit_code == 0
    assert broker.sent_again == [2, 1, 2]


@pytest.mark.parametrize(("answer", "code", "sent"), [(b"y\n", 0, [1, 2]), (b"n\n", 1, []), (b"\n", 1, [])])
def test_a_person_is_asked_and_told_how_many(
    run: Run, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch, answer: bytes, code: int, sent: list[int]
) -> None:
    monkeypatch.setattr("worker.cli.stuck.can_ask", lambda: True)
    broker.letters = [dead_letter(1), dead_letter(2)]

    done = run("dead", "replay", stdin=answer)

    assert (done.exit_code, broker.sent_again) == (code, sent)
    assert "Send 2 dead letters again?" in done.stderr


def test_one_that_is_not_taken_is_named_and_those_behind_it_are_sent(run: Run, broker: FakeBroker) -> None:
    broker.letters = [dead_letter(1), dead_letter(2), dead_letter(3)]
    broker.stuck = {2}

    done = run("dead", "replay", "--yes")

    assert (done.exit_code, broker.sent_again) == (1, [1, 3])
    assert "cmd-2 of erp: not as it is" in done.stderr


def test_the_price_of_looking_is_in_the_help(run: Run) -> None:
    assert "4.0 to 4.2" in run("dead", "list", "--help").stdout
