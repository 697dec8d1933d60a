"""`dead list|replay`: messages that were no command, or died in the broker, in the queue `<prefix>.dead`."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from worker.cli.records import AsJson, Limit
from worker.cli.terminal import FAILED, Stop, load_settings, note, quiet_logs, run, say, say_json, table

app = typer.Typer(no_args_is_help=True, help="Messages that were no command, or that the broker itself dead-lettered.")


@app.command("list")
def list_(limit: Limit = 100, as_json: AsJson = False) -> None:
    """List dead letters, oldest first. Bodies are not shown: they may hold a password.

    They are read without being acknowledged. RabbitMQ 4.0 to 4.2 counts each look as a delivery, and a queue with a
    delivery limit drops a message that was delivered too often: do not poll this.
    """

    async def work() -> list[dict[str, Any]]:
        settings = load_settings()
        quiet_logs(settings)
        from worker.cli.broker import broker

        async with broker(settings) as connection:
            return [asdict(letter) async for letter, _ in connection.dead_letters(limit)]

    letters = run(work())
    if as_json:
        say_json([_readable({name: value for name, value in letter.items() if name != "tag"}) for letter in letters])
    elif not letters:
        say("The dead queue is empty.")
    else:
        names = ("code", "type", "source", "id", "size_bytes", "reason")
        table(
            ["code", "type", "source", "id", "bytes", "reason"],
            [[str(letter[name] or "-") for name in names] for letter in letters],
        )


@app.command()
def replay(
    limit: Limit = 100,
    code: Annotated[str | None, typer.Option("--code", help="Only those with this code.")] = None,
    as_json: AsJson = False,
) -> None:
    """Publish dead letters to the commands exchange again, as they came, oldest first.

    Useful after an upgrade that understands them. One that is still no command comes back. One that the broker does not
    take is named and stays, and those behind it are sent; exit code 1 then.
    """

    async def work() -> tuple[int, list[dict[str, Any]]]:
        settings = load_settings()
        quiet_logs(settings)
        from worker.cli.broker import broker

        replayed, left = 0, []
        async with broker(settings) as connection:
            async for letter, message in connection.dead_letters(limit):
                if code is not None and letter.code != code:
                    continue
                try:
                    await connection.send_again(letter, message)
                    replayed += 1
                except Stop as reason:
                    left.append({"id": letter.id, "source": letter.source, "code": letter.code, "why": str(reason)})
        return replayed, left

    count, left = run(work())
    if as_json:
        say_json({"replayed": count, "left": [_readable(letter) for letter in left]})
    else:
        say(f"{count} sent again.")
    for letter in left:
        note(f"left where it is: {letter['id'] or '(no id)'} of {letter['source'] or '(no source)'}: {letter['why']}")
    if left:
        raise typer.Exit(FAILED)


def _readable(letter: dict[str, Any]) -> dict[str, Any]:
    """Its names may be no text: a broker takes any bytes."""
    from worker.ops.redaction import visible

    return {name: visible(value) if isinstance(value, str) else value for name, value in letter.items()}
