"""No durable step without a crash point beside it, so that none is without a kill test (`tests/scenarios`)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WRITES = {
    "admit",
    "answer",
    "claim",
    "claim_audited",
    "count_break",
    "count_login",
    "count_refusal",
    "end_look_up",
    "end_rests",
    "forget_audited",
    "forget_refusals",
    "heed",
    "keep_audited",
    "keep_stray",
    "next_command",
    "postpone",
    "published",
    "reap",
    "record",
    "record_and_next",
    "release",
    "renew_password",
    "resume_accounts",
    "retire",
    "settle",
    "succeed",
    "undeliverable",
    "enter_files",
    "files_due",
    "file_kept",
    "file_put_off",
    "file_missing",
    "tell_files",
}
"""What writes to the journal, but for the lease: a crash after `register` or `renew` is a crash before the next one."""
ELSEWHERE = {
    ("worker/lanes/scheduler.py", "run_once"): "what was claimed passes lane.claimed",
    ("worker/lanes/scheduler.py", "_give_back"): "a claim whose answer was lost; the next holder frees it as any other",
    ("worker/lanes/runs/run.py", "_write"): "_record, around it, has one before and one after",
    ("worker/lanes/runs/run.py", "write"): "the same: the act that _write insists on",
    ("worker/lanes/runs/issue.py", "_write"): "the same",
    ("worker/lanes/housekeeping.py", "act"): "settle, around it, has one before and one after",
    ("worker/intake/journaling.py", "_commit"): "its caller's caller has one before and one after",
    ("worker/intake/journaling.py", "_refuse"): "the same; the message comes again and is answered by the same event",
}


def writers() -> Iterator[tuple[str, str, bool]]:
    """File, function, and whether a crash point stands in it, of every function that writes to the journal."""
    for part in ("intake", "lanes", "outbox", "ops", "vault"):
        for path in sorted((ROOT / "worker" / part).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.AsyncFunctionDef) and _writes(node):
                    yield str(path.relative_to(ROOT)), node.name, _names(node, "crashpoint")


def _writes(function: ast.AsyncFunctionDef) -> bool:
    return any(
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in WRITES
        and ast.unparse(call.func.value).endswith("journal")
        for call in ast.walk(function)
    )


def _names(function: ast.AsyncFunctionDef, name: str) -> bool:
    return any(
        isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == name
        for call in ast.walk(function)
    )


WRITERS = list(writers())


@pytest.mark.parametrize(("path", "function", "has_one"), WRITERS, ids=[f"{path}:{name}" for path, name, _ in WRITERS])
def test_every_durable_step_has_a_crash_point(path: str, function: str, has_one: bool) -> None:
    assert has_one or (path, function) in ELSEWHERE


def test_the_exceptions_are_still_there() -> None:
    """One that has gone, or has got a crash point, leaves the list."""
    assert {(path, name) for path, name, has_one in WRITERS if not has_one} == set(ELSEWHERE)
