"""However many are sought and listed: few comparisons, and few between two pauses. What they cost in time is in
`tests/benchmarks/verdicts.py`."""

from typing import Any

import pytest

from tests.benchmarks.verdicts import CASES, SKEW, listed, sent
from worker.flows.evidence import claims, members
from worker.flows.evidence.verdicts import judge


def pieces(case: str, count: int, rows: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many comparisons were made before each pause."""
    made = [0]
    compare = members.compare

    def counted(*given: Any) -> Any:
        made[-1] += 1
        return compare(*given)

    monkeypatch.setattr(claims, "compare", counted)
    state, price, remark, note = CASES[case]
    subjects = [sent(key, state, price(key), remark(key)) for key in range(1, count + 1)]
    invoices = [listed(number, price(number), note(number)) for number in range(1, rows + 1)]
    made.extend(0 for _ in judge(subjects, invoices, (), SKEW))
    return made


@pytest.mark.parametrize("case", CASES)
def test_no_piece_makes_many_comparisons(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert max(pieces(case, 60, 600, monkeypatch)) <= claims.BREATH


@pytest.mark.parametrize("case", ["totals differ", "one total, no remark", "one total, remarks differ"])
def test_what_an_index_tells_apart_is_not_compared(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Subjects times rows would be a hundred thousand."""
    assert sum(pieces(case, 100, 1000, monkeypatch)) <= 2000
