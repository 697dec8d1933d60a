"""`status`, `list`, `resolve`, `cancel`, `replay`: what the journal knows of commands, and a person's decisions.
`prune`: forget by age what nobody needs any more.
"""

import re
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from worker.cli import story
from worker.cli.desk import ask
from worker.cli.story_parts import moment
from worker.cli.story_words import state_of
from worker.cli.terminal import (
    USAGE,
    Stop,
    explained,
    note,
    quiet_settings,
    said,
    say,
    say_json,
    show_rows,
)
from worker.durations import UNIT_SECONDS

if TYPE_CHECKING:
    from worker.cli.desk import Desk

CommandId = Annotated[str, typer.Argument(metavar="ID", help="The command's id.")]
IdOrNumber = Annotated[
    str, typer.Argument(metavar="ID", help="The command's id, or the number of its invoice or of its order.")
]
Source = Annotated[str | None, typer.Option("--source", help="The tenant, where several used the id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")]


def status(name: IdOrNumber, source: Source = None, as_json: AsJson = False) -> None:
    """Show a command and its events. Exit code 1 if there is none.

    By an invoice's number it is the command that issued it; by the number of an order, the command that holds it or,
    where none does, the newest, and the others of the order are named.
    """
    with explained():
        settings = quiet_settings()
    command = ask(lambda desk: desk.status(name, source), settings=settings)
    if command["state"] == "waiting":
        from worker.cli.waiting import waited_for

        command["workerSays"] = waited_for(settings)
    _show(command, as_json=as_json)


def list_(
    state: Annotated[
        list[str] | None,
        typer.Option(
            "--state",
            help="Only these; may be repeated. unconfirmed: issued, and no look-up found the number. "
            "broken: the worker met a fault of its own. needs_person: in doubt, and only `resolve` ends it.",
        ),
    ] = None,
    user: Annotated[str | None, typer.Option("--user", help="Only commands of this user.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Only commands of this tenant.")] = None,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List commands, newest first."""
    commands = ask(lambda desk: desk.commands(state or (), limit, user_id=user, source=source))
    names = ("receivedAt", "state", "type", "commandSource", "commandId", "userId", "orderNo")
    heads = said("received state type source id user order", "收到 状态 类型 来源 id 用户 订单号").split()
    show_rows(
        commands,
        dict(zip(names, heads, strict=True)),
        as_json=as_json,
        nothing=said("No such commands.", "没有这样的命令。"),
        rows=[{**each, "receivedAt": moment(each["receivedAt"]), "state": state_of(each)} for each in commands],
    )


def resolve(
    command_id: CommandId,
    issued: Annotated[
        str | None, typer.Option("--issued", metavar="NUMBER", help="It was issued, under this number of 20 digits.")
    ] = None,
    not_issued: Annotated[bool, typer.Option("--not-issued", help="No invoice was issued.")] = False,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Decide a command in doubt, after looking at the tax bureau. It ends with its final event; there is no way back.

    Exit code 1 if it is not in doubt, or the number belongs to another command.
    """
    told = ask(lambda desk: desk.resolve(command_id, source, issued=issued, not_issued=not_issued), writes=True)
    _show(told, as_json=as_json)


def cancel(command_id: CommandId, source: Source = None, as_json: AsJson = False) -> None:
    """End a command that was not submitted, as failed with cancelled; its orderNo is free again.

    Exit code 1 if it was submitted already, or has ended.
    """
    _show(ask(lambda desk: desk.cancel(command_id, source), writes=True), as_json=as_json)


def replay(command_id: CommandId, source: Source = None, as_json: AsJson = False) -> None:
    """Publish all of a command's events again, under the same ids; consumers drop what they know."""
    replayed = ask(lambda desk: desk.replay(command_id, source), writes=True)
    if as_json:
        say_json(replayed)
    else:
        say(f"{replayed['copies']} copies queued; the running worker publishes them.")


def _when(due: str) -> str:
    """A time to come, and how far it is from now in words."""
    from worker.clock import SystemClock

    seconds = (datetime.fromisoformat(due) - SystemClock().now()).total_seconds()
    return f"{moment(due)} ({_until(seconds)})"


def _until(seconds: float) -> str:
    if seconds <= 0:
        return said("due", "已到时间")
    for unit, chinese, length in (("h", "小时", 3600), ("min", "分钟", 60)):
        if seconds >= length:
            return said(f"in {seconds / length:.0f} {unit}", f"{seconds / length:.0f} {chinese}后")
    return said(f"in {seconds:.0f} s", f"{seconds:.0f} 秒后")


def _rest(seller: dict[str, Any] | None) -> str | None:
    if seller is None:
        return None
    count, until = seller["refusals"], seller["until"]
    return said(
        f"{count} orders of the seller were refused in a row; one tries at {moment(until)}",
        f"该销售方连续 {count} 张订单被拒；{moment(until)} 由一张订单再试",
    )


def _show(command: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(command)
        return
    say(f"{command['type']}  {command['commandId']}  {state_of(command)}", style="strong")
    for english, chinese, value in _facts(command):
        if value is not None:
            say(f"  {said(f'{english:<10} ', f'{chinese}：')}{value}")
    day = moment(command["receivedAt"])[:10]
    for number, event in enumerate(command["events"], start=1):
        if (its_day := moment(event["time"])[:10]) != day:
            say(day := its_day, style="faint")
        story.tell(event, is_past=number < len(command["events"]))
        if event["undeliverable"]:
            missing = said("its reply queue is missing", "回复队列不存在")
            say(f"{'':22}{missing}: fapiao-worker replies list", style="warn")
        elif event["unpublished"]:
            waiting = said("not confirmed by the broker yet", "消息服务器尚未确认")
            say(f"{'':22}{waiting}: {', '.join(event['unpublished'])}", style="faint")


def _facts(command: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """What is known beside the events, by its name in both languages; None where nothing is."""
    return [
        ("source", "来源", command["commandSource"]),
        ("user", "用户", command["userId"]),
        ("order", "订单号", command["orderNo"]),
        ("invoice", "发票号码", command["invoiceNumber"]),
        ("received", "收到", moment(command["receivedAt"])),
        ("submitted", "提交", command["submittedAt"] and moment(command["submittedAt"])),
        ("ended", "结束", command["settledAt"] and moment(command["settledAt"])),
        ("deadline", "截止", command["deadline"] and moment(command["deadline"])),
        ("attempts", "尝试次数", command["attempts"]),
        ("look-ups", "已查询次数", command["lookUps"] or None),
        ("next look", "下次查询", command["soughtAt"] and _when(command["soughtAt"])),
        ("reply to", "回复队列", command["replyTo"]),
        ("held", "暂缓", _rest(command.get("sellerRests"))),
        *_lane(command),
        *(("same order", "同一订单", _in_brief(other)) for other in command.get("othersOfOrder", ())),
        *(("worker says", "工作进程说明", _in_words(line)) for line in command.get("workerSays", ())),
    ]


def _in_brief(command: dict[str, Any]) -> str:
    return f"{command['commandId']}  {state_of(command)}  {moment(command['receivedAt'])}"


def _in_words(line: str) -> str:
    from worker.cli.waiting import CHINESE

    return said(line, CHINESE[line])


def _gone() -> str:
    return said(
        "  (its lease has ended: it is dead or hangs; a worker that runs takes over)",
        "（租约已到期：已停止或无响应；由运行中的工作进程接管）",
    )


def _lane(command: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Who has its lane, and what it waits for there."""
    lane, is_waiting = command.get("lane"), command["state"] == "waiting"
    if lane is None:
        return []
    ahead = []
    if lane["running"] is not None and is_waiting:
        ahead.append("{type} {commandId} {commandSource} ({state})".format(**lane["running"]))
    if number := lane["waitingBefore"]:
        ahead.append(said(f"{number} before it", f"前面还有 {number} 条命令"))
    due = _when(lane["dueAt"]) if lane["dueAt"] and is_waiting else None
    return [
        ("worker", "工作进程", lane["worker"] and lane["worker"] + (_gone() if lane["leaseEnded"] else "")),
        ("waits for", "等待", said(", and ", "；").join(ahead) or None),
        ("not before", "不早于", due),
    ]


_MOST_ROUNDS: Final = 10_000
"""Each is a short transaction, so that a running worker hardly notices."""
_AGE: Final = re.compile(r"([0-9]{1,6})([smhd])")
_LONGEST_AGE_SECONDS: Final = 1000 * 365 * 86_400
_WORDS: Final = {
    "commands": "commands with their events",
    "payloads": "issues' data and earlier events; who sent what, how it ended and its number stay",
    "invoices": "invoices",
    "items": "lists of items",
    "files": "file addresses",
    "strays": "replies that settled nothing",
}


def prune(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="What ended longer ago than this: 400d, 36h.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be forgotten.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget ended commands and stored invoices by age, in small steps, beside a running worker if there is one.

    Nothing that still waits, is looked for or is not published yet goes. An issue's identity, end, order number and
    invoice number stay for ever: a repeat must not issue again.
    """
    with explained():
        age = age_of(older_than)

    async def work(desk: "Desk") -> dict[str, int]:
        from contracts.envelope import timestamp
        from worker.clock import SystemClock

        before = timestamp(SystemClock().now() - age)
        counts = Counter(dict.fromkeys(_WORDS, 0))
        for _ in range(1 if dry_run else _MOST_ROUNDS):
            forgotten = await desk.prune(before, dry_run=dry_run)
            counts.update(forgotten)
            if dry_run or not any(forgotten.values()):
                break
        else:
            note("There is more to forget: run it again.")
        return dict(counts)

    counts = ask(work, writes=not dry_run)
    if as_json:
        say_json({"dryRun": dry_run, "forgotten": counts})
        return
    verb = "Would be forgotten" if dry_run else "Forgotten"
    say(f"{verb}, of what ended more than {older_than} ago:", style="strong")
    for name, words in _WORDS.items():
        say(f"{counts[name]:>10}  {words}")


def age_of(text: str) -> timedelta:
    """400d, 36h, 90m or 30s. Raises `Stop`."""
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise Stop("An age is a number with a unit: 400d, 36h, 90m or 30s.", USAGE)
    seconds = int(found[1]) * UNIT_SECONDS[found[2]]
    if seconds > _LONGEST_AGE_SECONDS:
        raise Stop("An age is at most a thousand years.", USAGE)
    return timedelta(seconds=seconds)
