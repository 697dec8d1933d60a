"""The parts of the sandbox need each other in one direction only."""

import re
from pathlib import Path

import worker.sandbox


def test_no_module_of_the_sandbox_needs_itself_not_even_lazily() -> None:
    """Conversations take the house; the server, which has the sockets, is known by nobody here."""
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
    assert {name for name, needs in imports.items() if "server" in needs} == set()
