"""The house, measured: `python -m tests.house` prints the table; `tests/unit/test_house.py` holds what is promised.

Counts, over `worker/` and `contracts/`: modules that exactly one other imports, words in public class names that
nobody explains, type names with two meanings, folders without a README, long files, lines. With `--invoice` (which
needs the servers of `tests/run`) also the files in which something is called between an order's delivery and its
`confirmed`.
"""

import ast
import asyncio
import os
import re
import signal
import sys
import tempfile
import threading
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, Final

from tests.house_words import PLAIN, TERMS

ROOT: Final = Path(__file__).resolve().parents[1]
LONGEST: Final = 400
"""Lines of a file; a longer one lacks a concept."""
COMPOSING: Final = frozenset(
    {
        "contracts.texts",
        "worker.bootstrap",
        "worker.cli",
        "worker.journal.postgres",
        "worker.journal.sqlite",
        "worker.ports",
        "worker.records",
    }
)
"""They name parts and do nothing else: a part that one of them alone imports is there for everybody."""
_WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_NOT_OURS: Final = ("contracts/clients/", "contracts/distribution/")


@dataclass(frozen=True)
class Module:
    """One file of Python, parsed."""

    name: str
    path: Path
    tree: ast.Module
    lines: int

    @property
    def is_package(self) -> bool:
        """Whether it is a folder's `__init__`."""
        return self.path.name == "__init__.py"

    @property
    def classes(self) -> list[str]:
        """The public ones, at its top level."""
        return [node.name for node in self.tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_"]


@cache
def modules() -> dict[str, Module]:
    """By name: all of `worker` and `contracts`, but for the sample clients and the package for callers."""
    found = {}
    for path in sorted(each for top in ("contracts", "worker") for each in (ROOT / top).rglob("*.py")):
        relative = path.relative_to(ROOT)
        if not relative.as_posix().startswith(_NOT_OURS):
            text = path.read_text(encoding="utf-8")
            name = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
            found[name] = Module(name, path, ast.parse(text), text.count("\n"))
    return found


def importers() -> dict[str, set[str]]:
    """Each module with those that import it, inside of functions too."""
    known = modules()
    by: dict[str, set[str]] = {name: set() for name in known}
    for module in known.values():
        for name in _imported(module.tree):
            if name in known and name != module.name:
                by[name].add(module.name)
    return by


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in modules() else node.module
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Entry":
            yield from (f"worker.cli.{each.value!s}" for each in node.args[:1] if isinstance(each, ast.Constant))


def serving_one() -> dict[str, str]:
    """Modules that exactly one other imports, with that one; a folder's `__init__` is no module here."""
    known = modules()
    return {name: next(iter(by)) for name, by in importers().items() if len(by) == 1 and not known[name].is_package}


def serving_one_part() -> dict[str, str]:
    """Of these, the ones that no composing module names."""
    return {name: by for name, by in serving_one().items() if by not in COMPOSING}


def glossary() -> set[str]:
    """The words in the first column of the table in `worker/README.md`, and those of its explanations set in bold."""
    text = (ROOT / "worker" / "README.md").read_text(encoding="utf-8")
    table = text.partition("## Words")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| ")]
    named = {word for row in rows for word in re.findall(r"[a-z]+", row[1].lower())}
    return named | {word for line in re.findall(r"\*\*([^*]+)\*\*", table) for word in re.findall(r"[a-z]+", line)}


def unexplained_words() -> dict[str, list[str]]:
    """Words of public class names that stand neither in the glossary nor among the words of the field, each with the
    classes."""
    known = {_stem(word) for word in glossary() | TERMS | PLAIN}
    found: dict[str, list[str]] = defaultdict(list)
    for module in modules().values():
        for name in module.classes:
            for word in _WORD.findall(name):
                if _stem(word.lower()) not in known:
                    found[word.lower()].append(f"{module.name}.{name}")
    return dict(found)


def unused_words(known: Iterable[str]) -> set[str]:
    """Of these words, the ones in no public class name, or explained by the glossary all the same."""
    names = (name for module in modules().values() for name in module.classes)
    used = {_stem(word.lower()) for name in names for word in _WORD.findall(name)}
    return {word for word in known if _stem(word) not in used - {_stem(each) for each in glossary()}}


def _stem(word: str) -> str:
    """Without what makes it a plural, a participle or a doer."""
    for ending, instead in (("ies", "y"), ("ied", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("er", ""), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) > 2 and not (ending == "s" and word.endswith("ss")):
            stem = word.removesuffix(ending) + instead
            is_doubled = stem[-1] == stem[-2] and stem[-1] not in "sl"
            return _stem(stem[:-1] if is_doubled else stem)
    return _stem(word.removesuffix("e")) if word.endswith("e") else word


def names_of_two() -> dict[str, list[str]]:
    """Public type names that more than one module defines."""
    by: dict[str, list[str]] = defaultdict(list)
    for module in modules().values():
        for name in module.classes:
            by[name].append(module.name)
    return {name: where for name, where in by.items() if len(where) > 1}


def folders_without_readme() -> list[str]:
    """Top folders of `worker/` without a README of their own."""
    folders = {ROOT / "worker" / name.split(".")[1] for name in modules() if name.startswith("worker.")}
    return sorted(each.name for each in folders if each.is_dir() and not (each / "README.md").exists())


def long_files() -> dict[str, int]:
    """Files of more lines than a reader should meet at once."""
    return {module.name: module.lines for module in modules().values() if module.lines > LONGEST}


def long_tests() -> list[Path]:
    """The same of the tests: what a reader lacks there is a builder or a table of cases."""
    return [path for path in (ROOT / "tests").rglob("*.py") if path.read_text(encoding="utf-8").count("\n") > LONGEST]


def lines(folder: str, suffixes: Iterable[str] = (".py", ".sql")) -> int:
    """Of all files in it."""
    files = [path for path in (ROOT / folder).rglob("*") if path.suffix in suffixes]
    return sum(path.read_text(encoding="utf-8").count("\n") for path in files)


def comments() -> float:
    """Per hundred lines that are not blank, in `worker/`."""
    texts = [path.read_text(encoding="utf-8").splitlines() for path in (ROOT / "worker").rglob("*.py")]
    told = [line for text in texts for line in text if line.strip()]
    return 100 * sum(line.lstrip().startswith("#") or "  # " in line for line in told) / len(told)


def table() -> list[tuple[str, str]]:
    """What is measured without running anything."""
    every = [module for module in modules().values() if not module.is_package]
    one, part = serving_one(), serving_one_part()
    words = {word for module in modules().values() for name in module.classes for word in _WORD.findall(name)}
    return [
        ("modules", str(len(every))),
        ("that exactly one other imports", f"{len(one)} ({100 * len(one) / len(every):.0f} %)"),
        ("of these, not named by a composing module", f"{len(part)} ({100 * len(part) / len(every):.0f} %)"),
        ("files over 400 lines", str(len(long_files()))),
        ("test files over 400 lines", str(len(long_tests()))),
        ("words in public class names", str(len({word.lower() for word in words}))),
        ("of these, explained nowhere", str(len(unexplained_words()))),
        ("type names with two meanings or more", str(len(names_of_two()))),
        ("folders of worker/ without a README", str(len(folders_without_readme()))),
        ("comments per 100 lines", f"{comments():.1f}"),
        ("lines of worker/", f"{lines('worker'):,}"),
        ("lines of tests/", f"{lines('tests'):,}"),
    ]


# ---- the files that run for one invoice -------------------------------------------------------------------


def watch(report: Path) -> None:
    """Be a worker that notes in which of our files something is called, from SIGUSR1 on; SIGUSR2 writes them down."""
    seen: set[str] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            seen.add(frame.f_code.co_filename)

    def written(*_: object) -> None:
        ours = sorted(each for each in seen if each.startswith((f"{ROOT}/worker/", f"{ROOT}/contracts/")))
        report.write_text("\n".join(ours), encoding="utf-8")

    signal.signal(signal.SIGUSR1, lambda *_: seen.clear())
    signal.signal(signal.SIGUSR2, written)
    from worker.cli import main

    threading.setprofile(note)
    sys.setprofile(note)
    sys.argv = ["fapiao-worker", "run"]
    main()


async def files_of_one_invoice() -> list[str]:
    """From an order's delivery to its `confirmed`, on SQLite, with a gateway that shows a QR."""
    from tests import servers
    from tests.conftest import delete_amqp_objects
    from tests.scenarios.stack import Stack
    from worker.sandbox.server import SandboxOptions

    server, address = servers.shared_rabbit(print)
    prefix = f"t{uuid.uuid4().hex[:12]}"
    settings = {"FAPIAO_CONFIRM": "true", "FAPIAO_CONFIRM_DELAY_SECONDS": "0.5", "FAPIAO_CONFIRM_SCHEDULE": "0.5s"}
    with tempfile.TemporaryDirectory() as name:
        folder, url = Path(name), address[servers.AMQP_URL]
        options = SandboxOptions(qr="always", auto_scan_seconds=0.5)
        database = f"sqlite:///{folder / 'journal.db'}"
        async with Stack(url, prefix, database, folder, options=options, settings=settings) as stack:
            report = folder / "files"
            worker = stack.start_process(
                [sys.executable, "-m", "tests.house", "--watch", str(report)], stack.environment()
            )
            await stack.worker_is_consuming()
            worker.signal(signal.SIGUSR1)
            order = await stack.publish_order("user-1")
            await stack.until([order], ["confirmed"])
            worker.signal(signal.SIGUSR2)
            async with asyncio.timeout(60):
                while not report.exists():
                    await asyncio.sleep(0.05)
            files = report.read_text(encoding="utf-8").splitlines()
        await delete_amqp_objects(url, prefix)
    server.close()
    return [str(Path(each).relative_to(ROOT)) for each in files]


def main(words: list[str]) -> None:
    """Print the table."""
    if words[:1] == ["--watch"]:
        watch(Path(words[1]))
        return
    rows = table()
    if "--invoice" in words:
        files = asyncio.run(files_of_one_invoice())
        rows.append(("files that run for one invoice", str(len(files))))
    for name, figure in rows:
        print(f"{name:<45} {figure:>14}")
    if "--names" in words:
        for name, by in sorted(serving_one_part().items()):
            print(f"  {name} serves only {by}")
        for word, classes in sorted(unexplained_words().items()):
            print(f"  {word}: {', '.join(classes)}")
        for name, where in sorted(names_of_two().items()):
            print(f"  {name}: {', '.join(where)}")


if __name__ == "__main__":
    os.chdir(ROOT)
    main(sys.argv[1:])
