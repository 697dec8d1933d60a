"""The dialogue on the query side, question by question, and what it withstands."""

import dataclasses
import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from contracts.invoices import FoundInvoice
from tests.unit.gateway.dialogue import PASSWORD, RESULT, USER_ID, frame
from tests.unit.gateway.queries import LOGIN, PAGE, PAGING, ROW, answered, asked, ignored, order, sent, shown, told
from worker.gateway.codec import IgnoredReason
from worker.gateway.session import QueryDialogue
from worker.ports import (
    DownloadTold,
    FrameIgnored,
    LoginAnswered,
    LoginFields,
    PageShown,
    QueryOrder,
    QueryRefused,
    ResultShown,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "gateway" / "query"
FRAMES = {
    "login yes": ("login", "1"),
    "login no": ("login", "0"),
    "page": ("query_invoice", PAGE),
    "refusal": ("query_invoice", "0"),
    "downloaded": ("query_invoice_download_zip", "1"),
    "not downloaded": ("query_invoice_download_zip", "2024-04-12 10:10:10"),
}


def retried() -> QueryDialogue:
    """A dialogue that has asked for a download alone."""
    dialogue = QueryDialogue(USER_ID)
    dialogue.send_retry("2024-04-12 10:10:10")
    return dialogue


ASKED = {"nothing": lambda: QueryDialogue(USER_ID), "page": asked, "page answered": answered, "retry": retried}
MEANINGS = {
    ("page", "login yes"): LoginAnswered,
    ("page", "login no"): LoginAnswered,
    ("page", "page"): PageShown,
    ("page", "refusal"): QueryRefused,
    **{(what, kind): DownloadTold for what in ASKED if what != "nothing" for kind in ("downloaded", "not downloaded")},
}


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("what", ASKED)
def test_every_frame_means_something_only_where_it_was_asked_for(what: str, kind: str) -> None:
    event = ASKED[what]().receive_text(frame(*FRAMES[kind]))

    expected = MEANINGS.get((what, kind))
    if expected is None:
        assert event == FrameIgnored(IgnoredReason.UNEXPECTED_PHASE)
    else:
        assert isinstance(event, expected)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_the_manuals_own_examples_run_as_written(path: Path) -> None:
    transcript = json.loads(path.read_text("utf-8"))
    dialogue = QueryDialogue(transcript["userId"])

    for step in transcript["steps"]:
        if "send_query" in step:
            login = {**step["send_query"]["login"], "password": SecretStr("lm080918")}
            text = dialogue.send_query(QueryOrder(**{**step["send_query"], "login": LoginFields(**login)}))
            assert json.loads(text) == step["frame"]
            for part in ("login", "condition", "page"):
                assert list(json.loads(text)["data"][part]) == list(step["frame"]["data"][part])
        elif "send_retry" in step:
            assert json.loads(dialogue.send_retry(step["send_retry"])) == step["frame"]
        else:
            event = dialogue.receive_text(json.dumps(step["receive"], ensure_ascii=False))
            assert told_as_json(event) == step["event"]


def told_as_json(event: Any) -> Any:
    def plain(value: Any) -> Any:
        return value.isoformat() if isinstance(value, datetime) else str(value)

    told = {name: value for name, value in dataclasses.asdict(event).items() if name != "reason" or value is not None}
    if isinstance(event, PageShown):
        told["invoices"] = [invoice.told for invoice in event.invoices]
    return json.loads(json.dumps({type(event).__name__: told}, default=plain))


def test_there_are_golden_transcripts() -> None:
    assert len(list(GOLDEN.glob("*.json"))) == 3


def test_one_page_after_another() -> None:
    dialogue = QueryDialogue(USER_ID)

    for number in (1, 2, 3):
        dialogue.send_query(order(number))
        assert shown({**PAGE, "currentPage": number}, dialogue=dialogue).current_page == number


def test_a_page_counts_once() -> None:
    dialogue = answered()

    assert ignored(PAGE, dialogue=dialogue) == IgnoredReason.UNEXPECTED_PHASE


def test_a_query_that_is_asked_again_gives_the_earlier_one_up() -> None:
    dialogue = asked(page=1)
    dialogue.send_query(order(2))

    assert ignored({**PAGE, "currentPage": 1}, dialogue=dialogue) == IgnoredReason.UNEXPECTED_PHASE
    assert shown({**PAGE, "currentPage": 2}, dialogue=dialogue).current_page == 2


def test_a_login_is_answered_once_for_each_query() -> None:
    dialogue = asked()

    assert told("1", "login", dialogue) == LoginAnswered(accepted=True)
    assert ignored("1", "login", dialogue) == IgnoredReason.UNEXPECTED_PHASE
    shown(PAGE, dialogue=dialogue)
    dialogue.send_query(order(2))
    assert told("1", "login", dialogue) == LoginAnswered(accepted=True)


@pytest.mark.parametrize("data", ["2", "成功", 200, None, "密码错误"])
def test_a_login_is_refused_by_anything_but_1(data: Any) -> None:
    answer = told(data, "login")
    assert isinstance(answer, LoginAnswered)
    assert not answer.accepted


def test_a_page_as_binary_frame_is_read() -> None:
    assert isinstance(asked().receive_text(frame("query_invoice", PAGE).encode()), PageShown)
    assert asked().receive_text(b"\xff\xfe") == FrameIgnored(IgnoredReason.NOT_JSON)


def test_a_frame_beyond_the_limit_is_not_even_parsed() -> None:
    dialogue = QueryDialogue(USER_ID, max_frame_bytes=100)

    assert dialogue.receive_text(" " * 101) == FrameIgnored(IgnoredReason.OVERSIZED)


@pytest.mark.parametrize(
    "wrong",
    [{"queryType": 2}, {"queryType": None}, {"traceId": "x"}, {"buyerName": 7}, {"invoiceCode": "\ud800"}, {"size": 0}],
)
def test_what_the_manual_does_not_have_is_never_sent(wrong: dict[str, Any]) -> None:
    dialogue = asked(page=3)

    with pytest.raises(ValueError, match=r"queryType|manual|text|count"):
        dialogue.send_query(order(1, **wrong))
    assert shown({**PAGE, "currentPage": 3}, dialogue=dialogue).current_page == 3


def test_an_error_repeats_nothing_of_the_query() -> None:
    with pytest.raises(ValueError, match="half a surrogate pair") as raised:
        sent(buyerName="买方\ud800")

    assert raised.value.__suppress_context__
    assert "买方" not in str(raised.value)


def test_members_that_a_query_may_leave_out_are_null_and_a_companys_name_is_left_out() -> None:
    nameless = dataclasses.replace(LOGIN, company_name=None)

    data = json.loads(QueryDialogue(USER_ID).send_query(dataclasses.replace(order(), login=nameless)))["data"]

    assert "companyName" not in data["login"]
    assert data["condition"]["invoiceCode"] is None


def test_evidence_of_somebody_elses_page_gives_no_password_away() -> None:
    data = {"data": [{**ROW, "note": "Fremdes-Wort"}], "login": {"password": "Fremdes-Wort"}, **PAGING}

    event = asked().receive_text(frame("login", json.dumps(data), "2222"))

    assert isinstance(event, FrameIgnored)
    assert b"ABC" in (event.body or b"")
    assert PASSWORD.encode() not in (event.body or b"")


def test_a_password_that_is_part_of_a_number_leaves_the_number_whole() -> None:
    dialogue = QueryDialogue(USER_ID)
    dialogue.send_query(dataclasses.replace(order(), login=dataclasses.replace(LOGIN, password=SecretStr("98765432"))))

    row = {**ROW, "drawer": "98765432", "note": "pw 98765432"}
    found = shown({**PAGE, "data": [row]}, dialogue=dialogue).invoices[0].told

    assert found["countETicketNumbers"] == "98765432109876543210"
    assert (found["drawer"], found["note"]) == ("***", "pw ***")


@pytest.mark.parametrize("name", ["countETicketNumbers", "sellerIdentificationNumber", "buyerIdentificationNumber"])
def test_a_password_of_more_than_digits_is_masked_in_numbers_too(name: str) -> None:
    found = shown({**PAGE, "data": [{**ROW, name: f"0{PASSWORD}"}]}).invoices[0].told

    assert found[name] == "0***"


def test_what_the_query_said_in_clear_is_not_masked_where_it_equals_the_password() -> None:
    login = dataclasses.replace(LOGIN, password=SecretStr(ROW["sellerName"]), company_name=ROW["sellerName"])
    dialogue = QueryDialogue(USER_ID)
    dialogue.send_query(dataclasses.replace(order(), login=login))

    found = shown(PAGE, dialogue=dialogue).invoices[0].told

    assert found["sellerName"] == ROW["sellerName"]


# ---- whatever comes ----------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["0", "1", PASSWORD]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text() | st.sampled_from([*ROW, *PAGE, "password"]), inner)
        | inner.map(json.dumps)
    ),
    max_leaves=12,
)
ROWS = st.lists(
    st.fixed_dictionaries({"id": st.just(7) | JSON}, optional=dict.fromkeys([*sorted(ROW.keys() - {"id"}), "x"], JSON))
)
PAGES = st.fixed_dictionaries({"data": ROWS}, optional=dict.fromkeys(PAGING, JSON))
TYPES = st.sampled_from(["login", "query_invoice", "query_invoice_download_zip", "invoice_pdf"]) | JSON
DIALOGUES = st.sampled_from(sorted(ASKED))


@given(DIALOGUES, st.text(st.characters()) | st.binary())
@settings(deadline=None)
def test_nothing_that_may_come_raises(what: str, raw: str | bytes) -> None:
    assert isinstance(ASKED[what]().receive_text(raw), FrameIgnored)


def leaves_of(value: Any) -> Iterator[Any]:
    """All names and values in it, at any depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from leaves_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves_of(inner)
    else:
        yield value


@given(DIALOGUES, TYPES, JSON | PAGES, st.sampled_from([USER_ID, 1111]))
@settings(deadline=None)
def test_whatever_is_told_is_sound(what: str, type_word: Any, data: Any, send_to_id: Any) -> None:
    """Nothing raises; invoices fit the contract, can be written as UTF-8 and hold no password."""
    event = ASKED[what]().receive_text(frame(type_word, data, send_to_id))

    if isinstance(event, PageShown):
        assert what == "page"
        for found in event.invoices:
            FoundInvoice.model_validate(found.told).model_dump_json().encode()
            assert not any(isinstance(value, float) or "\x00" in str(value) for value in leaves_of(found.told))
    assert what in {"nothing", "retry"} or PASSWORD not in repr(event)


@given(DIALOGUES, TYPES, JSON | PAGES, JSON.filter(lambda value: value not in (USER_ID, 1111)))
@settings(deadline=None)
def test_a_frame_for_somebody_else_is_never_an_answer(what: str, type_word: Any, data: Any, stranger: Any) -> None:
    event = ASKED[what]().receive_text(frame(type_word, data, stranger))

    assert isinstance(event, FrameIgnored)


def test_a_result_among_the_pages_is_no_page() -> None:
    """It is the late one of an order, and answers nothing that was asked here."""
    lines = {**RESULT, "invoiceItems": [ROW]}
    dialogue = asked()

    for type_word in ("query_invoice", "login"):
        assert isinstance(told(lines, type_word, dialogue), ResultShown)
    assert isinstance(told(PAGE, dialogue=dialogue), PageShown)


@pytest.mark.parametrize("amount", ["1e999999999", "[" * 500 + "]" * 500])
def test_absurd_values_are_kept_small(amount: str) -> None:
    text = frame("query_invoice", {**PAGE, "data": [{**ROW, "totalTax": "TAX"}]}).replace('"TAX"', amount)

    page = asked().receive_text(text)

    assert isinstance(page, PageShown)
    assert "totalTax" not in page.invoices[0].told
    assert len(json.dumps(page.invoices[0].told["extra"])) < 200


def test_numbers_stay_exact_to_the_last_digit() -> None:
    text = frame("query_invoice", PAGE).replace("-495.05", "-495.050000000000000001")

    page = asked().receive_text(text)

    assert isinstance(page, PageShown)
    assert page.invoices[0].told["totalAmount"] == Decimal("-495.050000000000000001")
