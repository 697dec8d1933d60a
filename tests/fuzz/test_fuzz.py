"""The doors that strangers reach hold, for the committed corpus, for any bytes, and under a coverage-guided fuzzer."""

import importlib.util
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(__file__).parent / "corpus"
RUNS = 3000
"""Inputs that the fuzzer tries of each target here; by hand it may run for hours."""
HAS_FUZZER = sys.platform == "linux" and platform.machine() == "x86_64" and sys.version_info < (3, 14)
"""Where the lock file has atheris."""


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_of_the_corpus_is_survived(name: str) -> None:
    inputs = sorted((CORPUS / name).iterdir())

    for file in inputs:
        TARGETS[name](file.read_bytes())

    assert len(inputs) >= 4


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_bytes_are_survived(name: str, data: st.DataObject) -> None:
    seeds = sorted((CORPUS / name).iterdir())
    seed = data.draw(st.sampled_from(seeds)).read_bytes()
    at = data.draw(st.integers(0, len(seed)))
    TARGETS[name](seed[:at] + data.draw(st.binary(max_size=40)) + seed[at + data.draw(st.integers(0, 8)) :])


@pytest.mark.parametrize("name", TARGETS)
def test_the_coverage_guided_fuzzer_finds_nothing(name: str, tmp_path: Path) -> None:
    """So many inputs, seeded by the corpus, always the same ones. `tests/README.md` says how to let it run longer."""
    assert (importlib.util.find_spec("atheris") is not None) is HAS_FUZZER
    if not HAS_FUZZER:
        return  # the two tests above are what there is on such a machine
    command = [sys.executable, "-m", "tests.fuzz.fuzz", name, f"-runs={RUNS}", "-seed=1"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"FUZZ_FOUND": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = re.search(rf"#{RUNS}\s+DONE.*?cov: (\d+)", done.stderr)
    assert told is not None, done.stderr[-3000:]
    assert int(told[1]) > 10
