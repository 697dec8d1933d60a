"""What the random run publishes: orders of many sellers, faults of the gateway, repeats of all kinds, questions beside.

A plan follows from its seed alone. A fault is armed at the sandbox for the next exchange of the user, whichever command
that is, so that it happens once: a consumer that submits an order again does not meet it again for ever.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.scenarios.messages import make_order, make_query
from tests.scenarios.stack import Stack

USERS = 24
COMPANIES = 8
"""Three users issue for each company: what a look-up finds is mostly not its own."""

GATEWAY_FAULTS: dict[str, float | None] = {
    "handshake_503": None,
    "handshake_refuse": None,
    "login_dropped": None,
    "login_refused": None,
    "login_silent": None,
    "login_slow": 1.0,
    "no_qr": None,
    "two_qrs": None,
    "qr_failed": None,
    "qr_failed_then_new": None,
    "qr_never_scanned": None,
    "qr_unavailable": None,
    "refused": None,
    "refused_but_issued": None,
    "slow": 1.5,
    "silent": None,
    "silent_after_issuing": None,
    "dropped_before_result": None,
    "dropped_after_issuing": None,
    "result_twice": None,
    "result_late": 4.0,
    "other_user": None,
    "other_invoice": None,
    "other_invoice_first": None,
    "garbage": None,
    "garbage_only": None,
    "oversized_frame": 2.0,
    "draft": None,
    "missing_echo_fields": None,
    "listed_late": 1.5,
    "query_refused": None,
    "query_dropped": None,
    "query_dropped_after_page": None,
    "query_silent": None,
    "query_twice": None,
    "query_garbage": None,
    "query_other_send_to": None,
    "page_typed_login": None,
    "paging_has_next_never": None,
    "paging_has_next_always": None,
    "paging_empty_last": None,
    "paging_repeats": None,
    "paging_total_wrong": None,
    "paging_missing": None,
    "rows_twice": None,
    "rows_shift": None,
    "rows_foreign": None,
    "rows_money_text": None,
    "download_fails": None,
}
"""Each with its number. Left out: what no worker can tell from the truth (an invoice that is never listed and whose
answer is lost)."""


WHOLE = {
    "buyerAddress": "浙江省杭州市西湖区文一西路 123 号",
    "buyerPhone": "13812345678",
    "buyerEmail": "buyer@example.com",
    "buyerBank": "工商银行杭州分行",
    "buyerBankAccount": "1234567890123456789",
    "buyerBankShow": 0,
    "sellerBankShow": 0,
    "invoiceItems": [{"name": "商品A", "quantity": 2, "spec": "规格A", "unit": "件", "unitPrice": 100}],
}
"""What the worker would fill in, and a consumer that passes orders on as they are does not."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One message to publish."""

    command_id: str
    type: str
    data: dict[str, Any]
    group: str
    """Commands of one group are to bring one invoice: an order, its duplicates, and the repeats of its number."""
    user: str
    remark: str = ""
    is_again: bool = False
    """The very same message came before."""
    fault: str | None = None


class Plan:
    """An endless row of messages. `with_questions` adds what only the worker understands."""

    def __init__(self, seed: int, *, with_questions: bool, fault_share: float) -> None:
        self._dice = random.Random(seed)
        self._with_questions = with_questions
        self._fault_share = fault_share
        self._issued: list[Planned] = []
        self._number = 0

    def __iter__(self) -> Iterator[Planned]:
        while True:
            yield self._next()

    def _next(self) -> Planned:
        self._number += 1
        roll = self._dice.random()
        if self._issued and roll < 0.08:
            return self._again(self._dice.choice(self._issued[-40:]))
        if self._issued and roll < 0.13:
            return self._repeat_of_number()
        if self._with_questions and roll < 0.18:
            return self._question()
        order = self._twin() if roll < 0.21 else self._order()
        self._issued.append(order)
        return order

    def _order(self) -> Planned:
        name = f"c{self._number}"
        user = f"user-{self._dice.randrange(USERS)}"
        data = order_of(user, remark=f"{name};")
        if self._dice.random() < 0.3:
            data["orderNo"] = f"N-{name}"
        if self._dice.random() < 0.05:
            data["deadline"] = Stack.in_seconds(self._dice.uniform(2, 8))
        if self._dice.random() < 0.05:
            data["login"] = data["login"] | {"phone": "another-phone"}
        return Planned(name, "invoice.issue", data, name, user, f"{name};", fault=self._fault())

    def _twin(self) -> Planned:
        """Differs from others of its user in nothing but the id: a group of its own all the same."""
        name = f"c{self._number}"
        user = f"user-{self._dice.randrange(3)}"
        data = order_of(user, remark="alike")
        return Planned(name, "invoice.issue", data, name, user, "alike", fault=self._fault())

    def _again(self, order: Planned) -> Planned:
        return Planned(order.command_id, order.type, order.data, order.group, order.user, order.remark, is_again=True)

    def _repeat_of_number(self) -> Planned:
        numbered = [order for order in self._issued[-40:] if "orderNo" in order.data]
        if not numbered:
            return self._order()
        first, name = self._dice.choice(numbered), f"c{self._number}"
        return Planned(name, first.type, first.data, first.group, first.user, first.remark)

    def _question(self) -> Planned:
        name, user = f"q{self._number}", f"user-{self._dice.randrange(USERS)}"
        if self._dice.random() < 0.3 and self._issued:
            asked = {"commandId": self._dice.choice(self._issued).command_id}
            return Planned(name, "invoice.stored", asked, name, user)
        data = make_query(user, login={"companyCode": company_of(user)})
        return Planned(name, "invoice.query", data, name, user, fault=self._fault())

    def _fault(self) -> str | None:
        return self._dice.choice(list(GATEWAY_FAULTS)) if self._dice.random() < self._fault_share else None


def company_of(user: str) -> str:
    """The seller for whom a user issues."""
    return f"91330701MA2M37T8{int(user.rpartition('-')[2]) % COMPANIES:02d}"


def order_of(user: str, remark: str) -> dict[str, Any]:
    """An order of the user's company whose remark is all that tells it from others."""
    company = company_of(user)
    order = make_order(remark, user, invoice=WHOLE | {"sellerIndentification": company})
    return order | {"login": order["login"] | {"companyCode": company}}
