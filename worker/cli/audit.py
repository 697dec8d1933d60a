"""`audit`: hold a month's list against what the worker knows, and show what does not add up."""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typing_extensions import override

from contracts.envelope import dumps, loads
from contracts.kinds import CommandType
from worker.cli import audit_report as report
from worker.cli import story
from worker.cli.outgoing import DEFAULT_SOURCE, Wishes, read_command
from worker.cli.records import AsJson
from worker.cli.send import Watch, deliver, read_file
from worker.cli.spreadsheet import AsCsv, ForExcel, one_form, write
from worker.cli.terminal import USAGE, Stop, note, quiet_settings, run, said, say, say_json, table

DOES_NOT_ADD_UP: Final = 1
AUDIT_FAILED: Final = 3
_MONTH: Final = re.compile(r"(?P<year>[0-9]{4})-(?P<month>0[1-9]|1[0-2])")


def audit(  # noqa: PLR0913, PLR0917  one parameter per option
    user: Annotated[str, typer.Option("--user", help="The gateway's userId.")],
    month: Annotated[
        str | None, typer.Option("--month", metavar="YYYY-MM", help="A whole month of Beijing, or: last.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="DAY", help="Instead: from this day on.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="DAY", help="Up to this day, included.")] = None,
    credential: Annotated[
        str | None, typer.Option("--credential", help="The mounted login's name; default: as the user is called.")
    ] = None,
    login: Annotated[
        Path | None, typer.Option("--login", metavar="FILE", help="Instead: a JSON file with the login.")
    ] = None,
    source: Annotated[str, typer.Option("--source", help="The tenant whose commands are audited.")] = DEFAULT_SOURCE,
    timeout: Annotated[float, typer.Option("--timeout", help="How long to stay, in seconds.", min=0.1)] = 3600,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    for_excel: ForExcel = False,
) -> None:
    """Hold what the tax bureau lists against what the worker knows, and show what does not add up.

    Exit code: 0 all adds up; 1 something does not, or is open; 2 rejected or not published; 3 failed; 4 timed out.
    """

    async def work() -> tuple[int, "AuditWatch"]:
        one_form(json=as_json, csv=as_csv, excel=for_excel)
        first, last = _days(month, since, until)
        settings = quiet_settings()
        data = {"userId": user, **_access(user, credential, login), "startInvoiceDate": first, "endInvoiceDate": last}
        command = read_command(dumps(data), Wishes(type=CommandType.AUDIT, source=source))
        watch = AuditWatch()
        return await deliver(settings, command, watch, timeout), watch

    code, watch = run(work())
    if watch.completed is not None:
        if as_json:
            say_json({"findings": watch.findings, "completed": watch.completed})
        elif as_csv or for_excel:
            _write(watch.findings, for_excel=for_excel)
        else:
            _show(watch.findings, watch.completed)
        _hint(watch.completed, source)
    raise typer.Exit(code)


class AuditWatch(Watch):
    """Collects the findings; shows nothing but an end that is no result."""

    def __init__(self) -> None:
        super().__init__(as_json=False)
        self.findings: list[dict[str, Any]] = []
        self.completed: dict[str, Any] | None = None

    @override
    def _tell(self, body: bytes, event: dict[str, Any]) -> None:
        outcome, data = story.outcome_of(event), event.get("data") or {}
        if outcome == "finding":
            self.findings += data.get("findings") or []
        elif outcome == "completed":
            self.completed = data
        else:
            story.tell(event)

    @override
    def _exit_code(self) -> int | None:
        outcome = story.outcome_of(self.event)
        if outcome == "completed" and self.completed is not None:
            return 0 if report.adds_up(self.completed) else DOES_NOT_ADD_UP
        return {"failed": AUDIT_FAILED, "rejected": USAGE}.get(outcome)


def _days(month: str | None, since: str | None, until: str | None) -> tuple[str, str]:
    if (month is None) is (since is None or until is None):
        raise Stop("Say which days: --month 2026-11, or --since DAY --until DAY.", USAGE)
    if month is None:
        return str(since), str(until)
    found = _MONTH.fullmatch(_last_month() if month == "last" else month)
    if found is None or not 1 <= int(found["year"]) <= date.max.year - 1:
        raise Stop("--month must be a year and a month, such as 2026-11, or: last.", USAGE)
    first = date(int(found["year"]), int(found["month"]), 1)
    last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return first.isoformat(), last.isoformat()


def _last_month() -> str:
    from worker.clock import SystemClock
    from worker.records import BEIJING

    today = SystemClock().now().astimezone(BEIJING).date()
    return (today.replace(day=1) - timedelta(days=1)).strftime("%Y-%m")


def _access(user: str, credential: str | None, login: Path | None) -> dict[str, Any]:
    if login is None:
        return {"credential": credential or user}
    if credential is not None:
        raise Stop("Say either --credential or --login.", USAGE)
    try:
        return {"login": loads(read_file(str(login)))}
    except ValueError:
        raise Stop("The login's file is not JSON.", USAGE) from None


def _write(findings: list[dict[str, Any]], *, for_excel: bool) -> None:
    if for_excel:  # where nothing needs a stroke
        rows = (["" if cell == "-" else cell for cell in report.row(each)] for each in findings)
        write(report.heads(), rows, for_excel=True)
    else:
        write(report.csv_heads(), map(report.csv_row, findings), for_excel=False)


def _show(findings: list[dict[str, Any]], completed: dict[str, Any]) -> None:
    if findings:
        table(report.heads(), [report.row(each) for each in findings])
        say()
    if completed.get("sums"):
        table(report.sum_heads(), report.sum_rows(completed))
        say()
    first, *others = report.completed(completed)
    say(first, style="good" if report.adds_up(completed) else "bad")
    for line in others:
        say(line, style="warn")


def _hint(completed: dict[str, Any], source: str) -> None:
    if completed["total"] and not completed["matched"] and source == DEFAULT_SOURCE:
        note(
            said(
                f'None of these is of a command of source "{source}": name yours with --source.',
                f"清单中没有来源“{source}”的命令开具的发票：请用 --source 指明您的来源。",
            )
        )
