"""`accounts list|resume`: tax-bureau accounts whose logins were refused, and a way to let them try again."""

from typing import Annotated, Any

import typer

from worker.cli.records import AsJson, Limit
from worker.cli.terminal import USAGE, Stop, explained, load_settings, quiet_logs, run, say, say_json, table

app = typer.Typer(no_args_is_help=True, help="Accounts whose logins were refused.")

Ids = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", help="As `accounts list` shows them; a beginning is enough.")
]
All = Annotated[bool, typer.Option("--all", help="All of them.")]
SHOWN_ID_CHARS = 12


@app.command("list")
def list_(limit: Limit = 100, as_json: AsJson = False) -> None:
    """List them, the latest refusal first. An account appears once per password that was refused."""

    async def work() -> list[dict[str, Any]]:
        from worker.cli.desk import desk

        settings = load_settings()
        quiet_logs(settings)
        async with desk(settings, writes=False) as operations:
            found: list[dict[str, Any]] = await operations.accounts(limit)
            return found

    accounts = run(work())
    if as_json:
        say_json(accounts)
    elif not accounts:
        say("No account's last login was refused.")
    else:
        table(
            ["id", "company", "user", "for", "refusals", "last", "rests until"],
            [
                [
                    str(account["id"])[:SHOWN_ID_CHARS],
                    str(account["companyCode"]),
                    str(account["userId"]),
                    "look-ups" if account["isLookUp"] else "orders",
                    str(account["refusals"]),
                    str(account["refusedAt"]),
                    str(account["suspendedUntil"] or "-"),
                ]
                for account in accounts
            ],
        )


@app.command()
def resume(ids: Ids = None, every: All = False, as_json: AsJson = False) -> None:
    """Let them log in again at once, after the login was mended. Say ids, or --all."""
    with explained():
        if bool(ids) == every:
            raise Stop("Say which: ids as `fapiao-worker accounts list` shows them, or --all.", USAGE)

    async def work() -> dict[str, Any]:
        from worker.cli.desk import desk

        settings = load_settings()
        quiet_logs(settings)
        async with desk(settings, writes=True) as operations:
            return await operations.resume_accounts(ids or [])

    done = run(work())
    if as_json:
        say_json(done)
    else:
        say(f"{done['resumed']} resumed.")
