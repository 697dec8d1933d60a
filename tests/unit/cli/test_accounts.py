"""`accounts list|resume`: whose logins were refused, and letting them try again."""

import json
from datetime import timedelta

from tests.unit.ops.fakes import NOW, FakeOperatorJournal
from worker.records import RefusedAccount

from .conftest import Run

FIRST = RefusedAccount("ab" * 32, "91330106MA27XN2Y1C", "user-1", False, 3, NOW + timedelta(minutes=30), NOW)
SECOND = RefusedAccount("ac" * 32, "91330106MA27XN2Y1D", "user-2", True, 1, None, NOW)


def test_accounts_are_listed_without_any_password(run: Run, journal: FakeOperatorJournal) -> None:
    journal.refused = [FIRST, SECOND]

    text = run("accounts", "list").stdout
    told = json.loads(run("accounts", "list", "--json").stdout)

    assert "abababababab" in text
    assert "look-ups" in text
    assert told[0]["suspendedUntil"] == "2026-01-01T12:30:00.000Z"
    assert [account["isLookUp"] for account in told] == [False, True]


def test_no_account_is_said(run: Run, journal: FakeOperatorJournal) -> None:
    assert "No account" in run("accounts", "list").stdout
    assert journal.refused == []


def test_one_is_resumed_by_the_beginning_of_its_id(run: Run, journal: FakeOperatorJournal) -> None:
    journal.refused = [FIRST, SECOND]

    result = run("accounts", "resume", "abab")

    assert (result.exit_code, result.stdout) == (0, "1 resumed.\n")
    assert journal.refused == [SECOND]


def test_an_id_that_is_nobodys_or_several_ones_is_an_error(run: Run, journal: FakeOperatorJournal) -> None:
    journal.refused = [FIRST, SECOND]

    assert run("accounts", "resume", "ff").exit_code == 1
    assert run("accounts", "resume", "a").exit_code == 2
    assert run("accounts", "resume").exit_code == 2
    assert len(journal.refused) == 2


def test_all_are_resumed_where_that_is_said(run: Run, journal: FakeOperatorJournal) -> None:
    journal.refused = [FIRST, SECOND]

    assert json.loads(run("accounts", "resume", "--all", "--json").stdout) == {"resumed": 2}
    assert journal.refused == []
