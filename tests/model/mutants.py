"""Each fault that evidence once had, put back in: a test must see it. `python -m tests.model.mutants [row …]`.

A row of the table of what broke "never guessed" has a mutant each; `TESTS` of it fail while the mutant lives. The table
is in `tests/README.md`; `tests/unit/test_mutants.py` holds that what is replaced stands there, once.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
KEPT: Final = ("worker", "contracts", "tests", "deploy", "pyproject.toml", "README.md", "CHANGELOG.md")
FAST: Final = {**os.environ, "TEST_HYPOTHESIS_PROFILE": "fast", "TEST_MODEL_EXAMPLES": "40"}
EVIDENCE: Final = "worker/flows/evidence"
UNIT: Final = "tests/unit"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One line of the worker that is another, and who sees it."""

    row: int
    """Of the table in `tests/README.md`."""
    fault: str
    path: str
    was: str
    becomes: str
    tests: tuple[str, ...]


MUTANTS: Final = (
    Mutant(
        1,
        "a look counts for who was not due",
        f"{EVIDENCE}/endings.py",
        "    if command.sought_at is not None and command.sought_at > now:\n        return\n    if subject.is_issued:",
        "    if subject.is_issued:",
        (f"{UNIT}/lanes/runs/test_busy_lane.py", f"{UNIT}/flows/evidence/test_endings.py"),
    ),
    Mutant(
        2,
        "a text that is written otherwise is no evidence",
        "worker/texts.py",
        "    return _closely(ours, theirs) if theirs.is_told else Likeness.UNTOLD",
        "    return Likeness.DIFFERENT",
        (f"{UNIT}/flows/evidence/test_members.py",),
    ),
    Mutant(
        3,
        "a result that was laid aside is forgotten when absence is told",
        f"{EVIDENCE}/endings.py",
        "isinstance(verdict, Several) or case.strays or case.reading",
        "isinstance(verdict, Several) or case.reading",
        (f"{UNIT}/flows/evidence/test_endings.py",),
    ),
    Mutant(
        4,
        "an echo that does not tell all is taken for this one's",
        f"{EVIDENCE}/replies.py",
        "    return bool(telling) and (is_all_told or not telling.isdisjoint(theirs.contradictions))",
        "    return True",
        (f"{UNIT}/flows/evidence/test_replies.py",),
    ),
    Mutant(
        5,
        "the seller's registered name contradicts",
        f"{EVIDENCE}/replies.py",
        '_DESCRIBING: Final = frozenset({"sellerName"})',
        "_DESCRIBING: Final = frozenset[str]()",
        (f"{UNIT}/flows/evidence/test_rewritings.py",),
    ),
    Mutant(
        6,
        "a dead invoice is adopted",
        f"{EVIDENCE}/endings.py",
        "        if subject.is_issued or counts(status):",
        "        if subject is not None:",
        (f"{UNIT}/flows/evidence/test_endings.py",),
    ),
    Mutant(
        7,
        "rivals are read seller by seller",
        "worker/lanes/runs/evidence.py",
        "if probes is None\n",
        "if seller\n",
        (f"{UNIT}/lanes/runs/test_rivals.py",),
    ),
    Mutant(
        8,
        "every invoice is compared with every submission",
        f"{EVIDENCE}/claims.py",
        "for listed in index.likely(alike[0].order):",
        "for listed in claims.free.values():",
        (f"{UNIT}/flows/evidence/test_verdicts_pieces.py",),
    ),
    Mutant(
        9,
        "a doubt of long ago turns refusals into doubts",
        "worker/lanes/runs/late_replies.py",
        "each.state is CommandState.IN_DOUBT and (each.submitted_at or each.received_at) >= since",
        "each.state is CommandState.IN_DOUBT",
        (f"{UNIT}/lanes/runs/test_late_replies_idle.py",),
    ),
    Mutant(
        10,
        "the reason that the gateway gives is lost",
        "worker/gateway/refusals.py",
        "    message, code = _said(data)\n    if message is not None and _may_be_issued(message):",
        "    message, code = None, None\n    if message is not None and _may_be_issued(message):",
        (f"{UNIT}/gateway/test_refusals.py",),
    ),
    Mutant(
        11,
        "a date without an offset is Beijing's and nothing else",
        "worker/gateway/dates.py",
        "    latest = moment if is_exact else moment.replace(tzinfo=_UTC).astimezone(BEIJING)",
        "    latest = moment",
        (f"{UNIT}/gateway/test_dates.py",),
    ),
    Mutant(
        12,
        "a late result before the first submission settles nothing",
        "worker/lanes/runs/issue.py",
        "            if not await self._late.settle(shown):\n                await self._late.keep(shown)",
        "            await self._late.keep(shown)",
        (f"{UNIT}/lanes/runs/test_late_replies_idle.py",),
    ),
    Mutant(
        13,
        "a vendor's member is misspelt",
        "worker/gateway/rows.py",
        '        note=told.get("note"),',
        '        note=told.get("remark"),',
        (f"{UNIT}/gateway/test_rows.py",),
    ),
)


def survives(mutant: Mutant) -> bool:
    """Whether its tests pass all the same, in a copy of what they need."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in KEPT:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy / name)
        target = copy / mutant.path
        target.write_text(target.read_text("utf-8").replace(mutant.was, mutant.becomes), "utf-8")
        call = [sys.executable, "-m", "pytest", *mutant.tests, "-q", "-x", "-n", "0", "-p", "no:cacheprovider"]
        run = subprocess.run(call, cwd=copy, env={**FAST, "PYTHONPATH": folder}, capture_output=True, check=False)
        if run.returncode not in {0, 1}:
            raise RuntimeError(run.stdout.decode()[-2000:])
        return run.returncode == 0


def main(rows: list[str]) -> int:
    """A line for each; 1 where one survives."""
    survivors = 0
    for mutant in MUTANTS:
        if rows and str(mutant.row) not in rows:
            continue
        is_alive = survives(mutant)
        survivors += is_alive
        print(f"{mutant.row:2} {'SURVIVES' if is_alive else 'seen'}: {mutant.fault}", flush=True)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
