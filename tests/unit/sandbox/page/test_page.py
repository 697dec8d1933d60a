"""The page speaks both languages whole, and lets no text of an order become markup."""

import inspect
from html import escape

import pytest

from worker.sandbox.calls import Call
from worker.sandbox.faults import FAULTS
from worker.sandbox.feed import EVENTS
from worker.sandbox.page import records, render
from worker.sandbox.page.markup import Html, html, joined, parts, with_code
from worker.sandbox.page.words import _EFFECTS, WORDS, in_chinese, language_of


def asked(language: str = "", target: str = "/", cookie: str = "") -> Call:
    return Call("GET", target, {"accept-language": language, "cookie": cookie})


@pytest.mark.parametrize(
    ("call", "language"),
    [
        (asked(), "en"),
        (asked("zh-CN,zh;q=0.9,en;q=0.8"), "zh"),
        (asked("en;q=0.8, zh-TW;q=0.9"), "zh"),
        (asked("fr,de;q=0.9"), "en"),
        (asked("zh;q=x,en"), "en"),
        (asked("zh", "/?lang=en"), "en"),
        (asked("zh", cookie="a=b; sandbox_lang=en"), "en"),
        (asked("zh", "/?lang=<script>"), "zh"),
    ],
)
def test_the_switch_goes_before_the_browsers_wish(call: Call, language: str) -> None:
    assert language_of(call) == language


def test_every_word_is_there_in_both_languages() -> None:
    assert all(english and chinese for english, chinese in WORDS.values())
    assert EVENTS.keys() <= WORDS.keys()
    assert {f"phase.{fault.phases[0]}" for fault in FAULTS.values()} <= WORDS.keys()


def test_every_fault_has_a_chinese_sentence_and_no_sentence_is_left_over() -> None:
    for name in FAULTS:
        assert any(letter > "⺀" or letter.isdigit() for letter in in_chinese(name)), name
    assert _EFFECTS.keys() <= FAULTS.keys()


@pytest.mark.parametrize("text", ["<script>", "\" onload='x", "&amp;", "</title>"])
def test_what_was_not_made_as_markup_is_escaped(text: str) -> None:
    made = html("session", user_id=text, counts=Html("<b>"), drop="")
    assert made == f'<li><div><code>{escape(text)}</code><span class="hint"><b></span></div></li>'
    assert html("badge", kind=text, text="") == f'<span class="{escape(text)}"></span>'
    assert "<" not in with_code(text)
    assert joined([Html("<b>"), "<b>"]) == "<b>&lt;b&gt;"
    assert with_code("a `b` \\*") == "a <code>b</code> *"


def test_every_part_of_the_page_is_put_in_somewhere() -> None:
    """Each by its name, as a text of its own in one of the two modules."""
    source = inspect.getsource(records) + inspect.getsource(render)
    assert [name for name in parts() if f'html("{name}"' not in "".join(source.split()).replace(",", "")] == []
