"""A child process of the tests: `fapiao-worker …` with a log and an end that cannot be missed. The sandbox as one: what
reached the gateway, and how it shall misbehave. And the worker, with a journal in a file and waits cut to fractions of
a second.

Guarantees that it is gone soon after the tests are, however those end, and that the worker's queues and exchanges are
taken off a broker that others use. Every wait is bounded.
"""

import asyncio
import base64
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from signal import SIGTERM
from types import TracebackType
from typing import Any, Final, Self
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

import aio_pika

from worker.amqp.topology import Topology
from worker.cli.stages import SHORT
from worker.servers.processes import LOOPBACK, Guard, end, free_port, wait_until
from worker.testkit.broker import KitBroker

START_SECONDS = 60.0
END_SECONDS = 20.0
_OPENER = build_opener(ProxyHandler({}))


class KitError(Exception):
    """Something of the kit did not come up, or what was waited for did not come. The message says what was seen."""


class KitProcess:
    """`fapiao-worker ARGUMENTS`, which may be started again after its end."""

    def __init__(self, name: str, arguments: list[str], environment: Mapping[str, str]) -> None:
        self._name = name
        self._arguments = arguments
        # Settings of the developer's shell are no business of the tests.
        ours = {key: value for key, value in os.environ.items() if not key.startswith("FAPIAO_")}
        self._environment = ours | dict(environment)
        self._guard = Guard(name)
        self.directory = self._guard.directory
        self._log = self.directory / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        """Whether it runs now."""
        return self._process is not None and self._process.poll() is None

    def start(self, ready_url: str) -> None:
        """Start it and wait until that address answers with success. Raises KitError with its last words."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "worker", *self._arguments],
                env=self._environment,
                cwd=self.directory,  # no .env of the project under test
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._guard.watch("group", self._process.pid)
        if not wait_until(lambda: answers(ready_url), self._process, START_SECONDS):
            said = self.log()[-2000:]
            self.close()
            raise KitError(f"The {self._name} did not start. Its last words: {said}")

    def stop(self) -> None:
        """SIGTERM, and wait for its end."""
        if self._process is not None and self.runs:
            end(self._process, SIGTERM, END_SECONDS)
        self._forget()

    def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(END_SECONDS)
        self._forget()

    def log(self) -> str:
        """All it has said."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def close(self) -> None:
        """End it and remove its directory."""
        self.stop()
        self._guard.close()

    def _forget(self) -> None:
        if self._process is not None:
            self._guard.forget("group", self._process.pid)
            self._process = None


def answers(url: str) -> bool:
    """Whether somebody answers a GET with success."""
    try:
        fetch(url)
    except OSError:
        return False
    return True


def fetch(url: str, form: bytes | None = None, *, seconds: float = 10) -> bytes:
    """The body behind an address on this machine, or the answer to a form that is sent there.

    Raises OSError, with what was answered where it was no success.
    """
    try:
        with _OPENER.open(url, form, timeout=seconds) as answer:
            return bytes(answer.read())
    except HTTPError as error:
        said = error.read().decode(errors="replace")[:500]
        raise OSError(f"{error.code}: {said}") from None


def until(seconds: float, what: str) -> "_Patience":
    """`while patience.lasts()`: for so long. It raises KitError after that, with `what` was waited for."""
    return _Patience(time.monotonic() + seconds, seconds, what)


class _Patience:
    def __init__(self, deadline: float, seconds: float, what: str) -> None:
        self._deadline, self._seconds, self._what = deadline, seconds, what

    def lasts(self, pause_seconds: float = 0.05) -> bool:
        """True after a short pause; raises KitError when the time is over."""
        if time.monotonic() > self._deadline:
            raise KitError(f"not within {self._seconds:g} s: {self._what}")
        time.sleep(pause_seconds)
        return True


_ANSWER_SECONDS: Final = 10.0


class KitSandbox:
    """The running stand-in for the vendor's gateway."""

    def __init__(self, options: list[str]) -> None:
        port = free_port()
        self.http_url = f"http://{LOOPBACK}:{port}"
        """Scan pages, files, controls; open it in a browser while a test is held in the debugger."""
        self.url = f"ws://{LOOPBACK}:{port}"
        """The gateway's address for a worker."""
        self._process = KitProcess("sandbox", ["sandbox", "--port", str(port), *options], {})

    def __enter__(self) -> Self:
        self._process.start(f"{self.http_url}/")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.close()

    def reset(self) -> None:
        """Empty books, no faults, no open sockets."""
        self._do("reset")

    def invoices(self, remark: str | None = None) -> list[dict[str, Any]]:
        """What was issued, drafts left out; all, or those of orders with this remark. Amounts are numbers."""
        told = self._ask("ledger", **({"remark": remark} if remark is not None else {}))
        return [invoice for invoice in told["invoices"] if not invoice["isDraft"]]

    def submissions(self, remark: str) -> int:
        """How often an order with this remark was submitted: never more than once."""
        return int(self._ask("submissions").get(remark, 0))

    def arm(self, fault: str, *, user_id: str = "*", times: int = 1, value: float | None = None) -> None:
        """Let the next exchanges go wrong; the names are in the sandbox's README. Raises OSError for an unknown one."""
        number = {} if value is None else {"value": value}
        self._do("faults/set", name=fault, userId=user_id, times=times, **number)

    def scans(self) -> list[dict[str, Any]]:
        """The QRs that wait for a person: `userId`, `url`, `remark`, `works`."""
        waiting: list[dict[str, Any]] = self._ask("scans")
        return waiting

    def confirm_scans(self) -> int:
        """Scan all that wait; how many. For a sandbox without `--auto-scan`."""
        return int(self._do("scans/confirm")["confirmed"])

    def wait(self, event: str, *, remark: str = "", seconds: float = 30) -> dict[str, Any]:
        """Wait until it happened, at once if it has already: `qr.shown`, `invoice.issued`; all names are at
        `/_sandbox/events/names`. `remark`: of an order whose remark contains this. Raises OSError where it did not."""
        happening: dict[str, Any] = self._ask("wait", event=event, remark=remark, timeout=seconds)
        return happening

    def _ask(self, what: str, **parameters: Any) -> Any:
        seconds = float(parameters.get("timeout", 0)) + _ANSWER_SECONDS
        return json.loads(fetch(f"{self.http_url}/_sandbox/{what}?{urlencode(parameters)}", seconds=seconds))

    def _do(self, what: str, **parameters: Any) -> Any:
        """What changes something is asked by POST."""
        return json.loads(fetch(f"{self.http_url}/_sandbox/{what}", urlencode(parameters).encode()))


_SHORTER: Final = {
    "answer_timeout_seconds": "10",
    "confirm_delay_seconds": "0.2",
    "confirm_schedule": "0.3s,1s,3s",
    "login_timeout_seconds": "10",
    "poll_seconds": "0.2",
    "reconcile_schedule": "1s,1s,2s",
    "refusal_grace_seconds": "0.5",
    "refusal_rest_seconds": "1",
    "refusal_schedule": "0.5s",
    "retry_max_seconds": "1",
    "retry_min_seconds": "0.2",
    "session_idle_seconds": "1",
}
"""Still shorter than `dev` has it: nobody watches."""


class KitWorker:
    """`fapiao-worker run` between the broker and the sandbox."""

    def __init__(self, broker: KitBroker, gateway_url: str, settings: dict[str, str]) -> None:
        self.amqp_url = broker.url
        self.prefix = settings.get("FAPIAO_PREFIX") or ("fapiao" if broker.is_ours else f"test-{secrets.token_hex(4)}")
        """Its exchanges are `<prefix>.commands` and `<prefix>.events`. On a broker that others use, one of its own."""
        self._is_ours = broker.is_ours
        self._port = free_port()
        self._process = KitProcess("worker", ["run"], self._environment(gateway_url) | settings)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.close()
        if not self._is_ours:
            delete_objects(self.amqp_url, self.prefix)

    def start(self) -> None:
        """Start it, if it does not run, and wait until it takes commands."""
        if not self._process.runs:
            self._process.start(f"http://{LOOPBACK}:{self._port}/readyz")

    def stop(self) -> None:
        """End it in good order; `start` goes on with the same journal."""
        self._process.stop()

    def kill(self) -> None:
        """End it as a power cut would; `start` goes on with the same journal."""
        self._process.kill()

    def log(self) -> str:
        """Its log so far, a line of JSON each."""
        return self._process.log()

    @property
    def environment(self) -> dict[str, str]:
        """For the program under test, as a process of its own: where the broker is, and the prefix."""
        return {"FAPIAO_AMQP_URL": self.amqp_url, "FAPIAO_PREFIX": self.prefix}

    def _environment(self, gateway_url: str) -> dict[str, str]:
        short = {f"FAPIAO_{name.upper()}": value for name, value in (SHORT | _SHORTER).items()}
        return short | {
            "FAPIAO_AMQP_URL": self.amqp_url,
            "FAPIAO_PREFIX": self.prefix,
            "FAPIAO_DATABASE_URL": "sqlite:///journal.db",
            "FAPIAO_JOURNAL_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "FAPIAO_GATEWAY_URL": gateway_url,
            "FAPIAO_GATEWAY_HTTP_URL": "http" + gateway_url.removeprefix("ws"),
            "FAPIAO_HTTP_HOST": LOOPBACK,
            "FAPIAO_HTTP_PORT": str(self._port),
            "FAPIAO_LOG_FORMAT": "json",
            "FAPIAO_REPLY_TO_PATTERN": ".*",
        }


def delete_objects(amqp_url: str, prefix: str) -> None:
    """Delete everything that a worker declares under this prefix. What is not there is no error."""
    asyncio.run(_delete(amqp_url, Topology(prefix)))


async def _delete(amqp_url: str, topology: Topology) -> None:
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        for queue in topology.queues:
            await channel.queue_delete(queue.name)
        for exchange in reversed(topology.exchanges):
            await channel.exchange_delete(exchange.name)
