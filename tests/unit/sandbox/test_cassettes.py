"""A recorded exchange holds nothing that belongs to one sandbox or one person, and plays for another order."""

from typing import Any

import pytest

from worker.sandbox.cassettes import Cassette, Replays, read_cassette, recorded, steps
from worker.sandbox.dialogue import AwaitScan, Issue, Pause, Say, ShowQr
from worker.sandbox.tapes import Tapes

ORDER: dict[str, Any] = {"buyerName": "甲", "remark": "hunter22", "sellerLoginPassword": "hunter22", "buyerType": 0}
URL = "http://127.0.0.1:1/files/7.pdf"


def tape(**changes: Any) -> Any:
    made = Tapes().begin(1, "now", "u", ORDER, 10.0, ["hunter22"])
    made.tell(10.0, "invoice_qrcode", "data:image/png;base64," + "A" * 500)
    made.tell(
        14.0, "invoice_pdf", {"buyerName": "甲", "sellerLoginPassword": "hunter22", "buyerType": "0", "invoiceUrl": URL}
    )
    made.state, made.invoice = "invoice.issued", "7"
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def test_a_record_holds_no_password_no_picture_and_no_address() -> None:
    record = recorded(tape(), URL)
    assert record.frames[0] == (0.0, "invoice_qrcode", "{qr}")
    assert record.frames[1][2]["invoiceUrl"] == "{invoiceUrl}"
    assert "hunter22" not in str(record)
    assert read_cassette(record.as_json()) == record


def test_it_plays_for_another_order_what_it_echoed_of_its_own() -> None:
    record = recorded(tape(), URL)
    done = steps(record, {"buyerName": "乙", "remark": "r", "sellerLoginPassword": "p", "buyerType": 1})
    assert done[:5] == (Pause(0.0), ShowQr("data_uri"), AwaitScan(), Pause(0.0), Issue())
    (told,) = (step for step in done if isinstance(step, Say))
    assert told.data == {"buyerName": "乙", "sellerLoginPassword": "p", "buyerType": 1, "invoiceUrl": "{invoiceUrl}"}


def test_an_invoice_that_nobody_told_of_is_issued_all_the_same() -> None:
    record = Cassette(frames=((1.0, "invoice_qrcode", "0"),), is_issued=True)
    assert steps(record, {})[-1] == Issue()
    assert Issue() not in steps(Cassette(frames=record.frames), {})


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        {},
        {"frames": {}},
        {"frames": [[1, "a"]]},
        {"frames": [["x", "a", None]]},
        {"frames": [[-1, "a", None]]},
        {"frames": [["nan", "a", None]]},
        {"frames": [[0, "a", None]] * 101},
        {"frames": [], "order": []},
        {"frames": [], "else": 1},
    ],
)
def test_what_is_no_record_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match=r"record|order|frame"):
        read_cassette(given)


def test_a_replay_meets_so_many_orders_and_its_own_user_first() -> None:
    replays, mine, anybodys = Replays(), Cassette(is_issued=True), Cassette()
    replays.set("u", mine, 2)
    replays.set("*", anybodys, 1)
    assert [replays.take("u"), replays.take("u"), replays.take("u"), replays.take("u")] == [mine, mine, anybodys, None]
    replays.set("u", mine, 1)
    replays.clear()
    assert replays.take("u") is None
