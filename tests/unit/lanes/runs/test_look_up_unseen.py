"""A look-up that could not be made counts for nothing: refusals, losses, logins that are gone."""

import asyncio
from datetime import timedelta

import pytest

from tests.builders import make_command, make_data, make_found, make_invoice, make_page, make_result
from tests.lane_fakes import After, FakeCredentials, Script, make_login_fields
from tests.unit.lanes.playing import DONE, Played, later, now
from tests.unit.lanes.runs.test_look_up import FOUND, LOOKING, S, issued, listing, looking, sought
from tests.virtual_time import EPOCH, in_virtual_time
from worker.errors import Transient
from worker.lanes.runs.order import read_order
from worker.ports import Disconnected, LoginAnswered, QueryRefused
from worker.records import Command

# ---- what could not be seen ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "questions"),
    [
        (Script(refuses=Transient("refused")), 0),
        (Script(query_fails=Transient("reset")), 0),
        (Script(pages=[[Disconnected("reset")]]), 1),
        (Script(pages=[[QueryRefused()]]), 1),
        (Script(pages=[[]]), 1),
    ],
    ids=["no connection", "lost while asking", "lost while waiting", "refused", "unanswered"],
)
@in_virtual_time
async def test_look_that_saw_nothing_counts_for_nothing_and_is_made_again_later(script: Script, questions: int) -> None:
    played = looking(script, listing(FOUND))
    played.lay_out(1)

    await played.serve(sought())
    assert played.journal.commands[1].look_ups == 0
    assert played.journal.commands[1].sought_at is not None
    assert played.journal.commands[1].sought_at >= EPOCH + timedelta(seconds=59)
    assert not played.journal.outcomes_of(1)
    assert not played.gateway.open_sessions
    assert played.stage.hooks.verdicts == ["put_off"]

    await played.serve(until=now() + 120)
    assert played.journal.outcomes_of(1) == ["completed", "confirmed"]
    played.check()


@in_virtual_time
async def test_login_that_keeps_being_refused_rests_longer_each_time_and_stops_no_order() -> None:
    """After half an hour, an hour, two: it is told once. What look-ups are refused counts for them alone."""
    played = looking(Script(pages=[[LoginAnswered(accepted=False)]]))

    await played.serve(sought(), until=4 * 3600)

    assert len(played.gateway.queries) == 4
    assert [(is_look_up, state.refusals) for (_, is_look_up), state in played.journal.accounts.items()] == [(True, 4)]
    assert played.journal.state_of(1) is S.IN_DOUBT
    assert played.journal.outcomes_of(1) == ["in_doubt"]
    assert played.journal.commands[1].look_ups == 0


@in_virtual_time
async def test_issued_order_whose_login_stays_refused_is_unconfirmed_in_the_end() -> None:
    played = looking(Script(pages=[[LoginAnswered(accepted=False)]]))

    await played.serve(issued(1, settled_at=EPOCH), until=4 * 3600)

    assert played.journal.outcomes_of(1) == ["unconfirmed"]
    assert "refuses the login" in played.said("unconfirmed")[0]["message"]
    assert played.journal.commands[1].sought_at is None
    assert not played.journal.commands[1].secrets
    assert played.stage.hooks.verdicts[-1] == "put_off"


@in_virtual_time
async def test_login_that_works_is_taken_by_the_look_ups_that_were_refused() -> None:
    """An order in doubt whose password was changed meanwhile: the next order with the new one brings it along."""
    played = looking(
        Script(pages=[[LoginAnswered(accepted=False)]]),
        Script(submissions=[[make_result(make_invoice(remark="2"))]]),
        listing(make_found(1, note="1")),
    )
    await played.serve(sought(remark="1"), until=60)
    assert played.journal.outcomes_of(1) == ["in_doubt"]
    data = make_data(invoice=make_invoice(remark="2"))
    newer = make_command(key=2, state=S.WAITING, data=data, secrets={"/login/password": "mended"})

    await played.serve(newer, until=now() + 300)

    assert played.journal.outcomes_of(1) == ["in_doubt", "completed", "confirmed"]
    assert played.journal.calls["renew_password"] == 1
    assert played.gateway.queries[-1].login.password.get_secret_value() == "mended"


@pytest.mark.parametrize("answer", ["account", "count_login", "settle"])
@in_virtual_time
async def test_account_that_is_resumed_while_a_look_up_ends_for_it_is_looked_with_at_once(answer: str) -> None:
    """Whichever answer of the journal the look-up still waits for: what it has read of the account is old by then."""
    refused = Script(pages=[[LoginAnswered(accepted=False)]])
    played = looking(*([] if answer == "account" else [refused]), listing(FOUND))
    played.lay_out(1)
    journal, clock = played.journal, played.stage.clock
    if answer == "account":
        login = read_order(make_command(), FakeCredentials()).access.counted("u1", is_look_up=True)
        hour = timedelta(hours=1)
        await journal.count_login(login, accepted=False, now=clock.now(), threshold=1, suspend=hour)
    journal.delays[answer] = 10
    resuming: list[asyncio.Future[int]] = []
    later(5, lambda: resuming.append(asyncio.ensure_future(journal.resume_accounts([], clock.now()))))

    await played.serve(sought(), until=60)

    assert await resuming[0] == 1
    assert played.journal.outcomes_of(1)[-2:] == ["completed", "confirmed"]
    assert len(played.gateway.queries) == (1 if answer == "account" else 2)
    played.check()


@in_virtual_time
async def test_look_without_a_login_is_put_off() -> None:
    played = looking(listing(FOUND))

    await played.serve(sought(secrets={}))

    assert played.gateway.connections == 0
    assert played.journal.state_of(1) is S.IN_DOUBT
    assert played.journal.commands[1].look_ups == 0


@pytest.mark.parametrize(("newer", "used"), [({"/login/password": "newer"}, "newer"), ({}, "older")])
@in_virtual_time
async def test_newest_login_that_can_be_had_serves_all(newer: dict[str, str], used: str) -> None:
    played = looking(listing(FOUND))
    played.lay_out(1)
    second = sought(2, remark="2", submitted_at=EPOCH + timedelta(seconds=1), secrets=newer)

    await played.serve(second, sought(1, secrets={"/login/password": "older"}))

    (order,) = played.gateway.queries
    assert order.login.password.get_secret_value() == used


@pytest.mark.parametrize(
    ("login", "is_asked"),
    [
        ({}, True),
        ({"phone": "13900000000"}, True),
        ({"company_code": "91330701MA2M37T86X"}, False),
    ],
    ids=["the same account", "another clerk of the seller", "another company"],
)
@in_virtual_time
async def test_credential_that_names_another_company_by_now_is_not_looked_with(
    login: dict[str, str], is_asked: bool
) -> None:
    """What that company's list does not hold proves nothing."""
    credentials = FakeCredentials(main=make_login_fields(**login))
    played = Played(listing(), settings=LOOKING, credentials=credentials)
    data = make_data(credential="main")

    await played.serve(sought(look_ups=1, data=data, secrets={}))

    assert bool(played.gateway.queries) is is_asked
    assert played.journal.state_of(1) is (S.FAILED if is_asked else S.IN_DOUBT)


UNREADABLE = pytest.mark.parametrize(
    "data", [b"{}", b'{"userId":"1111","invoice":7}', b"\xff"], ids=["empty", "odd", "no JSON"]
)
"""One row in which a bit was turned, or that another version wrote."""


@UNREADABLE
@in_virtual_time
async def test_an_issued_order_that_cannot_be_read_holds_up_no_other(data: bytes) -> None:
    """The account's other orders are looked for."""
    played = looking(listing(FOUND))
    played.lay_out(1)
    before = EPOCH - timedelta(days=5)

    await played.serve(sought(), issued(2, data=data, submitted_at=before, settled_at=before))

    assert played.journal.outcomes_of(1) == ["completed", "confirmed"]
    assert played.journal.outcomes_of(2) == ["unconfirmed"]
    assert [played.journal.commands[key].sought_at for key in (1, 2)] == [None, None]
    assert len(played.gateway.queries) == 1


@UNREADABLE
@in_virtual_time
async def test_an_order_in_doubt_that_cannot_be_read_is_a_persons(data: bytes) -> None:
    """As long as it is, an invoice that is listed may be its own."""
    played = looking(listing(FOUND))

    await played.serve(sought(), sought(2, data=data))

    (said,) = played.said("in_doubt", 2)
    assert (said["needsPerson"], said["candidates"]) == (True, [])
    assert (played.journal.state_of(2), played.journal.commands[2].sought_at) == (S.IN_DOUBT, None)
    assert (played.journal.state_of(1), played.journal.commands[1].look_ups) == (S.IN_DOUBT, 1)
    assert played.stage.hooks.verdicts == ["person", "again"]


# ---- orders that come while a page does not --------------------------------------------------------------


def _order(key: int) -> Command:
    return make_command(key=key, state=S.WAITING, epoch=0, attempts=0)


@in_virtual_time
async def test_order_does_not_wait_for_a_page_that_does_not_come() -> None:
    """A gateway whose list hangs holds up no order for the two minutes that a page may take."""
    played = looking(Script(submissions=[[make_result()]], pages=[[]]))
    later(5, lambda: played.journal.add(_order(100)))

    await played.serve(issued(1, sought_at=EPOCH), until=30)

    submitted_at = played.journal.commands[100].submitted_at
    assert submitted_at is not None
    assert submitted_at - EPOCH < timedelta(seconds=16)
    assert played.journal.state_of(100) is S.COMPLETED
    assert played.gateway.most_open_of_one_user == 1


@in_virtual_time
async def test_order_waits_for_a_page_that_comes_in_time() -> None:
    """Else the list would be asked for again and again."""
    page = make_page(FOUND, total=1, has_next=False)
    played = looking(Script(submissions=[[make_result()]], pages=[[After(12, page), DONE]]))
    later(5, lambda: played.journal.add(_order(100)))

    await played.serve(sought(sought_at=EPOCH), until=30)

    assert len(played.gateway.queries) == 1
    assert played.journal.outcomes_of(1)[0] == "completed"


@in_virtual_time
async def test_slow_list_is_read_in_the_end_though_orders_never_cease() -> None:
    """A page takes forty seconds, and an order comes every ten: after a quarter of an hour they wait for it."""
    page = make_page(FOUND, total=1, has_next=False)
    played = looking(Script(submissions=[[make_result()]], pages=[[After(40, page), DONE]]))
    for number in range(1, 120):
        later(10 * number, lambda key=1000 + number: played.journal.add(_order(key)))

    await played.serve(issued(1, sought_at=EPOCH), until=1200)

    assert "again" in played.stage.hooks.verdicts or played.journal.outcomes_of(1)
    assert 3 < len(played.gateway.queries) < 80
    assert played.gateway.most_open_of_one_user == 1
