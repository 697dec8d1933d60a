"""The sandbox of the tests, by its control addresses: what reached the gateway, and how it shall misbehave."""

import json
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode

from worker.servers.processes import LOOPBACK, free_port
from worker.testkit.processes import KitProcess, fetch

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
