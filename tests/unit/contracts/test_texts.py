"""Every code has words in both languages."""

import re
from pathlib import Path

import pytest

from contracts import export
from contracts.failures import RETRYABLE, FailureCode, RejectionCode
from contracts.texts import FAILURES, KINDS, LANGUAGES, REJECTIONS, WARNINGS, Again, Entry, Possible, document

CONTRACTS = Path(__file__).resolve().parents[3] / "contracts"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
ALL = [(code, entry) for entries in KINDS.values() for code, entry in entries.items()]


def test_every_failure_and_rejection_has_an_entry() -> None:
    assert set(FailureCode) <= FAILURES.keys()
    assert set(RejectionCode) <= REJECTIONS.keys()


def test_every_warning_has_an_entry() -> None:
    sources = [*CONTRACTS.glob("*.py"), *(CONTRACTS.parent / "worker").rglob("*.py")]
    codes = {code for source in sources for code in re.findall(r'_warning\(\s*"([a-z_]+)"', source.read_text())}

    assert codes
    assert codes <= WARNINGS.keys()


@pytest.mark.parametrize(("code", "entry"), ALL, ids=[code for code, _ in ALL])
def test_each_says_what_happened_and_what_to_do_in_both_languages(code: str, entry: Entry) -> None:
    """Whole sentences, and nothing of the other language by mistake."""
    assert (entry.en.customer is None) == (entry.zh.customer is None)
    for words in filter(None, entry.zh):
        assert CHINESE.search(words)
        assert words.endswith("。")
    for words in filter(None, entry.en):
        assert not CHINESE.search(re.sub(r"\(.*?\)", "", words))
        assert words.endswith(".")


def test_what_the_worker_calls_retryable_may_be_sent_again_as_it_is() -> None:
    """And where an invoice may exist of an earlier command, nothing may be sent again."""
    for code in RETRYABLE:
        assert FAILURES[code].again is Again.NEW_ID
    for _, entry in ALL:
        assert (entry.invoice is Possible.FIRST) <= (entry.again is Again.NO)


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_languages_are_published_whole(language: str) -> None:
    published = document(language)

    assert published["language"] == language
    assert {kind: list(published[kind]) for kind in KINDS} == {kind: list(KINDS[kind]) for kind in KINDS}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_guides_tables_have_a_row_for_each_code(language: str) -> None:
    for kind, entries in KINDS.items():
        rows = export.table(kind, language).splitlines()[2:]
        assert [row.split("`")[1] for row in rows] == list(entries)


def test_only_what_stands_between_the_marks_is_drawn_anew() -> None:
    text = "before\n<!-- warnings: begin -->\nold\n<!-- warnings: end -->\nafter\n"
    drawn = export.with_tables(text, "zh-CN")

    assert drawn == text.replace("old\n", export.table("warnings", "zh-CN"))
    assert export.with_tables("no marks", "en") == "no marks"
