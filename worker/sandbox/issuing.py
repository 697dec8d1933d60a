"""The conversation on ``/invoice``: a login, then orders.

Guaranteed: a submission is in the ledger before anything else is done with it.
"""

from typing import Any, Final

from contracts.gateway import INVOICE_INFO, INVOICE_PDF, LOGIN
from worker.sandbox.cassettes import steps as replayed
from worker.sandbox.dialogue import LOGIN_REASON, AwaitScan, Pause, Step, as_told, script
from worker.sandbox.exchange import Exchange
from worker.sandbox.faults import Asked, asked_by_password, asked_in
from worker.sandbox.house import House
from worker.sandbox.replies import frame, status
from worker.sandbox.vendor import invoice_violations, login_violations

_ACCEPTED: Final = ("1", 1)
"""How the vendor says that a login holds; `True` is 1."""


async def hear(house: House, user_id: str, socket: int, told: Any) -> None:
    """Take a frame that came on ``/invoice``; a slow login holds up the next frame."""
    type_word = told.get("type") if isinstance(told, dict) else None
    if type_word == INVOICE_INFO:
        await _take_order(house, user_id, socket, told.get("data"))
    elif type_word == LOGIN:
        await _log_in(house, user_id, socket, told.get("data"))
    else:
        house.complain(user_id, socket, ["a frame that the manual does not know"])


async def _log_in(house: House, user_id: str, socket: int, data: Any) -> None:
    violations = login_violations(data)
    house.complain(user_id, socket, violations)
    asked = house.faults.take(user_id, "login") | ({} if violations else asked_by_password(data["password"]))
    delay = house.options.login_delay_seconds + asked.get("login_slow", 0.0)
    if delay:
        await house.clock.sleep(delay)
    if "login_dropped" in asked:
        house.cut(socket)
        return
    if "login_silent" in asked:
        return
    (told,) = house.behaviours.take_login(user_id) or (_login_answer(asked, is_sound=not violations),)
    house.vendor.logged_in(user_id, socket, accepted=told in _ACCEPTED)
    await house.send(user_id, frame(LOGIN, user_id, told, asked))


def _login_answer(asked: Asked, *, is_sound: bool) -> Any:
    if "login_reason" in asked:
        return LOGIN_REASON
    return status(is_sound and "login_refused" not in asked, asked)


async def _take_order(house: House, user_id: str, socket: int, order: Any) -> None:
    violations = invoice_violations(order)
    tape = house.tape(house.ledger.submit(user_id, order, tuple(violations)).sequence, user_id, order)
    house.vendor.exchange_began(user_id)
    house.complain(user_id, socket, violations)
    if violations or not house.vendor.is_logged_in(socket):
        house.vendor.exchange_ended(user_id)
        tape.tell(house.clock.monotonic(), INVOICE_PDF, status(False, {}))
        tape.is_over = True
        await house.send(user_id, frame(INVOICE_PDF, user_id, status(False, {}), {}))
        return
    asked = house.faults.take(user_id, "invoice") | asked_in(order["buyerName"], order["remark"])
    exchange = Exchange(house, user_id, socket, order, asked, tape)
    steps = _steps(house, user_id, order, asked)
    if any(isinstance(step, (AwaitScan, Pause)) for step in steps):
        house.begin(exchange.perform(steps))
    else:
        await exchange.perform(steps)


def _steps(house: House, user_id: str, order: dict[str, Any], asked: Asked) -> tuple[Step, ...]:
    """What was recorded, or laid down, or else what usually follows."""
    cassette = house.replays.take(user_id)
    if cassette is not None:
        return replayed(cassette, order)
    return as_told(house.behaviours.of(user_id)) or script(
        asked,
        qr=_wants_scan(house, order),
        issue_delay_seconds=house.options.issue_delay_seconds,
    )


def _wants_scan(house: House, order: dict[str, Any]) -> bool:
    if house.options.qr == "auto":
        return not house.vendor.knows_face(order["sellerLoginAccount"])
    return house.options.qr == "always"
