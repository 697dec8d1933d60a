"""A whole Fapiao Worker as its users meet it: a worker process, the sandbox, a real broker, a publisher.

Only what is visible from outside is used: messages in, events out, the sandbox's books, the command line.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aio_pika
import httpx
from aio_pika.abc import AbstractChannel, AbstractRobustConnection

from contracts.commands import CommandType
from tests.plain_http import NO_TLS
from tests.scenarios.messages import make_order
from tests.scenarios.nursery import Forked, nursery
from tests.scenarios.schemas import violations_of
from tests.scenarios.worker_process import PATIENCE_SECONDS, WorkerProcess
from worker.clock import SystemClock
from worker.journal import open_journal
from worker.ports import Journal
from worker.records import FINAL as FINAL_STATES
from worker.records import CommandState
from worker.sandbox.server import Sandbox, SandboxOptions
from worker.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
FINAL = ("completed", "failed", "rejected")
JOURNAL_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

QUICK = {
    "FAPIAO_HTTP_PORT": "0",
    "FAPIAO_LOG_FORMAT": "json",
    "FAPIAO_LEASE_SECONDS": "20",
    "FAPIAO_POLL_SECONDS": "0.2",
    "FAPIAO_RETRY_MIN_SECONDS": "0.2",
    "FAPIAO_RETRY_MAX_SECONDS": "1",
    "FAPIAO_RECONNECT_PAUSE_SECONDS": "0.05",
    "FAPIAO_SESSION_IDLE_SECONDS": "1",
    "FAPIAO_DRAIN_SECONDS": "2",
    "FAPIAO_REFUSAL_GRACE_SECONDS": "0.5",
    "FAPIAO_REFUSAL_SCHEDULE": "0.3s",
    "FAPIAO_REFUSALS_IN_ROW": "0",
    "FAPIAO_RECONCILE_SCHEDULE": "1h",
    "FAPIAO_CONFIRM": "false",
    "FAPIAO_FILES_SCHEDULE": "0.2s,0.5s",
    "FAPIAO_DOWNLOAD_TIMEOUT_SECONDS": "5",
    "FAPIAO_DOWNLOAD_GRACE_SECONDS": "0.2",
}
"""Settings that make waiting short; none of them changes what is promised."""


class EmptyId(str):
    """No text, and yet not nothing."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return True


@dataclass
class Stack:
    """Everything around the workers of one test."""

    amqp_url: str
    prefix: str
    database_url: str
    folder: Path
    options: SandboxOptions = field(default_factory=lambda: SandboxOptions(qr="never"))
    settings: dict[str, str] = field(default_factory=dict)
    sandbox_type: type[Sandbox] = Sandbox
    workers: list[WorkerProcess] = field(default_factory=list)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    messages: list[aio_pika.abc.AbstractIncomingMessage] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    """Where an event that came is not what its published schema says."""

    async def __aenter__(self) -> Self:
        self.sandbox = self.sandbox_type(self.options)
        await self.sandbox.start()
        self.connection: AbstractRobustConnection = await aio_pika.connect_robust(self.amqp_url)
        self.channel: AbstractChannel = await self.connection.channel(publisher_confirms=True)
        self.replies = f"{self.prefix}.replies"
        queue = await self.channel.declare_queue(self.replies, durable=True)
        await queue.consume(self._take, no_ack=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_workers(show=error is not None)
        await self.connection.close()
        await self.sandbox.stop()
        assert error is not None or not self.violations, self.violations

    def end_workers(self, *, show: bool) -> None:
        """Kill those that run, and print what the last ones said, if wanted."""
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.kill()
        for worker in self.workers[-5:] if show else []:
            print(f"--- {worker.log_path.name}\n{worker.log()[-6000:]}")

    async def _take(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        event = json.loads(message.body)
        self.messages.append(message)
        self.violations += violations_of(event)
        self.events[event["subject"]].append(event)

    async def prepare(self) -> None:
        """Give PostgreSQL its schema, as an operator would; SQLite gets it from `run`."""
        if self.database_url.startswith("postgres"):
            journal = self.journal()
            await journal.upgrade()
            await journal.close()

    def journal(self) -> Journal:
        """The store, to look at beside the running workers."""
        keys = {"journal_keys": JOURNAL_KEY, "database_url": self.database_url}
        return open_journal(Settings.model_validate(keys), SystemClock(), readonly=True)

    # ---- workers -----------------------------------------------------------------------------------

    def environment(self, **settings: str) -> dict[str, str]:
        """What a worker or a command line of this stack runs with."""
        outside = {name: value for name, value in os.environ.items() if not name.startswith("FAPIAO_")}
        own = {
            "FAPIAO_AMQP_URL": self.amqp_url,
            "FAPIAO_PREFIX": self.prefix,
            "FAPIAO_DATABASE_URL": self.database_url,
            "FAPIAO_GATEWAY_URL": self.sandbox.url,
            "FAPIAO_JOURNAL_KEYS": JOURNAL_KEY,
        }
        return outside | QUICK | own | self.settings | settings

    async def begin(self, **settings: str) -> WorkerProcess:
        """A worker that consumes, on a database with its schema. Keywords as for `start_worker`."""
        await self.prepare()
        worker = self.start_worker(**settings)
        await self.worker_is_consuming()
        return worker

    def start_worker(self, **settings: str) -> WorkerProcess:
        """Start a worker; it need not be ready yet. Keywords are settings, in capitals without the prefix."""
        given = {f"FAPIAO_{name.upper()}": value for name, value in settings.items()}
        environment = self.environment(**given)
        if not nursery().can_have(environment):
            return self.start_process([sys.executable, "-m", "worker", "run"], environment)
        return self._started(lambda log: nursery().start(["run"], environment, log))

    def start_process(self, command: Sequence[str], environment: dict[str, str]) -> WorkerProcess:
        """Start what works on the queue, its log in a file of its own; killed at the end of the test."""

        def start(log_path: Path) -> "subprocess.Popen[bytes]":
            with log_path.open("wb") as log:
                return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)

        return self._started(start)

    def _started(self, start: "Callable[[Path], subprocess.Popen[bytes] | Forked]") -> WorkerProcess:
        log_path = self.folder / f"worker-{len(self.workers)}.log"
        worker = WorkerProcess(start(log_path), log_path)
        self.workers.append(worker)
        return worker

    async def worker_is_consuming(self, *, workers: int = 1) -> None:
        """Wait until so many consume the issue queue, or more; with 0 until nobody does."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (found := await self.consumers()) < workers or (found and not workers):
                await asyncio.sleep(0.1)

    async def consumers(self) -> int:
        """How many consume the issue queue. Not to be cancelled: the broker hangs up on half a question."""
        try:
            look = await self.connection.channel()
            async with look:
                queue = await look.declare_queue(f"{self.prefix}.issue", passive=True)
                return queue.declaration_result.consumer_count or 0
        except aio_pika.exceptions.AMQPError:
            return 0

    async def command_line(self, *words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        """Run `fapiao-worker …` to its end."""
        given = {f"FAPIAO_{name.upper()}": value for name, value in settings.items()}
        if nursery().can_have(self.environment(**given)):
            return await self._forked_command_line(words, self.environment(**given))
        return await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "worker", *words],
            cwd=ROOT,
            env=self.environment(**given),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    async def _forked_command_line(
        self, words: Sequence[str], environment: dict[str, str]
    ) -> "subprocess.CompletedProcess[str]":
        with tempfile.TemporaryDirectory() as name:
            out, errors = Path(name) / "out", Path(name) / "errors"
            process = nursery().start(words, environment, out, errors)
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while (status := process.poll()) is None:
                        await asyncio.sleep(0.02)
            finally:
                process.kill()
            said, told = (path.read_text(encoding="utf-8") for path in (out, errors))
        return subprocess.CompletedProcess(list(words), status, said, told)

    # ---- publishing and watching -------------------------------------------------------------------

    async def publish(self, command_id: str, data: object, **properties: Any) -> None:
        """Publish one command in the plain form, confirmed; a body given as bytes goes as it is."""
        body = data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode()
        given: dict[str, Any] = {
            "content_type": "application/json",
            "message_id": command_id,
            "type": "invoice.issue",
            "app_id": "tests",
            "reply_to": self.replies,
            "delivery_mode": 2,
        }
        message = aio_pika.Message(body, **given | properties)
        exchange = await self.channel.get_exchange(f"{self.prefix}.commands", ensure=False)
        is_known = message.type in set(CommandType)
        await exchange.publish(message, routing_key=str(message.type) if is_known else "invoice.issue")

    @staticmethod
    def new_id() -> str:
        """An id that nobody used."""
        return f"c-{uuid.uuid4().hex[:10]}"

    async def publish_without_id(self, data: object) -> None:
        """Publish a body that nothing identifies: the client library would mint an id where it finds none."""
        message = aio_pika.Message(json.dumps(data).encode(), content_type="application/json", delivery_mode=2)
        message.message_id = EmptyId()
        exchange = await self.channel.get_exchange(f"{self.prefix}.commands", ensure=False)
        await exchange.publish(message, routing_key="invoice.issue")

    async def publish_order(self, user: str = "user-1", **changes: Any) -> str:
        """Publish a good order under a new id; the id stands in the remark, so that the sandbox's books name it."""
        command_id = changes.pop("command_id", None) or self.new_id()
        await self.publish(command_id, make_order(command_id, user, **changes))
        return command_id

    @staticmethod
    def in_seconds(seconds: float) -> str:
        """That moment in RFC 3339, for a command's deadline."""
        return (SystemClock().now() + timedelta(seconds=seconds)).isoformat()

    async def until_copies(self, command_id: str, count: int) -> None:
        """Wait until so many events of a command have come, repeats counted."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.events[command_id]) < count:
                await asyncio.sleep(0.02)

    async def wait_for(self, holds: Callable[[], bool]) -> None:
        """Wait until it holds. To look takes a tenth of the time at most: there may be thousands to look through."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                looked = time.thread_time()
                if holds():
                    return
                await asyncio.sleep(max(0.02, 9 * (time.thread_time() - looked)))

    async def pause(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    async def listen_to_topic(self, pattern: str = "#") -> "asyncio.Queue[dict[str, Any]]":
        """Everything published to the events exchange from now on."""
        heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        queue = await self.channel.declare_queue(exclusive=True)
        await queue.bind(f"{self.prefix}.events", pattern)

        async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            heard.put_nowait(json.loads(message.body))

        await queue.consume(take, no_ack=True)
        return heard

    @staticmethod
    async def next_from(heard: "asyncio.Queue[dict[str, Any]]") -> dict[str, Any]:
        """The next event heard."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await heard.get()

    async def until_submitted(self, command_id: str) -> None:
        """Wait until the sandbox received this order."""
        await self.wait_for(lambda: self.submissions(command_id) > 0)

    async def until_outcomes(self, command_ids: Sequence[str], outcome: str, count: int) -> None:
        """Wait until so many of these commands have that outcome."""
        await self.wait_for(lambda: sum(outcome in self.said(one) for one in command_ids) >= count)

    @staticmethod
    async def ask(port: int, path: str, host: str = "127.0.0.1") -> httpx.Response:
        """What a worker that listens on this port answers an operator."""
        async with httpx.AsyncClient(verify=NO_TLS, timeout=PATIENCE_SECONDS, trust_env=False) as client:
            return await client.get(f"http://{host}:{port}{path}")

    def said(self, command_id: str) -> list[str]:
        """The outcomes told so far, repeats left out, in order of arrival."""
        by_id = {event["id"]: event["type"].rpartition(".")[2] for event in self.events[command_id]}
        return list(by_id.values())

    def last(self, command_id: str, outcome: str) -> dict[str, Any]:
        """The data of the newest event of that outcome."""
        found = [event for event in self.events[command_id] if event["type"].endswith(f".{outcome}")]
        assert found, f"{command_id}: no {outcome} among {self.said(command_id)}"
        data: dict[str, Any] = found[-1]["data"]
        return data

    async def until(self, command_ids: Sequence[str], outcomes: Sequence[str]) -> None:
        """Wait until each command has one of these outcomes."""
        try:
            await self.wait_for(lambda: all(set(self.said(one)) & set(outcomes) for one in command_ids))
        except TimeoutError:
            missing = {one: self.said(one) for one in command_ids if not set(self.said(one)) & set(outcomes)}
            raise AssertionError(f"no {outcomes} within {PATIENCE_SECONDS} s: {missing}") from None

    # ---- the promises ------------------------------------------------------------------------------

    def submissions(self, command_id: str) -> int:
        """How often the sandbox received this order."""
        return sum(
            count
            for remark, count in self.sandbox.ledger.submissions_by_remark.items()
            if remark.startswith(command_id)
        )

    def check_promises(self, command_ids: Sequence[str]) -> None:
        """At most one submission, exactly one final event id or a doubt, one socket per `userId`."""
        for command_id in command_ids:
            finals = {e["id"] for e in self.events[command_id] if e["type"].rpartition(".")[2] in FINAL}
            outcomes = self.said(command_id)
            assert self.submissions(command_id) <= 1, f"{command_id} was submitted twice"
            assert len(finals) == 1 or (not finals and "in_doubt" in outcomes), f"{command_id}: {outcomes}"
        for user in {event["data"].get("userId") for one in command_ids for event in self.events[one]} - {None}:
            assert self.sandbox.vendor.of(user).max_concurrent <= 1, f"two sockets of {user} at once"

    async def check_nothing_is_left(self) -> None:
        """No command under way, no event unpublished, nothing waiting in the issue queue."""
        journal = self.journal()
        await journal.open()
        left: list[str] = []
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while left := await self._left_in(journal):
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"still under way: {left}") from None
        finally:
            await journal.close()
        queue = await self.channel.declare_queue(f"{self.prefix}.issue", passive=True)
        assert queue.declaration_result.message_count == 0

    @staticmethod
    async def _left_in(journal: Journal) -> list[str]:
        unfinished = [state for state in CommandState if state not in FINAL_STATES | {CommandState.IN_DOUBT}]
        left = [f"{command.id} {command.state}" for command in await journal.commands(unfinished)]
        unpublished = (await journal.backlog(SystemClock().now())).outbox
        return left + ([f"{unpublished} events"] if unpublished else [])
