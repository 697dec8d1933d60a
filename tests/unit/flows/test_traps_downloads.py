"""The traps of the vendor's document that concern files, by their number: notices over the socket, and HTTP."""

import pytest

from tests.builders import (
    MOMENT,
    make_found,
    make_page,
)
from tests.lane_fakes import Script, make_file
from tests.unit.flows.query_driver import one_page
from tests.unit.flows.tables import FILES_SCHEDULE, RULES
from tests.unit.flows.test_look_up import Beside, run
from tests.unit.lanes.playing import DONE, LONG_LEASE, Played, numbers, pages_of, waiting_query
from tests.virtual_time import in_virtual_time
from worker.flows.look_up import FILE_TYPES
from worker.flows.vocabulary import (
    Begin,
    Details,
    DetailsFailed,
    DetailsFetched,
    FetchDetails,
    Input,
    PageRead,
    Settle,
    TimedOut,
)
from worker.ports import DownloadTold

FOUND = make_found()
NUMBER = FOUND["countETicketNumbers"]
FOUND_AND_ANNOUNCED: tuple[Input | Beside, ...] = (
    Begin(session_is_open=True),
    PageRead(make_page(FOUND)),
    Beside(),
    DownloadTold(ok=True),
)
TEXT = " 2024-04-12 10:10:10 "


# ---- download messages ---------------------------------------------------------------------------------


@in_virtual_time
async def test_trap_72_notice_after_the_page_is_waited_for_and_more_of_them_do_no_harm() -> None:
    first, *others = pages_of(3)
    played = Played(Script(pages=[[*first, DONE, DownloadTold(ok=True)], *others]), settings=LONG_LEASE)
    played.lay_out(3)

    await played.run(waiting_query())

    assert played.told() == numbers(3)
    assert played.stage.hooks.ignored == []


def test_trap_73_text_of_a_failure_goes_back_byte_for_byte() -> None:
    driven = one_page()
    driven.notices = [DownloadTold(ok=False, date=TEXT)] * (RULES.download_attempts + 1)

    said = driven.run()

    assert set(driven.retried) == {TEXT}
    assert said["download"] == {"ok": False, "date": TEXT}


def test_trap_73_failure_that_says_nothing_is_never_asked_for_again() -> None:
    driven = one_page()
    driven.notices = [DownloadTold(ok=False)]

    said = driven.run()

    assert (driven.retried, said["download"]) == ([], {"ok": False, "date": None})


def test_trap_74_failures_are_asked_for_again_one_at_a_time_and_not_for_ever() -> None:
    driven = one_page()
    driven.notices = [DownloadTold(ok=False, date=f"2024-04-12 10:10:1{n % 2}") for n in range(50)]

    driven.run()

    assert len(driven.retried) == RULES.download_attempts


def test_trap_75_files_come_over_http_whatever_the_notices_said() -> None:
    driven = one_page()
    driven.notices = [DownloadTold(ok=False)]

    said = driven.run()

    assert said["fileCount"] == 3
    assert [file["type"] for file in driven.pages[0]["invoices"][0]["files"]] == ["pdf", "ofd", "xml"]


# ---- HTTP ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [DetailsFailed("code 500"), DetailsFetched(Details())])
def test_trap_80_number_is_confirmed_although_its_files_are_refused(given: Input) -> None:
    decisions = run(*FOUND_AND_ANNOUNCED, given, *[TimedOut(), given] * 2)

    (move,) = [effect for each in decisions for effect in each.effects if isinstance(effect, Settle)]
    assert move.invoice_number == NUMBER


def test_trap_84_empty_list_means_not_ready_and_is_asked_for_again() -> None:
    driven = one_page(ready=lambda _, round_: ("pdf", "ofd", "xml") if round_ else ())

    said = driven.run()

    assert driven.now == MOMENT + FILES_SCHEDULE[0]
    assert (said["fileCount"], said["missingFiles"]) == (3, [])


def test_trap_84_empty_list_is_never_told_as_no_files() -> None:
    said = one_page(ready=lambda _, __: ()).run()

    assert said["missingFiles"] == [FOUND["id"]]


def test_trap_85_all_types_are_asked_for_by_name() -> None:
    decisions = run(*FOUND_AND_ANNOUNCED)

    assert decisions[-1].effects == (FetchDetails(files_of=(FOUND["id"],), types=("pdf", "ofd", "xml")),)
    assert FILE_TYPES == ("pdf", "ofd", "xml")


@in_virtual_time
async def test_trap_86_file_of_another_invoice_under_our_id_is_not_told() -> None:
    played = Played(Script(pages=pages_of(1)), settings=LONG_LEASE)
    strange = {**make_file(FOUND["id"], "pdf"), "countETicketNumbers": "24332000000000000099"}
    played.details.files_of[FOUND["id"]] = [strange]

    await played.serve(waiting_query(), until=900)

    assert not played.journal.rows("SELECT * FROM invoice_file")
    assert played.completed()["missingFiles"] == [FOUND["id"]]
