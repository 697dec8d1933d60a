"""Whatever shops send: what is admitted is sent in the manual's shape, and the gateway's echo of it completes it.

The worker's own parts and the sandbox's, put together without sockets: any order in a thousand variations, no waiting.
"""

import json
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.commands import CommandType
from contracts.envelope import loads
from contracts.gateway import INVOICE_PDF, LOGIN, plain_number
from tests.builders import MOMENT, make_command
from tests.unit.flows.tables import TIMING
from tests.unit.intake.messages import RULES, order, plain
from worker.flows import issue
from worker.flows.vocabulary import Record
from worker.gateway.session import InvoiceSession
from worker.intake.admission import admit
from worker.lanes.runs.order import ReadOrder, read_order
from worker.ports import LoginFields, ResultShown
from worker.records import Command, CommandState, NewCommand, SubmittedInvoice
from worker.sandbox.replies import frame, result, status
from worker.sandbox.vendor import invoice_violations

USER = "1111"
ODD = "\r\n\t\u200b\ufeff\u202d\u00ad\u3000\u00a0 ＡＢ（）()&<>\"'*|\\/𠮷😀👨‍👩‍👧é́ß字张𫞩\ue000\x00\x85\u2028"
GOOD = "商品服务费abcXYZ0129-_., \t\u200b\u3000（）&'\"𠮷😀é张\ue000"
usual = st.text(st.sampled_from(GOOD), max_size=12)
texts = st.one_of(*[usual] * 9, st.text(st.sampled_from(GOOD + ODD), max_size=12))
names = texts.map(lambda text: f"示例{text}")
nothing = st.sampled_from([None, "", "  "])
prices = st.decimals(min_value="0.01", max_value="99999", places=8) | st.integers(0, 999)
lines = st.fixed_dictionaries(
    {"name": names, "quantity": st.integers(1, 10_000) | st.just("1.00"), "unitPrice": prices.map(str)},
    optional={"spec": texts | nothing, "unit": texts | nothing},
)
tax_ids = st.sampled_from(["91330701MA2DFB848M", " 91330701ma2dfb848m\u200b", "DE123456789", "E12345678"]) | nothing


@st.composite
def shop_orders(draw: st.DrawFn) -> dict[str, Any]:
    """An order as some shop's program might write it, right or wrong."""
    items = draw(st.lists(lines, min_size=1, max_size=4))
    members = draw(
        st.fixed_dictionaries(
            {"buyerName": names, "buyerType": st.integers(0, 1), "buyerInvoiceType": st.sampled_from([0, 0, 0, 1])},
            optional={
                "buyerIndentification": tax_ids,
                "buyerIdentification": nothing,
                "buyerAddress": texts | nothing,
                "buyerPhone": texts | nothing,
                "buyerEmail": nothing | st.just("buyer@example.com"),
                "buyerBank": texts | nothing,
                "remark": st.text(st.sampled_from(GOOD + "\r\n<>null"), max_size=40) | texts | nothing,
            },
        )
    )
    data = order()
    for name in ("buyerIndentification", "remark"):
        del data["invoice"][name]
    data["invoice"] |= {**members, "invoiceItems": items}
    cents = st.decimals(min_value="0.01", max_value="50", places=2).map(str)
    discount = st.fixed_dictionaries({"line": st.integers(1, len(items)), "amount": cents})
    data["discounts"] = draw(st.none() | st.just([]) | st.lists(discount, max_size=2))
    return data


class NoCredentials:
    """Every order here brings its login."""

    def load(self, name: str) -> LoginFields:
        raise AssertionError(name)


def journaled(admitted: NewCommand) -> Command:
    """As the journal hands it to a lane, right after the submission was recorded."""
    return make_command(
        data=admitted.data,
        secrets=dict(admitted.secrets),
        warnings=admitted.warnings,
        state=CommandState.SUBMITTING,
        submitted_at=MOMENT,
    )


def said(sent: ReadOrder) -> dict[str, Any]:
    """What the gateway hears, after a login."""
    session = InvoiceSession(USER)
    session.send_login(sent.access.login)
    session.receive_text(frame(LOGIN, USER, status(True, {}), {}))
    heard: dict[str, Any] = loads(session.send_invoice(sent.submission))["data"]
    answer = result(heard, user_id=USER, url="https://gateway.example/1.pdf", as_draft=False)
    event = session.receive_text(frame(INVOICE_PDF, USER, answer, {}))
    assert isinstance(event, ResultShown)
    return {"heard": heard, "event": event}


@settings(max_examples=150, deadline=None)
@given(shop_orders())
def test_what_is_admitted_is_sent_and_its_echo_completes_it(data: dict[str, Any]) -> None:
    admitted = admit(plain(data), RULES).command
    assert admitted is not None
    if admitted.state is CommandState.REJECTED:
        return  # told why, as other tests show
    command = journaled(admitted)
    sent = read_order(command, NoCredentials())

    exchanged = said(sent)
    assert invoice_violations(exchanged["heard"]) == []
    decision = issue.decide(
        issue.Situation(
            state=issue.IssueState(phase=issue.Phase.SUBMITTED),
            command=command,
            rules=None,
            wish=SubmittedInvoice.read(loads(command.data)),
            timing=TIMING,
            now=MOMENT,
            chance=0.5,
        ),
        exchanged["event"],
    )
    records = [effect for effect in decision.effects if isinstance(effect, Record)]
    assert [record.to for record in records] == [CommandState.COMPLETED]


@settings(max_examples=80, deadline=None)
@given(shop_orders())
def test_a_check_tells_what_is_sent(data: dict[str, Any]) -> None:
    """Member by member and to the last digit, but for the password; and it is accepted where the order is."""
    admitted = admit(plain(data), RULES).command
    checked = admit(plain(data, type=str(CommandType.CHECK)), RULES).command
    assert admitted is not None
    assert checked is not None
    told = loads(checked.events[0].body)["data"]

    assert told["accepted"] == (admitted.state is CommandState.WAITING)
    if told["accepted"]:
        heard = said(read_order(journaled(admitted), NoCredentials()))["heard"]
        assert _as_text(heard | {"sellerLoginPassword": "***"}) == _as_text(typed(told["invoice"]))
        assert told.get("warnings", []) == loads(admitted.warnings)


def typed(invoice: dict[str, Any]) -> dict[str, Any]:
    """As the gateway hears it: numbers, where events have text."""
    numbers = {"quantity", "unitPrice"}
    items = [
        {name: Decimal(v) if name in numbers else v for name, v in item.items()} for item in invoice["invoiceItems"]
    ]
    return invoice | {"invoiceItems": items}


def _as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_text(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_text(inner) for inner in value]
    return plain_number(Decimal(value)) if isinstance(value, Decimal | int) else value


def test_most_of_these_orders_are_admitted() -> None:
    """Else the properties above would show little."""
    verdicts: list[bool] = []

    @settings(max_examples=60, deadline=None, database=None)
    @given(shop_orders())
    def count(data: dict[str, Any]) -> None:
        command = admit(plain(json.loads(json.dumps(data))), RULES).command
        verdicts.append(command is not None and command.state is CommandState.WAITING)

    count()
    assert sum(verdicts) > len(verdicts) / 4
