"""Commands that need no session: items, files, and what the journal holds."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts.envelope import dumps
from contracts.events import StoredCompleted
from contracts.failures import FailureCode
from tests.builders import MOMENT, make_command, make_found, make_page
from tests.lane_fakes import Script
from tests.unit.lanes.playing import DONE, LONG_LEASE, Played, later, now, waiting_query
from tests.virtual_time import in_virtual_time
from worker.errors import Permanent, Transient
from worker.lanes.runner import LaneRunner
from worker.records import Command, CommandState, own_lane

S = CommandState
FOUND = make_found(1)
ID, NUMBER = FOUND["id"], FOUND["countETicketNumbers"]


def asking(kind: str, key: int = 1, *, source: str = "erp", **data: Any) -> Command:
    """A command without a session, on its own lane."""
    return make_command(
        key=key,
        source=source,
        type=f"invoice.{kind}",
        state=S.WAITING,
        epoch=0,
        attempts=0,
        lane=own_lane(source, f"order-{key}"),
        data=dumps(data),
        secrets={},
    )


def files_of(*ids: str, key: int = 1, **fields: Any) -> Command:
    return asking("files", key, invoiceIdList=list(ids), typeList=["pdf", "ofd", "xml"], **fields)


def stored(key: int = 5, source: str = "erp", **named: Any) -> Command:
    return asking("stored", key, source=source, **{"limit": 100, "offset": 0, **named})


def playing(**settings: Any) -> Played:
    return Played(settings={**LONG_LEASE, **settings})


# ---- items and files -----------------------------------------------------------------------------------


@in_virtual_time
async def test_items_are_told_and_stored_without_a_session() -> None:
    played = playing()
    played.details.lay_out(ID, items=2)

    await played.serve(asking("items", invoiceBasicInfoId=ID))

    assert len(played.completed()["items"]) == 2
    assert [row[0] for row in played.journal.rows("SELECT invoice_id FROM invoice_items")] == [ID]
    assert played.gateway.connections == 0
    assert "userId" not in played.completed()


@in_virtual_time
async def test_files_that_are_not_ready_are_asked_for_again_by_the_schedule() -> None:
    played = playing(files_schedule=(timedelta(seconds=2), timedelta(seconds=10)))
    played.details.lay_out(ID, "pdf", "ofd", "xml")
    later(5, lambda: played.details.lay_out("8", "pdf", "ofd", "xml"))

    await played.serve(files_of(ID, "8"), until=30)

    assert len(played.details.asked_files) == 3
    assert (len(played.completed()["files"]), played.completed()["missingFiles"]) == (6, [])


@in_virtual_time
async def test_files_that_never_come_are_named() -> None:
    played = playing(files_schedule=(timedelta(seconds=2),))
    played.details.lay_out(ID, "pdf")

    await played.serve(files_of(ID), until=10)

    assert played.completed()["missingFiles"] == [ID]
    assert [file["type"] for file in played.completed()["files"]] == ["pdf"]


@in_virtual_time
async def test_items_that_never_come_fail() -> None:
    played = playing(files_schedule=(timedelta(seconds=2),))

    await played.serve(asking("items", invoiceBasicInfoId=ID), until=10)

    assert played.failure()["code"] == FailureCode.HTTP_ERROR
    assert len(played.details.asked_items) == 2


@pytest.mark.parametrize(
    ("fault", "is_over"),
    [(Transient("503"), False), (Permanent(FailureCode.HTTP_ERROR, "no such invoice"), True)],
)
@in_virtual_time
async def test_look_up_that_fails_is_tried_again_unless_that_is_no_use(fault: Exception, is_over: bool) -> None:
    played = playing()
    played.details.lay_out(ID)
    played.details.fails = [fault]

    await played.serve(asking("items", invoiceBasicInfoId=ID), until=10)

    assert played.journal.state_of(1) is (S.FAILED if is_over else S.COMPLETED)


@in_virtual_time
async def test_commands_without_a_session_wait_for_nobody() -> None:
    """Each has a lane of its own, beside the one where a scan takes minutes."""
    played = playing()
    played.details.lay_out(ID)
    played.details.seconds = 10
    played.journal.add(*(asking("items", key, invoiceBasicInfoId=ID) for key in range(1, 11)))
    await played.stage.lease()

    claims = await played.journal.claim("w-1", 20, played.stage.clock.now())

    assert len({claim.lease.lane for claim in claims}) == 10


@in_virtual_time
async def test_drain_puts_the_command_back() -> None:
    played = playing()
    played.details.seconds = 30
    exchange = await played.prepare(files_of(ID))
    later(5, lambda: played.lane_session.interrupt(lease_is_lost=False))

    await exchange.run()

    assert played.journal.state_of(1) is S.WAITING
    assert now() == 5


# ---- whose invoices ------------------------------------------------------------------------------------


async def queried(**settings: Any) -> Played:
    """The source `erp` has queried an invoice."""
    played = Played(
        Script(pages=[[make_page(FOUND), DONE]]), settings={**LONG_LEASE, "session_idle_seconds": 0, **settings}
    )
    played.lay_out(1)
    await played.serve(waiting_query())
    assert played.journal.state_of(1) is S.COMPLETED
    return played


@pytest.mark.parametrize(
    ("known_only", "source", "is_told"), [(False, "other", True), (True, "other", False), (True, "erp", True)]
)
@in_virtual_time
async def test_operator_may_limit_ids_to_what_the_source_knows(known_only: bool, source: str, is_told: bool) -> None:
    """An id alone reaches every customer's invoices."""
    played = await queried(known_invoices_only=known_only)

    await played.serve(files_of(ID, key=2, source=source), asking("items", 3, source=source, invoiceBasicInfoId=ID))

    states = {played.journal.state_of(key) for key in (2, 3)}
    assert states == {S.COMPLETED if is_told else S.FAILED}


@in_virtual_time
async def test_one_unknown_id_among_known_ones_asks_the_gateway_nothing() -> None:
    played = await queried(known_invoices_only=True)
    asked = len(played.details.asked_files)

    await played.serve(files_of(ID, "8", key=2))

    assert played.failure(2)["code"] == FailureCode.HTTP_ERROR
    assert len(played.details.asked_files) == asked


# ---- what is stored ------------------------------------------------------------------------------------


def told(played: Played, key: int = 5) -> list[str]:
    return [each["invoice"]["countETicketNumbers"] for each in played.completed(key)["invoices"]]


@in_virtual_time
async def test_stored_invoices_of_a_query_are_told_by_its_id() -> None:
    played = await queried()
    connections = played.gateway.connections

    await played.serve(stored(commandId="order-1"))

    (invoice,) = played.completed(5)["invoices"]
    assert told(played) == [NUMBER]
    assert (len(invoice["files"]), len(invoice["items"])) == (3, 1)
    assert played.gateway.connections == connections
    StoredCompleted.model_validate(played.completed(5))


@in_virtual_time
async def test_stored_invoice_is_told_by_its_number() -> None:
    played = await queried()

    await played.serve(stored(invoiceNumber=NUMBER))

    assert told(played) == [NUMBER]


@in_virtual_time
async def test_stored_invoice_is_told_by_the_order_that_issued_it() -> None:
    played = await queried()
    issue = make_command(
        key=2, state=S.COMPLETED, seller="91330701MA2M37T86L", order_no="SO-1", invoice_number=NUMBER, epoch=0
    )

    await played.serve(issue, stored(orderNo="SO-1", sellerIndentification="91330701MA2M37T86L"))

    (invoice,) = played.completed(5)["invoices"]
    assert (told(played), invoice["commandId"], invoice["commandState"]) == ([NUMBER], "order-2", "completed")


@pytest.mark.parametrize(
    "named",
    [
        {"commandId": "order-1"},
        {"invoiceNumber": NUMBER},
        {"orderNo": "SO-1", "sellerIndentification": "91330701MA2M37T86L"},
    ],
    ids=str,
)
@in_virtual_time
async def test_nobody_is_told_of_another_tenants_invoices(named: dict[str, Any]) -> None:
    played = await queried()
    issue = make_command(
        key=2, state=S.COMPLETED, seller="91330701MA2M37T86L", order_no="SO-1", invoice_number=NUMBER, epoch=0
    )

    await played.serve(issue, stored(source="other", **named))

    assert played.completed(5)["invoices"] == []
    assert played.completed(5)["total"] == 0


@in_virtual_time
async def test_stored_invoices_that_make_no_message_are_told_in_parts() -> None:
    rows = [make_found(number, note="备" * 500) for number in range(1, 6)]
    played = Played(
        Script(pages=[[make_page(*rows), DONE]]),
        settings={**LONG_LEASE, "session_idle_seconds": 0, "page_event_max_bytes": 4096},
    )
    await played.serve(waiting_query(files=[], items=False))

    numbers, offset, key = list[str](), 0, 5
    while offset < len(rows):
        await played.serve(stored(key, commandId="order-1", offset=offset))
        assert played.completed(key)["total"] == len(rows)
        part = told(played, key)
        assert part
        numbers, offset, key = numbers + part, offset + len(part), key + 1

    assert sorted(numbers) == sorted(row["countETicketNumbers"] for row in rows)


# ---- an idle query session -----------------------------------------------------------------------------


@in_virtual_time
async def test_download_notices_on_an_idle_session_keep_it_however_many_they_are() -> None:
    played = Played(Script(pages=[[make_page(FOUND), DONE]]), settings={**LONG_LEASE, "session_idle_seconds": 30})
    played.lay_out(1)
    claim = await played.stage.claim(waiting_query())
    later(10, lambda: played.gateway.sessions[0].say(*[DONE] * 3000))

    await LaneRunner(played.stage.services, claim).serve()

    assert now() == pytest.approx(30, abs=1)
    assert played.stage.hooks.ignored == []
    assert not played.journal.strays


@in_virtual_time
async def test_query_that_comes_while_the_session_is_idle_uses_it() -> None:
    played = Played(Script(pages=[[make_page(FOUND), DONE]]), settings={**LONG_LEASE, "session_idle_seconds": 30})
    played.lay_out(1)
    claim = await played.stage.claim(waiting_query(1))
    runner = LaneRunner(played.stage.services, claim)

    def come() -> None:
        played.journal.add(replace(waiting_query(2), received_at=MOMENT))
        runner.lane_session.wake()

    later(10, come)
    await runner.serve()

    assert played.gateway.connections == 1
    assert played.journal.state_of(2) is S.COMPLETED
