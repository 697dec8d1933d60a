"""The picture in the README is the transition table."""

import re
from pathlib import Path

from tests.unit.flows.diagrams import issue_diagram
from worker.flows.issue import TRANSITIONS, Phase
from worker.records import CommandState

README = Path(__file__).parents[3] / "worker" / "README.md"
BEGIN, END = "<!-- issue flow: begin -->\n", "<!-- issue flow: end -->\n"


def arrows() -> list[tuple[str, str, str]]:
    return re.findall(r"^    (\w+) --> (\w+): (.+)$", issue_diagram(), re.MULTILINE)


def test_readme_shows_the_flow_as_it_is() -> None:
    """After a change of the table, put the text of `issue_diagram()` between the markers."""
    shown = README.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]

    assert shown == f"```mermaid\n{issue_diagram()}```\n"


def test_every_phase_is_drawn_and_every_end_is_a_state_of_the_journal() -> None:
    starts = {start for start, _, _ in arrows()}
    ends = {end.removeprefix("journal_") for _, end, _ in arrows() if end.startswith("journal_")}

    assert starts == {phase.value for phase, _ in TRANSITIONS}
    assert starts == {phase.value for phase in Phase if phase is not Phase.ENDED}
    assert ends - {"as_it_stands"} <= {state.value for state in CommandState}


def test_every_way_to_submitted_records_first() -> None:
    ways = [told for _, end, told in arrows() if end == "submitted"]

    assert ways
    assert all("record, then submit" in told for told in ways)


def test_every_pair_of_the_table_is_drawn() -> None:
    """Each phase has at least as many labels as it has kinds of input."""
    labels = {phase: 0 for phase, _ in TRANSITIONS}
    for start, _, told in arrows():
        labels[Phase(start)] += len(re.sub(r"\(.*?\)|no credential, or", "", told).split(","))

    for phase, count in labels.items():
        assert count >= sum(1 for of, _ in TRANSITIONS if of is phase)
