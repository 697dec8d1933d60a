"""`replies list|resend|discard`."""

import json

import pytest

from tests.unit.ops.fakes import FakeOperatorJournal, undeliverable

from .conftest import Run


def test_they_are_listed_with_their_numbers(run: Run, journal: FakeOperatorJournal) -> None:
    assert run("replies", "list").stdout == "No undeliverable replies.\n"
    journal.set_aside = [undeliverable(5)]

    assert "answers" in run("replies", "list").stdout
    assert json.loads(run("replies", "list", "--json").stdout)[0]["number"] == 5


@pytest.mark.parametrize(("verb", "word"), [("resend", "resent"), ("discard", "discarded")])
def test_some_or_all_are_dealt_with(run: Run, journal: FakeOperatorJournal, verb: str, word: str) -> None:
    journal.set_aside = [undeliverable(5), undeliverable(6), undeliverable(7)]

    assert run("replies", verb, "6").stdout == f"1 {word}\n"
    assert [reply.seq for reply in journal.set_aside] == [5, 7]
    assert json.loads(run("replies", verb, "--all", "--json").stdout) == {word: 2}
    assert journal.set_aside == []


@pytest.mark.parametrize("words", [[], ["5", "--all"]])
def test_which_ones_must_be_said(run: Run, journal: FakeOperatorJournal, words: list[str]) -> None:
    journal.set_aside = [undeliverable(5)]

    result = run("replies", "discard", *words)

    assert result.exit_code == 2
    assert "--all" in result.stderr
    assert len(journal.set_aside) == 1


@pytest.mark.parametrize("verb", ["resend", "discard"])
def test_a_number_that_is_not_there_is_told(run: Run, journal: FakeOperatorJournal, verb: str) -> None:
    journal.set_aside = [undeliverable(5)]

    result = run("replies", verb, "5", "6")

    assert result.exit_code == 1
    assert result.stdout.startswith("1 ")
    assert "replies list" in result.stderr
