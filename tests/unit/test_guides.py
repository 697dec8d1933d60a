"""What a guide names is there: commands and their options, settings, metrics, alerts, files, links.

A stranger types what a guide says. What is gone, or was renamed, is found here and not by them.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from worker.cli import COMMANDS, load
from worker.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (".github", "contracts", "deploy", "tests", "worker")
GUIDES = [*ROOT.glob("*.md"), *(guide for folder in FOLDERS for guide in (ROOT / folder).rglob("*.md"))]
CURRENT = sorted(guide for guide in GUIDES if guide.name != "CHANGELOG.md" and "node_modules" not in guide.parts)
"""A changelog may name what was."""
NO_SETTINGS = {"FAPIAO_IMAGE", "FAPIAO_SECRETS_DIR"}
"""Compose's own, and the one that says where settings are."""


def named(guide: Path) -> str:
    return str(guide.relative_to(ROOT))


@lru_cache
def commands() -> dict[str, set[str]]:
    """Every command by its words, with its options."""
    found: dict[str, set[str]] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        options = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
        found[" ".join(words)] = options | {"--help", "-h"}
        for name, inner in getattr(command, "commands", {}).items():
            walk(inner, (*words, name))

    for name in COMMANDS:
        walk(load(name), (name,))
    return found | {"": {"--help", "-h", "--version", "--install-completion", "--show-completion"}}


def calls(text: str) -> list[list[str]]:
    """The words after each `fapiao-worker` of a line of code, as far as they belong to it."""
    code = [*re.findall(r"`([^`\n]+)`", text)]
    code += [line for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    code += [line for line in text.splitlines() if line.startswith("    ")]
    return [
        re.split(r"\s[#|>&]|\)|;|'|\"|`", call)[0].split()
        for line in code
        for call in re.findall(r"(?:^|[\s/])fapiao-worker ([a-z-].*)", line)
        if "kubectl" not in line
    ]


@pytest.mark.parametrize("guide", CURRENT, ids=named)
def test_every_command_and_option_is_one(guide: Path) -> None:
    assert mistyped(guide.read_text(encoding="utf-8")) == []


def test_what_is_no_command_would_be_found() -> None:
    text = "`fapiao-worker dead show`, `fapiao-worker send --now f`, `fapiao-worker stop`, `fapiao-worker dead list`"
    assert mistyped(text) == ["dead show", "send --now f", "stop"]


def mistyped(text: str) -> list[str]:
    """Calls of a command or with an option that there is not."""
    wrong = []
    for words in calls(text):
        path = next((" ".join(words[:many]) for many in (2, 1, 0) if " ".join(words[:many]) in commands()), "")
        is_group = not path or any(known.startswith(f"{path} ") for known in commands())
        options = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        rest = words[len(path.split()) :]
        if not options <= commands()[path] or (is_group and rest and re.fullmatch(r"[a-z]+", rest[0])):
            wrong.append(" ".join(words))
    return wrong


@pytest.mark.parametrize("guide", CURRENT, ids=named)
def test_every_setting_is_one(guide: Path) -> None:
    known = {f"FAPIAO_{name.upper()}" for name in Settings.model_fields} | NO_SETTINGS
    said = set(re.findall(r"FAPIAO_[A-Z_]*[A-Z]\b(?![*_])", guide.read_text(encoding="utf-8")))
    assert said - known == set()


@pytest.mark.parametrize("guide", CURRENT, ids=named)
def test_every_alert_is_one(guide: Path) -> None:
    rules = (ROOT / "deploy/monitoring/alerts.yaml").read_text(encoding="utf-8")
    said = set(re.findall(r"\bFapiao[A-Z]\w+", guide.read_text(encoding="utf-8")))
    assert said - set(re.findall(r"alert: (\w+)", rules)) == set()


@pytest.mark.parametrize("guide", [guide for guide in CURRENT if guide.parent.name != "testkit"], ids=named)
def test_every_metric_is_one(guide: Path) -> None:
    source = "".join(file.read_text("utf-8") for file in (ROOT / "worker").rglob("*.py"))
    said = set(re.findall(r"`fapiao_([a-z_]+)[`{]", guide.read_text(encoding="utf-8")))
    gone = [name for name in said if f'"{name}"' not in source and f'"fapiao_{name}"' not in source]
    assert [name for name in gone if f'"{name.removesuffix("_total")}"' not in source] == []


@pytest.mark.parametrize("guide", CURRENT, ids=named)
def test_every_link_leads_somewhere(guide: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", guide.read_text(encoding="utf-8")):
        if re.match(r"https?:", target):
            continue
        file, _, anchor = target.partition("#")
        place = guide.parent / file if file else guide
        assert place.exists(), target
        assert not anchor or anchor in anchors(place), target


@pytest.mark.parametrize("guide", CURRENT, ids=named)
def test_every_file_in_backticks_is_there(guide: Path) -> None:
    said = re.findall(
        r"`((?:contracts|deploy|tests|worker)/(?!fapiao_)[\w./-]+)[`: ]", guide.read_text(encoding="utf-8")
    )
    assert [name for name in said if not (ROOT / name).exists() and not (guide.parent / name).exists()] == []


@lru_cache
def anchors(guide: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    lines = [line for line in guide.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).strip().replace(" ", "-") for line in lines}
