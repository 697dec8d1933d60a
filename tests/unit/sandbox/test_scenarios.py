"""Scenarios are made of the one list of faults, arm all of them, and stand in the README."""

from pathlib import Path

import pytest

import worker.sandbox
from worker.sandbox.faults import FAULTS, FaultBook
from worker.sandbox.scenarios import SCENARIOS, begin


def test_every_scenario_is_made_of_faults_of_the_list_and_stands_in_the_readme() -> None:
    (folder,) = worker.sandbox.__path__
    readme = (Path(folder) / "README.md").read_text(encoding="utf-8")
    for name, scenario in SCENARIOS.items():
        assert scenario.faults.keys() <= FAULTS.keys()
        assert all(scenario.shows)
        assert f"`{name}`" in readme


def test_beginning_one_arms_all_its_faults_for_the_user() -> None:
    book = FaultBook()
    begin(book, "answer_lost_and_list_late", "u")
    assert book.take("u", "invoice") == {"dropped_after_issuing": 0.0, "listed_late": 20.0}
    begin(book, "gateway_away")
    assert [armed.times for armed in book] == [3]
    book.clear("handshake_401")
    assert len(list(book)) == 1
    book.clear("handshake_503")
    assert list(book) == []


def test_an_unknown_one_is_refused() -> None:
    with pytest.raises(ValueError, match="no scenario"):
        begin(FaultBook(), "nonsense")
