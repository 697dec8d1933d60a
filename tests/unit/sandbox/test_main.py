"""The command line of the sandbox becomes its options."""

from pathlib import Path

from worker.sandbox.__main__ import options_from
from worker.sandbox.server import SandboxOptions


def test_no_arguments_are_the_defaults() -> None:
    assert options_from([]) == SandboxOptions()


def test_every_argument_has_its_option() -> None:
    arguments = "--port 1 --qr auto --auto-scan-seconds 2 --ledger-path a.jsonl --careful-unregister"
    assert options_from(arguments.split()) == SandboxOptions(
        port=1, qr="auto", auto_scan_seconds=2.0, ledger_path=Path("a.jsonl"), naive_unregister=False
    )
