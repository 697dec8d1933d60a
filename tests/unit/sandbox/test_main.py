"""The command line of the sandbox becomes its options."""

import re
from datetime import date
from pathlib import Path

import worker.sandbox
from worker.sandbox.__main__ import options_from
from worker.sandbox.server import SandboxOptions


def test_no_arguments_are_the_defaults() -> None:
    assert options_from([]) == SandboxOptions()


def test_every_argument_has_its_option() -> None:
    arguments = (
        "--port 1 --qr auto --auto-scan-seconds 2 --ledger-path a.jsonl --careful-unregister --query-delay-seconds 1 "
        "--download-delay-seconds 2 --archive-count 5000 --archive-seed 7 --archive-from 2025-01-01 "
        "--archive-to 2025-06-30 --archive-company C --files-not-ready 1 --notice-at-end"
    )
    assert options_from(arguments.split()) == SandboxOptions(
        port=1,
        qr="auto",
        auto_scan_seconds=2.0,
        ledger_path=Path("a.jsonl"),
        naive_unregister=False,
        query_delay_seconds=1.0,
        download_delay_seconds=2.0,
        archive_count=5000,
        archive_seed=7,
        archive_from=date(2025, 1, 1),
        archive_to=date(2025, 6, 30),
        archive_company="C",
        files_not_ready=1,
        notice_per_page=False,
    )


def test_no_module_of_the_sandbox_needs_itself_not_even_lazily() -> None:
    """Conversations take the house; the server, which has the sockets, is known by nobody but the two ways to start."""
    (folder,) = worker.sandbox.__path__
    imports = {
        ".".join(path.relative_to(folder).with_suffix("").parts): set(
            re.findall(r"from worker\.sandbox\.([a-z_.]+) import", path.read_text(encoding="utf-8"))
        )
        for path in Path(folder).rglob("*.py")
    }
    reached: set[str] = set()
    while leaves := {name for name, needs in imports.items() if name not in reached and needs <= reached}:
        reached |= leaves
    assert set(imports) == reached
    assert {name for name, needs in imports.items() if "server" in needs} == {"__main__"}
