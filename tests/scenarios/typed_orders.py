"""A caller's program with `fapiao_contracts` alone: four orders at once, and what each ends with, as JSON.

Run by `test_contracts_distribution.py` with the built package on the path and the worker's own modules locked out.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from copy import deepcopy
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from typing_extensions import override


class LockedOut(MetaPathFinder):
    """What a caller has not installed."""

    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in {"worker", "contracts", "orjson", "structlog"}:
            raise ModuleNotFoundError(f"{fullname} is not a caller's", name=fullname)
        return None


sys.meta_path.insert(0, LockedOut())

from fapiao_contracts.client import Client, Event  # type: ignore[import-not-found]  # noqa: E402  built by the test
from fapiao_contracts.commands import IssueInvoice  # type: ignore[import-not-found]  # noqa: E402


async def main(url: str, order: dict[str, Any]) -> dict[str, list[str]]:
    """What each case went through, the last the outcome's own type and code or number."""
    told: dict[str, list[str]] = {}
    unfollowed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def other(event: Event) -> None:
        if event.command_id == "unfollowed":
            unfollowed.set_result(type(event.data).__name__)

    async with Client(url, source="/typed", replies="typed.replies", on_other=other) as client:

        async def play(case: str, changed: dict[str, Any], command_id: str) -> None:
            seen = told.setdefault(case, [])

            async def note(event: Event) -> None:
                seen.append(type(event.data).__name__)

            outcome = await client.issue(IssueInvoice.model_validate(changed), command_id, on_event=note, seconds=240)
            seen.append(str(getattr(outcome, "code", None) or outcome.totalPriceAndTax))

        cases = {case: _made(order, case) for case in ("good", "refused", "doubtful")}
        await asyncio.gather(*(play(case, changed, case) for case, changed in cases.items()))
        await play("rejected", cases["doubtful"], "good")
        await client.publish(IssueInvoice.model_validate(_made(order, "refused")), "unfollowed")
        told["unfollowed"] = [await asyncio.wait_for(unfollowed, 240)]
    return told


def _made(order: dict[str, Any], case: str) -> dict[str, Any]:
    changed = deepcopy(order) | {"userId": f"typed-{case}", "orderNo": f"typed-{case}"}
    changed["login"]["phone"] = f"typed-{case}"
    if case == "refused":
        changed["login"]["password"] = "refuse-login"
    if case == "doubtful":
        changed["invoice"]["remark"] = "typed#fault=dropped_after_issuing"
    return changed


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))))
