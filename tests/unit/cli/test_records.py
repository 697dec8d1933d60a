"""`status`, `list`, `resolve`, `replay`: exit codes and words."""

import json
from datetime import timedelta

import pytest

from tests.unit.ops.fakes import NOW, NUMBER, FakeOperatorJournal, command, event
from worker.records import CommandState, Copy, OnLane

from .conftest import Run


def test_status_shows_a_command_with_its_events(run: Run, journal: FakeOperatorJournal) -> None:
    journal.tell(1, event(1, "in_doubt", {"reason": "lost", "needsPerson": True}), pending=(Copy.TOPIC,))

    result = run("status", "cmd-1")

    assert result.exit_code == 0
    assert "invoice.issue  cmd-1  in_doubt" in result.stdout
    assert "order      SO-1" in result.stdout
    assert "--issued NUMBER" in result.stdout
    assert "not confirmed by the broker yet: topic" in result.stdout
    assert not journal.is_open


def test_of_past_events_only_what_happened_is_told(run: Run, journal: FakeOperatorJournal) -> None:
    journal.tell(
        1, event(1, "in_doubt", {"reason": "lost", "needsPerson": True}), event(2, "completed", {"invoice": {}})
    )

    assert "--issued NUMBER" not in run("status", "cmd-1").stdout


@pytest.mark.usefixtures("_beijing")
def test_status_tells_whose_lane_it_is_and_what_a_waiting_command_waits_for(
    run: Run, journal: FakeOperatorJournal
) -> None:
    journal.held = [command(state=CommandState.WAITING)]
    journal.lanes[1] = OnLane("w1", ("cmd-0", "erp", "invoice.issue", "scanning"), 2, NOW)

    told = run("status", "cmd-1").stdout

    assert "worker     w1" in told
    assert "waits for  invoice.issue cmd-0 erp (scanning), and 2 before it" in told
    assert "not before 2026-01-01 20:00:00+08:00 (due)" in told
    assert "lease" not in told


def test_status_says_where_the_worker_of_a_lane_is_gone(run: Run, journal: FakeOperatorJournal) -> None:
    """It was named as if it were at work, an hour after its death."""
    journal.held = [command(state=CommandState.SCANNING)]
    journal.lanes[1] = OnLane("w1", None, 0, None, lease_ended=True)

    assert "worker     w1  (its lease has ended: it is dead or hangs; " in run("status", "cmd-1").stdout
    assert json.loads(run("status", "cmd-1", "--json").stdout)["lane"]["leaseEnded"] is True


@pytest.mark.usefixtures("_beijing")
def test_people_read_times_of_where_they_are_and_the_day_where_it_is_another(
    run: Run, journal: FakeOperatorJournal
) -> None:
    """Events showed the time of here, what stood above them UTC's: in Beijing the two lay eight hours apart."""
    evening = NOW.replace(hour=15, minute=30)  # 23:30 there
    journal.held = [command(received_at=evening, submitted_at=evening)]
    lost = {"reason": "lost"}
    journal.tell(1, event(1, "in_doubt", lost, evening), event(2, "in_doubt", lost, evening + timedelta(hours=1)))

    lines = run("status", "cmd-1").stdout.splitlines()

    assert "  received   2026-01-01 23:30:00+08:00" in lines
    assert "  submitted  2026-01-01 23:30:00+08:00" in lines
    assert [line[:10].rstrip() for line in lines if line[:1].isdigit()] == ["23:30:00", "2026-01-02", "00:30:00"]
    assert run("list").stdout.splitlines()[1].startswith("2026-01-01 23:30:00+08:00  ")
    assert json.loads(run("list", "--json").stdout)[0]["receivedAt"] == "2026-01-01T15:30:00.000Z"


def test_status_json_is_one_document(run: Run, journal: FakeOperatorJournal) -> None:
    journal.tell(1, event(1, "in_doubt", {"reason": "lost"}))

    told = json.loads(run("status", "cmd-1", "--json").stdout)

    assert told["commandId"] == "cmd-1"
    assert told["events"][0]["data"]["reason"] == "lost"


def test_a_command_that_is_not_there_is_exit_code_1(run: Run, journal: FakeOperatorJournal) -> None:
    result = run("status", "cmd-9")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "error: There is no command cmd-9 in this journal.\n"


def test_an_id_of_several_sources_is_exit_code_2_and_names_them(run: Run, journal: FakeOperatorJournal) -> None:
    journal.held.append(command(key=2, source="shop"))

    result = run("status", "cmd-1")

    assert result.exit_code == 2
    assert "(erp, shop)" in result.stderr
    assert run("status", "cmd-1", "--source", "shop").exit_code == 0


def test_status_takes_an_order_number_where_no_command_has_that_id(run: Run, journal: FakeOperatorJournal) -> None:
    """An accountant knows the order, not the id under which a program sent it."""
    failed = command(key=2, id="cmd-2", state=CommandState.FAILED)
    journal.held = [command(state=CommandState.COMPLETED, holds_order=True), failed]

    told = run("status", "SO-1")

    assert told.exit_code == 0
    assert "invoice.issue  cmd-1  completed" in told.stdout
    assert "same order cmd-2  failed  " in told.stdout
    assert [other["commandId"] for other in json.loads(run("status", "SO-1", "--json").stdout)["othersOfOrder"]] == [
        "cmd-2"
    ]
    assert "same order" not in run("status", "cmd-1").stdout


def test_status_takes_an_invoices_number(run: Run, journal: FakeOperatorJournal) -> None:
    """Somebody holds the invoice, and asks whose order it was; `resolve` says that a number is another command's."""
    journal.held = [command(), command(key=2, id="cmd-2", invoice_number=NUMBER, state=CommandState.COMPLETED)]

    assert "invoice.issue  cmd-2  completed" in run("status", NUMBER).stdout
    assert run("status", NUMBER, "--source", "shop").exit_code == 1


def test_an_order_number_of_several_sellers_is_exit_code_2_and_names_the_commands(
    run: Run, journal: FakeOperatorJournal
) -> None:
    journal.held = [command(seller="S1"), command(key=2, id="cmd-2", source="shop", seller="S1")]

    result = run("status", "SO-1")

    assert result.exit_code == 2
    assert "cmd-2 of shop, seller S1; cmd-1 of erp, seller S1" in result.stderr
    assert "cmd-2" in run("status", "SO-1", "--source", "shop").stdout
    assert "There is no command SO-2 of source shop" in run("status", "SO-2", "--source", "shop").stderr


def test_list_can_be_narrowed_to_a_user_and_a_source(run: Run, journal: FakeOperatorJournal) -> None:
    journal.held = [command(), command(key=2, id="cmd-2", lane="user-2"), command(key=3, id="cmd-3", source="shop")]
    journal.lost_numbers = [command(key=4, id="cmd-4", source="shop")]

    def listed(*words: str) -> list[str]:
        return [told["commandId"] for told in json.loads(run("list", "--json", *words).stdout)]

    assert listed("--user", "user-1") == ["cmd-3", "cmd-1"]
    assert listed("--user", "user-1", "--source", "erp") == ["cmd-1"]
    assert listed("--state", "unconfirmed", "--source", "shop") == ["cmd-4"]
    assert listed("--state", "unconfirmed", "--source", "erp") == []


def test_list_can_be_narrowed_to_states(run: Run, journal: FakeOperatorJournal) -> None:
    journal.held.append(command(key=2, id="cmd-2", state=CommandState.WAITING))

    assert "cmd-2" in run("list").stdout
    narrowed = run("list", "--state", "in_doubt", "--json")
    assert [told["commandId"] for told in json.loads(narrowed.stdout)] == ["cmd-1"]
    assert run("list", "--state", "completed").stdout == "No such commands.\n"
    assert run("list", "--state", "completed", "--json").stdout == "[]\n"


def test_issued_without_a_number_can_be_listed(run: Run, journal: FakeOperatorJournal) -> None:
    journal.lost_numbers = [command(key=3, id="cmd-3", state=CommandState.COMPLETED)]
    journal.held.append(command(key=2, id="cmd-2", state=CommandState.CHECKING))

    told = run("list", "--state", "unconfirmed").stdout
    assert "cmd-3" in told
    assert "cmd-1" not in told
    assert "cmd-2" in run("list", "--state", "checking").stdout


@pytest.mark.usefixtures("_beijing")
def test_status_says_how_often_and_when_an_invoice_is_looked_for(run: Run, journal: FakeOperatorJournal) -> None:
    journal.held = [command(look_ups=2, sought_at=NOW)]

    told = run("status", "cmd-1").stdout

    assert "look-ups   2" in told
    assert "next look  2026-01-01 20:00:00+08:00" in told


@pytest.mark.usefixtures("_beijing")
def test_status_speaks_chinese_where_the_terminal_does(
    run: Run, journal: FakeOperatorJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    journal.held = [command(look_ups=2, sought_at=NOW)]

    told = run("status", "cmd-1").stdout

    assert "已查询次数：2" in told
    assert "下次查询：2026-01-01 20:00:00+08:00 (已到时间)" in told
    assert "来源：" in told


def test_a_state_that_does_not_exist_is_told_with_those_that_do(run: Run, journal: FakeOperatorJournal) -> None:
    result = run("list", "--state", "sleeping")

    assert result.exit_code == 2
    assert "in_doubt" in result.stderr


def test_resolve_ends_a_doubt_as_issued(run: Run, journal: FakeOperatorJournal) -> None:
    result = run("resolve", "cmd-1", "--issued", NUMBER, "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout)["state"] == "completed"
    assert journal.settlements[0].invoice_number == NUMBER


def test_resolve_ends_a_doubt_as_not_issued(run: Run, journal: FakeOperatorJournal) -> None:
    assert run("resolve", "cmd-1", "--not-issued").exit_code == 0
    assert journal.settlements[0].to is CommandState.FAILED


@pytest.mark.parametrize("words", [[], ["--issued", NUMBER, "--not-issued"], ["--issued", "123"]])
def test_a_decision_that_says_nothing_or_nonsense_is_exit_code_2(
    run: Run, journal: FakeOperatorJournal, words: list[str]
) -> None:
    assert run("resolve", "cmd-1", *words).exit_code == 2
    assert journal.settlements == []


def test_what_is_not_in_doubt_cannot_be_resolved(run: Run, journal: FakeOperatorJournal) -> None:
    journal.held = [command(state=CommandState.COMPLETED)]

    result = run("resolve", "cmd-1", "--not-issued")

    assert result.exit_code == 1
    assert "completed, not in doubt" in result.stderr


def test_replay_queues_the_events_again(run: Run, journal: FakeOperatorJournal) -> None:
    journal.tell(1, event(1, "completed", {}))

    assert run("replay", "cmd-1").stdout.startswith("2 copies queued")
    assert json.loads(run("replay", "cmd-1", "--json").stdout)["copies"] == 2
    assert run("replay", "cmd-9").exit_code == 1


def test_without_a_journal_the_file_that_was_looked_for_is_named(run: Run) -> None:
    result = run("status", "cmd-1")

    assert result.exit_code == 2
    assert "fapiao.db" in result.stderr
    assert "FAPIAO_DATABASE_URL" in result.stderr


def test_cancel_ends_what_was_not_submitted(run: Run, journal: FakeOperatorJournal) -> None:
    journal.held = [command(state=CommandState.WAITING, last_sequence=0, submitted_at=None)]

    result = run("cancel", "cmd-1")

    assert result.exit_code == 0
    assert "invoice.issue  cmd-1  failed" in result.stdout
    assert run("cancel", "cmd-1").exit_code == 1
