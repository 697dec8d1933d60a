"""A command file becomes a message."""

import json
from decimal import Decimal

import pytest

from contracts.envelope import CLOUDEVENTS_JSON, PLAIN_JSON
from worker.cli.outgoing import OutgoingCommand, Wishes, read_command
from worker.cli.terminal import Stop

EVENT = b'{"specversion": "1.0", "id": "a", "source": "/erp", "type": "invoice.issue",  "data": {"price": 9.90}}'


def test_a_cloud_event_that_says_everything_is_left_as_it_is() -> None:
    assert read_command(EVENT) == OutgoingCommand("a", "/erp", "invoice.issue", EVENT, CLOUDEVENTS_JSON)


def test_wishes_replace_what_the_file_says_and_keep_decimals_exact() -> None:
    order = read_command(EVENT, Wishes(id="b", source="/shop"))

    told = json.loads(order.body, parse_float=Decimal)
    assert (order.id, order.source, order.is_id_minted) == ("b", "/shop", False)
    assert (told["id"], told["source"], told["data"]["price"]) == ("b", "/shop", "9.90")


def test_a_new_id_is_minted_on_request_or_where_there_is_none() -> None:
    asked = read_command(EVENT, Wishes(new_id=True))
    missing = read_command(b'{"specversion": "1.0", "type": "invoice.issue", "data": {}}')

    for order in (asked, missing):
        assert order.is_id_minted
        assert order.id not in {"", "a"}
        assert json.loads(order.body)["id"] == order.id
    assert missing.source == "cli"


def test_bare_data_travel_untouched_with_the_rest_as_properties() -> None:
    body = b'{"userId":   "u"}'

    order = read_command(body, Wishes(type="invoice.issue", id="b"))

    assert (order.id, order.source, order.type, order.body) == ("b", "cli", "invoice.issue", body)
    assert order.content_type == PLAIN_JSON
    assert order.is_bare


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "not JSON"),
        (b'{"a": NaN}', "not JSON"),
        (b"\xff", "not UTF-8"),
        (b"[]", "one JSON object"),
        (b'{"userId": "u"}', "--type"),
        (b'{"specversion": "1.0", "id": "a", "data": {}}', "no type"),
    ],
)
def test_what_is_no_command_is_told_apart(body: bytes, says: str) -> None:
    with pytest.raises(Stop, match=says) as stopped:
        read_command(body)
    assert stopped.value.code == 2
