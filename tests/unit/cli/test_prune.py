"""`prune`: what is forgotten, and that somebody meant it."""

import json
from datetime import timedelta

import pytest

from tests.unit.ops.fakes import FakeOperatorJournal
from worker.cli.records import age_of
from worker.cli.terminal import Stop
from worker.clock import SystemClock
from worker.records import Pruned

from .conftest import Run


def test_it_goes_on_until_a_round_forgets_nothing(run: Run, journal: FakeOperatorJournal) -> None:
    journal.prunings = [Pruned(commands=1000, invoices=1000), Pruned(commands=5, strays=1)]

    result = run("prune", "--older-than", "400d")

    assert result.exit_code == 0
    assert "      1005  commands with their events" in result.stdout.splitlines()
    assert "      1000  invoices" in result.stdout.splitlines()
    assert "         0  file addresses" in result.stdout.splitlines()
    assert [dry_run for _, dry_run in journal.pruned_before] == [False] * 3
    assert len({before for before, _ in journal.pruned_before}) == 1


def test_what_is_old_is_counted_from_now(run: Run, journal: FakeOperatorJournal) -> None:
    run("prune", "--older-than", "36h")

    [(before, _)] = journal.pruned_before
    assert timedelta(hours=36) <= SystemClock().now() - before < timedelta(hours=37)


def test_a_dry_run_only_counts(run: Run, journal: FakeOperatorJournal) -> None:
    journal.prunings = [Pruned(commands=3), Pruned(files=4)]

    result = run("prune", "--older-than", "400d", "--dry-run", "--json")

    assert json.loads(result.stdout) == {
        "dryRun": True,
        "forgotten": {"commands": 3, "payloads": 0, "invoices": 0, "items": 0, "files": 4, "strays": 0},
    }
    assert [dry_run for _, dry_run in journal.pruned_before] == [True]
    assert "Would be forgotten" in run("prune", "--older-than", "400d", "--dry-run").stdout


@pytest.mark.parametrize(
    "words", [[], ["--older-than", "400"], ["--older-than", "-1d"], ["--older-than", "1y"], ["--older-than", "999999d"]]
)
def test_without_an_age_nothing_is_forgotten(run: Run, journal: FakeOperatorJournal, words: list[str]) -> None:
    assert run("prune", *words).exit_code == 2
    assert journal.pruned_before == []


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("400d", timedelta(days=400)),
        ("36h", timedelta(hours=36)),
        ("90m", timedelta(minutes=90)),
        ("30s", timedelta(seconds=30)),
    ],
)
def test_an_age_has_a_unit(text: str, age: timedelta) -> None:
    assert age_of(text) == age


@pytest.mark.parametrize("text", ["", "d", "1.5d", "4 d", "９d", "1000000d"])
def test_anything_else_is_no_age(text: str) -> None:
    with pytest.raises(Stop, match="number with a unit"):
        age_of(text)
