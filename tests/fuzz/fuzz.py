"""Coverage-guided fuzzing with atheris, for as long as asked:

    .venv/bin/python -m tests.fuzz.fuzz admission -max_total_time=600

What comes after the target is libFuzzer's own. New inputs go to a folder of its own (`FUZZ_FOUND`, otherwise a
temporary one); the committed corpus is only read. An input that breaks a target is written to the folder too, and the
exit code says so.
"""

import os
import sys
import tempfile
from pathlib import Path

import atheris

CORPUS = Path(__file__).parent / "corpus"


def main(words: list[str]) -> None:
    """Fuzz one target."""
    with atheris.instrument_imports(include=["contracts", "worker"]):
        from tests.fuzz.targets import TARGETS

    if not words or words[0] not in TARGETS:
        sys.exit(f"usage: python -m tests.fuzz.fuzz {'|'.join(TARGETS)} [libFuzzer's options]")
    name, *options = words
    found = os.environ.get("FUZZ_FOUND") or tempfile.mkdtemp(prefix=f"fuzz-{name}-")
    atheris.Setup(
        [sys.argv[0], *options, f"-artifact_prefix={found}/", "-max_len=8192", found, str(CORPUS / name)],
        TARGETS[name],
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
