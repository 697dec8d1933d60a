"""The mutants of `tests/model/mutants.py` can still be made: what they replace stands there, once."""

import pytest

from tests.model.mutants import MUTANTS, ROOT, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.fault)
def test_what_a_mutant_replaces_stands_there_once(mutant: Mutant) -> None:
    assert (ROOT / mutant.path).read_text("utf-8").count(mutant.was) == 1
    assert mutant.was != mutant.becomes
    assert all((ROOT / test).exists() for test in mutant.tests)


def test_each_row_has_its_mutant() -> None:
    assert [mutant.row for mutant in MUTANTS] == list(range(1, 14))
