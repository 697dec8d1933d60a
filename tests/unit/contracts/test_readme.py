"""The integrator's guide is whole and true."""

import ast
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from contracts import meanings
from contracts.commands import COMMANDS, Discount, Invoice, InvoiceItem
from contracts.events import CheckedTotal, CommandWarning, DiscountFolded
from contracts.failures import RETRYABLE, FailureCode, RejectionCode
from contracts.invoices import InvoiceFile, StoredInvoice
from contracts.queries import Condition, Page
from contracts.schema_files import event_models
from contracts.tidying import TEXT_CLEANED

CONTRACTS = Path(__file__).resolve().parents[3] / "contracts"
GUIDE = (CONTRACTS / "README.md").read_text()


@pytest.mark.parametrize("code", [*FailureCode, *RejectionCode])
def test_every_code_is_explained(code: str) -> None:
    assert f"`{code}`" in GUIDE


@pytest.mark.parametrize("code", FailureCode)
def test_what_may_be_sent_again_is_marked(code: FailureCode) -> None:
    [row] = [line for line in GUIDE.splitlines() if line.startswith("| `") and f"`{code}`" in line]
    assert ("(retryable)" in row) == (code in RETRYABLE)


def test_what_is_said_of_messages_is_said_of_these() -> None:
    """Each command and event has its line in `contracts.meanings`, and no other has one."""
    shared = {f"{command}.{outcome}" for command in COMMANDS for outcome in ("failed", "rejected")}

    assert set(meanings.commands()) == set(COMMANDS)
    assert set(meanings.events()) == set(event_models()) - shared | {"<type>.failed", "<type>.rejected"}


@pytest.mark.parametrize("event", event_models())
def test_every_event_is_explained(event: str) -> None:
    """By its own name, or as an outcome that every command may have."""
    outcome = event.rpartition(".")[2]
    names = [event, f"<type>.{outcome}"] if outcome in {"failed", "rejected"} else [event]
    assert any(f"| `{name}` |" in GUIDE for name in names)


MODELS = [
    *COMMANDS.values(),
    Invoice,
    InvoiceItem,
    Discount,
    Condition,
    Page,
    *event_models().values(),
    CommandWarning,
    DiscountFolded,
    CheckedTotal,
    InvoiceFile,
    StoredInvoice,
]


@pytest.mark.parametrize("guide", ["README.md", "README.zh-CN.md"])
@pytest.mark.parametrize("model", dict.fromkeys(MODELS), ids=lambda model: model.__name__)
def test_every_member_is_named(model: type[BaseModel], guide: str) -> None:
    """Those of commands and events, but for the long lists inside them that the schemas tell."""
    text = (CONTRACTS / guide).read_text()
    unnamed = [name for name in model.model_fields if not re.search(rf"[`.]{name}(`|: )", text)]

    assert unnamed == []


def test_the_guide_says_the_same_in_both_languages() -> None:
    """Section by section, with the same settings, and as many rows in each table."""
    assert _outline(CHINESE) == _outline(GUIDE)
    root = CONTRACTS.parent
    assert _outline((root / "README.zh-CN.md").read_text()) == _outline((root / "README.md").read_text())


def _outline(guide: str) -> list[tuple[str, set[str], int]]:
    text = re.sub(r"```.*?```", "", guide, flags=re.DOTALL)
    sections = re.split(r"^(#+) .*$", text, flags=re.MULTILINE)[1:]
    return [
        (level, set(re.findall(r"FAPIAO_[A-Z_]+", told)), len(re.findall(r"^\| ", told, re.MULTILINE)))
        for level, told in zip(sections[::2], sections[1::2], strict=True)
    ]


def test_every_warning_is_named() -> None:
    sources = [*CONTRACTS.glob("*.py"), CONTRACTS.parent / "worker/intake/admission.py"]
    codes = {code for source in sources for code in re.findall(r'_warning\("([a-z_]+)"', source.read_text())}

    assert codes
    codes.add(TEXT_CLEANED)
    assert [code for code in sorted(codes) if f"`{code}`" not in GUIDE] == []


def test_the_example_is_python() -> None:
    [code] = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    ast.parse(code)


def test_every_file_it_names_is_there() -> None:
    for name in re.findall(r"contracts/(examples/[a-z._]+\.json)", GUIDE):
        assert (CONTRACTS / name).is_file()


CHINESE = (CONTRACTS / "README.zh-CN.md").read_text()
GUIDES = [
    folder / name
    for folder in (CONTRACTS.parent, CONTRACTS, CONTRACTS / "clients")
    for name in ("README.md", "README.zh-CN.md")
]


@pytest.mark.parametrize("event", event_models())
def test_every_event_is_explained_in_chinese(event: str) -> None:
    outcome = event.rpartition(".")[2]
    names = [event, f"<type>.{outcome}"] if outcome in {"failed", "rejected"} else [event]
    assert any(f"`{name}`" in CHINESE for name in names)


@pytest.mark.parametrize("code", [*FailureCode, *RejectionCode])
def test_every_code_has_a_row_in_chinese(code: str) -> None:
    assert f"\n| `{code}` |" in CHINESE


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_named_in_chinese(command: str) -> None:
    assert f"| `{command}` |" in CHINESE


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: f"{guide.parent.name}/{guide.name}")
def test_every_link_leads_somewhere(guide: Path) -> None:
    """To a file that is there, or to a heading of its own."""
    text, folder = guide.read_text(), guide.parent
    headings = {_anchor(line) for line in text.splitlines() if line.startswith("#")}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        file, _, anchor = target.partition("#")
        assert (folder / file).exists(), target
        assert file or anchor in headings, target


def _anchor(heading: str) -> str:
    """As GitHub makes it: lower case, without punctuation, blanks as hyphens."""
    return re.sub(r"[^\w\- ]", "", heading.lstrip("# ").lower()).strip().replace(" ", "-")
