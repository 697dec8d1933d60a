"""The dialogue, phase by phase, and what it withstands."""

import dataclasses
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from contracts.invoices import IssuedInvoice
from tests.unit.gateway.dialogue import LOGIN, PASSWORD, RESULT, SUBMISSION, USER_ID, frame, session_in, shown
from worker.gateway.codec import IgnoredReason
from worker.gateway.session import InvoiceSession, Phase
from worker.ports import FrameIgnored, LoginAnswered, LoginFields, QrRefused, ResultShown, Submission

GOLDEN = Path(__file__).parents[2] / "golden" / "gateway"
FRAMES = {
    "login yes": ("login", "1"),
    "login no": ("login", "0"),
    "qr": ("invoice_qrcode", "qrcode_id=1"),
    "qr no": ("invoice_qrcode", "0"),
    "result": ("invoice_pdf", RESULT),
    "result no": ("invoice_pdf", "0"),
}
MEANINGS = {
    (Phase.LOGIN_PENDING, "login yes"): "LoginAnswered",
    (Phase.LOGIN_PENDING, "login no"): "LoginAnswered",
    (Phase.SUBMITTED, "qr"): "QrShown",
    (Phase.SUBMITTED, "qr no"): "QrRefused",
    **dict.fromkeys([(phase, "result") for phase in Phase], "ResultShown"),
    (Phase.SUBMITTED, "result no"): "ResultRefused",
}


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("phase", Phase)
def test_every_frame_means_something_only_in_its_phase(phase: Phase, kind: str) -> None:
    event = session_in(phase).receive_text(frame(*FRAMES[kind]))

    expected = MEANINGS.get((phase, kind))
    if expected is None:
        assert isinstance(event, FrameIgnored)
        assert event.reason == IgnoredReason.UNEXPECTED_PHASE
    else:
        assert type(event).__name__ == expected


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_the_manuals_own_examples_run_as_written(path: Path) -> None:
    transcript = json.loads(path.read_text("utf-8"))
    session = InvoiceSession(transcript["userId"])
    password = SecretStr("password123")

    for step in transcript["steps"]:
        if "send_login" in step:
            sent = session.send_login(LoginFields(**{**step["send_login"], "password": password}))
            assert json.loads(sent) == step["frame"]
        elif "send_invoice" in step:
            sent = session.send_invoice(Submission(step["send_invoice"], "seller_login", password))
            assert json.loads(sent) == step["frame"]
            assert list(json.loads(sent)["data"]) == list(step["frame"]["data"])
        else:
            event = session.receive_text(json.dumps(step["receive"], ensure_ascii=False))
            assert json.loads(json.dumps(told_as_json(event))) == step["event"]


_ONLY_WHERE_TOLD = {"reason", "may_be_anothers", "leaves_open", "evidence"}


def told_as_json(event: Any) -> Any:
    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [plain(inner) for inner in value]
        return str(value) if isinstance(value, Decimal) else value

    if isinstance(event, ResultShown):
        shown = {"invoice": event.invoice, "invoice_url": event.invoice_url, "is_draft": event.is_draft}
        return {"ResultShown": plain(shown)}
    told = {name: value for name, value in dataclasses.asdict(event).items() if name not in _ONLY_WHERE_TOLD or value}
    return {type(event).__name__: plain(told)}


def test_there_are_golden_transcripts() -> None:
    assert len(list(GOLDEN.glob("*.json"))) == 5


def test_one_login_serves_many_submissions() -> None:
    session = session_in(Phase.LOGGED_IN)

    for _ in range(3):
        session.send_invoice(SUBMISSION)
        assert isinstance(session.receive_text(frame("invoice_pdf", RESULT)), ResultShown)


def test_a_second_result_is_told_as_well() -> None:
    session = session_in(Phase.SUBMITTED)

    results = [session.receive_text(frame("invoice_pdf", RESULT)) for _ in range(2)]

    assert all(isinstance(result, ResultShown) for result in results)


def test_a_login_is_sent_once() -> None:
    with pytest.raises(ValueError, match="has sent its login"):
        session_in(Phase.LOGGED_IN).send_login(LOGIN)


def test_a_second_login_answer_is_ignored() -> None:
    session = session_in(Phase.LOGGED_IN)

    assert session.receive_text(frame("login", "0")) == FrameIgnored(IgnoredReason.UNEXPECTED_PHASE)
    assert session.phase is Phase.LOGGED_IN


def test_an_invoice_that_cannot_be_written_changes_nothing() -> None:
    session = session_in(Phase.LOGGED_IN)

    with pytest.raises(ValueError, match="at least one line"):
        session.send_invoice(Submission({"invoiceItems": []}, "a", SecretStr("b")))
    assert session.phase is Phase.LOGGED_IN


def test_a_binary_frame_is_read_as_text() -> None:
    event = session_in(Phase.SUBMITTED).receive_text(b"\xef\xbb\xbf" + frame("invoice_qrcode", "0").encode())

    assert event == QrRefused()


def test_bytes_that_are_no_text_are_ignored() -> None:
    assert session_in(Phase.NEW).receive_text(b"\xff\xfe\x00") == FrameIgnored(IgnoredReason.NOT_JSON)


@pytest.mark.parametrize("text", ["", "   ", "hello", "{", "NaN", '{"data":NaN}', "[" * 100_000, "1" * 5000, "\x00"])
def test_text_that_is_not_json_is_ignored(text: str) -> None:
    assert session_in(Phase.SUBMITTED).receive_text(text) == FrameIgnored(IgnoredReason.NOT_JSON)


@pytest.mark.parametrize("text", ["1", "null", "[]", '"text"', "true", "[{}]"])
def test_json_that_is_no_object_is_ignored(text: str) -> None:
    event = session_in(Phase.SUBMITTED).receive_text(text)

    assert isinstance(event, FrameIgnored)
    assert event.reason in {IgnoredReason.NOT_OBJECT, IgnoredReason.NOT_JSON}


def test_a_frame_that_is_json_text_of_a_frame_is_read() -> None:
    text = json.dumps(frame("login", "1"))

    assert session_in(Phase.LOGIN_PENDING).receive_text(text) == LoginAnswered(accepted=True)


def test_another_users_qr_is_not_kept() -> None:
    event = session_in(Phase.SUBMITTED).receive_text(frame("invoice_qrcode", "secret-qr", "2222"))

    assert event == FrameIgnored(IgnoredReason.OTHER_USER, None)


def test_a_frame_of_another_user_gives_its_own_password_away_nowhere() -> None:
    data = {**RESULT, "sellerLoginPassword": "Fremdes-Wort", "extra": ["Fremdes-Wort", '{"password":"Fremdes-Wort"}']}

    event = session_in(Phase.SUBMITTED).receive_text(frame("invoice_pdf", json.dumps(data), "2222"))

    assert isinstance(event, FrameIgnored)
    assert event.body is not None
    assert b"Fremdes" not in event.body
    assert json.loads(event.body)["data"]["buyerName"] == RESULT["buyerName"]


def test_success_without_an_invoice_is_kept_as_evidence_and_is_no_result() -> None:
    event = session_in(Phase.SUBMITTED).receive_text(frame("invoice_pdf", "1"))

    assert isinstance(event, FrameIgnored)
    assert event.reason == IgnoredReason.NO_DATA
    assert json.loads(event.body or b"")["data"] == "1"


def test_the_callers_own_texts_are_not_masked_even_where_they_equal_a_password() -> None:
    session = session_in(Phase.LOGGED_IN)
    session.send_invoice(dataclasses.replace(SUBMISSION, invoice={**SUBMISSION.invoice, "buyerPhone": PASSWORD}))

    event = session.receive_text(
        frame("invoice_pdf", {**RESULT, "buyerPhone": PASSWORD, "sellerPhone": "Geheim-4711!"})
    )

    assert isinstance(event, ResultShown)
    assert event.invoice["buyerPhone"] == PASSWORD
    assert event.invoice["sellerPhone"] == "***!"


def test_unknown_members_are_kept() -> None:
    invoice = shown({**RESULT, "traceId": "t", "attachments": [{"type": "ofd", "size": 1.5}], "kind": None}).invoice

    assert invoice["traceId"] == "t"
    assert invoice["attachments"] == [{"type": "ofd", "size": Decimal("1.5")}]
    assert "kind" not in invoice


def test_text_that_no_database_takes_is_mended() -> None:
    text = '{"type":"invoice_pdf","sendToId":"1111","data":{"invoiceUrl":"u","remark":"a\\ud800b\\u0000c"}}'

    event = session_in(Phase.SUBMITTED).receive_text(text)

    assert isinstance(event, ResultShown)
    assert event.invoice == {"remark": "a?bc"}


def test_absurd_numbers_are_kept_small() -> None:
    text = (
        '{"type":"invoice_pdf","sendToId":"1111","data":{"invoiceUrl":"u","vipId":1e999999999,"x":1e999999999,'
        '"invoiceItems":[{"quantity":1e999999999,"unitPrice":"1e-999999"}]}}'
    )

    event = session_in(Phase.SUBMITTED).receive_text(text)

    assert isinstance(event, ResultShown)
    assert event.invoice == {"vipId": "1e999999999", "x": "1e999999999", "invoiceItems": [{}]}


# ---- whatever comes ----------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["0", "1", PASSWORD]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text() | st.sampled_from([*RESULT, "data", "password", "buyerIdentification"]), inner)
        | inner.map(json.dumps)
    ),
    max_leaves=12,
)
RESULTS = st.fixed_dictionaries({}, optional=dict.fromkeys([*RESULT, "invoiceNumber", "extra"], JSON))
TYPES = st.sampled_from(["login", "invoice_qrcode", "invoice_pdf", "query_invoice"]) | JSON
PHASES = st.sampled_from(Phase)


@given(PHASES, st.text(st.characters()) | st.binary())
@settings(deadline=None)
def test_nothing_that_may_come_raises(phase: Phase, raw: str | bytes) -> None:
    assert isinstance(session_in(phase).receive_text(raw), FrameIgnored)


@given(PHASES, TYPES, JSON | RESULTS, st.sampled_from([USER_ID, 1111]))
@settings(deadline=None)
def test_whatever_is_told_is_sound(phase: Phase, type_word: Any, data: Any, send_to_id: Any) -> None:
    """Nothing raises; results fit the contract, can be written as UTF-8 and hold no password."""
    event = session_in(phase).receive_text(frame(type_word, data, send_to_id))

    if isinstance(event, ResultShown):
        written = IssuedInvoice.model_validate(event.invoice).model_dump_json().encode()
        assert b"\\u0000" not in written.replace(b"\\\\", b"")
    # The login was sent, so its password is known, from `login_pending` on; before, there is nothing to mask.
    assert phase is Phase.NEW or PASSWORD not in repr(event)


@given(PHASES, TYPES, JSON | RESULTS, JSON.filter(lambda value: value not in (USER_ID, 1111)))
@settings(deadline=None)
def test_a_frame_for_somebody_else_is_never_an_answer(phase: Phase, type_word: Any, data: Any, stranger: Any) -> None:
    session = session_in(phase)

    event = session.receive_text(frame(type_word, data, stranger))

    assert isinstance(event, FrameIgnored)
    assert session.phase is phase


@given(st.lists(st.sampled_from(sorted(FRAMES)), max_size=12))
def test_no_order_of_frames_reaches_a_submission(kinds: list[str]) -> None:
    """Only what we send moves a session to `submitted`."""
    session = session_in(Phase.LOGIN_PENDING)

    for kind in kinds:
        session.receive_text(frame(*FRAMES[kind]))

    assert session.phase is not Phase.SUBMITTED


def test_the_reasons_are_a_bounded_documented_set() -> None:
    assert {str(reason) for reason in IgnoredReason} == {
        "not_json",
        "not_object",
        "oversized",
        "other_user",
        "unexpected_type",
        "unexpected_phase",
        "no_data",
        "unreadable",
    }
