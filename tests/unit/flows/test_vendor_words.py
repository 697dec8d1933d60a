"""No flow and no lane reads an invoice of the gateway by the vendor's words: only typed members, which mypy guards.

A member that is misspelt in a string would weaken evidence silently. What is left are the words under which a command's
own data are journaled, and those that events are filled with.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.commands import Invoice, InvoiceItem
from contracts.gateway import InvoicePdf
from contracts.invoices import FoundInvoice
from worker import flows, lanes

WORDS = (frozenset(FoundInvoice.model_fields) | frozenset(InvoicePdf.model_fields)) - {"items", "files"}
"""What listed invoices and results are made of."""
ALLOWED = {
    "flows/audit_findings.py": "what `confirmed` said, which is the worker's own event",
    "flows/invoices.py": "the caller's condition, as it was journaled; files and items, matched by the invoice's id",
    "flows/evidence/endings.py": "what `in_doubt` shows of a result that was kept, and the command's own lines",
    "flows/orders.py": "the total in the event that a follower is told, which is the worker's own",
    "flows/query.py": "the caller's condition, as it was journaled",
    "lanes/housekeeping.py": "the address in the event that a look-up ends with, which is the worker's own",
    "lanes/runs/query.py": "what `invoice.stored` asks for",
    "lanes/runs/issue.py": "the address in the event that was just recorded",
}
FOLDERS = [Path(folder.__file__ or "").parent for folder in (flows, lanes)]
FILES = sorted(path for folder in FOLDERS for path in folder.rglob("*.py"))


def _reads(tree: ast.AST) -> Iterator[str]:
    """Texts by which something is looked up: `x["…"]`, `x.get("…")`."""
    for node in ast.walk(tree):
        is_read = isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load)
        if is_read and isinstance(key := node.slice, ast.Constant) and isinstance(key.value, str):  # type: ignore[attr-defined]
            yield key.value
        is_get = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get"
        if is_get and node.args and isinstance(node.args[0], ast.Constant):  # type: ignore[attr-defined]
            yield str(node.args[0].value)  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_vendors_member_is_read_by_its_name(path: Path) -> None:
    name = "/".join(path.parts[path.parts.index("worker") + 1 :])
    if name in ALLOWED:
        return
    assert not WORDS & set(_reads(ast.parse(path.read_text("utf-8")))), name


def test_evidence_itself_reads_none() -> None:
    folder = Path(flows.__file__ or "").parent / "evidence"
    files = [path for path in folder.glob("*.py") if path.name != "endings.py"]
    assert len(files) > 5
    for path in files:
        assert not {each for each in _reads(ast.parse(path.read_text("utf-8"))) if each}, path.name


def test_members_that_differ_are_told_under_names_of_the_contract() -> None:
    """Or under `total`, and two of the list's own words, for a command has none of them."""
    source = (Path(flows.__file__ or "").parent / "evidence" / "members.py").read_text("utf-8")
    told = {
        node.args[0].value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Difference"
        and isinstance(node.args[0], ast.Constant)
    }
    known = set(Invoice.model_fields) | set(InvoiceItem.model_fields)
    assert told <= known | {"total", "invoiceDate", "isInvoicePositive"}
