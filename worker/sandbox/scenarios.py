"""Scenarios by name: what may happen to an order, in one word each, made of the one list of faults.

Pure. `begin` arms a scenario's faults as if each had been armed by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from worker.sandbox.faults import ANY_USER, FaultBook


class Said(NamedTuple):
    """One sentence in both languages."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class FaultScenario:
    """Faults that belong together, with their number where the table's default does not fit."""

    shows: Said
    faults: Mapping[str, float | None]
    times: int = 1


SCENARIOS: Final[Mapping[str, FaultScenario]] = {
    "refused_by_bureau": FaultScenario(
        Said("The bureau refuses, and says why: no invoice.", "税局拒绝开票并说明原因：不开票。"),
        {"refused_with_reason": None},
    ),
    "nobody_scans": FaultScenario(
        Said(
            "The QR leads nowhere, and nobody is told: the worker's own time runs out.",
            "扫码无效且无人告知：服务自己等到超时。",
        ),
        {"qr_never_scanned": None},
    ),
    "qr_renewed": FaultScenario(
        Said("A second QR replaces the first; only the second works.", "第二个二维码替换第一个，只有第二个有效。"),
        {"two_qrs": None},
    ),
    "login_refused": FaultScenario(
        Said("The next login is refused with a sentence.", "下一次登录被拒绝，并附说明。"), {"login_reason": None}
    ),
    "answer_lost": FaultScenario(
        Said(
            "Issued, but the socket is cut before the answer: the worker finds the invoice by itself.",
            "已开票，但回复前连接中断：服务会自行找到发票。",
        ),
        {"dropped_after_issuing": None},
    ),
    "answer_lost_and_list_late": FaultScenario(
        Said(
            "As answer_lost, and the bureau's list tells of the invoice only after 20 seconds.",
            "同 answer_lost，且 20 秒后税局列表才出现该发票。",
        ),
        {"dropped_after_issuing": None, "listed_late": 20.0},
    ),
    "in_doubt": FaultScenario(
        Said(
            "Issued, never answered and never listed: nobody can know, so a person must decide.",
            "已开票，但无回复且永不列出：无从得知，须由人工判定。",
        ),
        {"silent_after_issuing": None, "never_listed": None},
    ),
    "slow_bureau": FaultScenario(Said("Issuing takes 8 seconds longer.", "开票多花 8 秒。"), {"slow": 8.0}),
    "gateway_away": FaultScenario(
        Said("The next three connections are refused with 503.", "接下来三次连接被以 503 拒绝。"),
        {"handshake_503": None},
        times=3,
    ),
    "files_late": FaultScenario(
        Said("The next two look-ups of files find none.", "接下来两次查文件都为空。"), {"files_none": None}, times=2
    ),
    "look_ups_limited": FaultScenario(
        Said("The next two look-ups are answered with 429 and 2 seconds.", "接下来两次查询返回 429，须等 2 秒。"),
        {"http_429": 2.0},
        times=2,
    ),
    "download_fails_once": FaultScenario(
        Said("A query's download fails once, then succeeds.", "查询的下载失败一次，随后成功。"),
        {"download_fails": None},
    ),
}


def begin(book: FaultBook, name: str, user_id: str = ANY_USER) -> FaultScenario:
    """Arm a scenario. Raises `ValueError` if there is none of this name."""
    scenario = SCENARIOS.get(name)
    if scenario is None:
        raise ValueError("there is no scenario of this name; /_sandbox/scenarios lists them")
    for fault, value in scenario.faults.items():
        book.arm(fault, user_id, scenario.times, value)
    return scenario
