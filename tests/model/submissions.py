"""What becomes of a submission at the gateway of the model, and how the bureau writes what it issues."""

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from tests.builders import make_result
from worker.ports import ResultShown

Plan = tuple[tuple[float, str], ...]
"""Seconds after the act before, and the act."""

PLANS: Final[Mapping[str, Plan]] = MappingProxyType(
    {
        "issued": ((0.5, "issue"), (0.1, "reply")),
        "scanned": ((1, "show"), (6, "issue"), (0.2, "reply")),
        "scanned at the second QR": ((1, "show"), (4, "show"), (4, "issue"), (0.2, "reply")),
        "scanned at the last moment": ((1, "show"), (19, "issue"), (4, "reply")),
        "never scanned": ((1, "show"),),
        "no QR": ((1, "refuse QR"),),
        "no QR, then one": ((1, "refuse QR"), (1, "show"), (3, "issue and list"), (0.1, "reply")),
        "refused": ((1, "refuse"),),
        "refused, and issued": ((1, "issue and list"), (0.1, "refuse")),
        "saved as a draft": ((1, "draft"),),
        "no word": (),
        "issued without a word": ((3, "issue"),),
        "issued late, without a word": ((25, "issue"),),
        "dropped": ((0, "drop"),),
        "issued, then dropped": ((1, "issue"), (0, "drop")),
        "dropped, then issued": ((0.1, "drop"), (12, "issue")),
        "dropped, then issued and told": ((0.1, "drop"), (4, "issue"), (1, "reply")),
        "told late": ((2, "issue"), (40, "reply")),
        "told very late": ((2, "issue"), (150, "reply")),
        "told twice": ((1, "issue"), (0, "reply"), (0.5, "reply")),
        "told again much later": ((1, "issue"), (0, "reply"), (20, "reply")),
        "told again after a crash": ((1, "issue"), (0, "reply"), (0.5, "crash"), (35, "reply"), (20, "reply")),
        "told after the next": ((1, "issue"), (0, "hold")),
        "refused late": ((30, "refuse"),),
    }
)


Rewriting = Callable[[str], str]


def _traditional(text: str) -> str:
    return text.translate(str.maketrans("杭州发展样东沟单号", "杭州發展樣東溝單號"))


REWRITINGS: Final[Mapping[str, Mapping[str, Rewriting]]] = MappingProxyType(
    {
        "as they came": {},
        "escaped": {"buyerName": html.escape, "remark": lambda text: "".join(f"&#{ord(each)};" for each in text)},
        "in full width": {"remark": lambda text: text.replace(" ", "　").upper(), "buyerName": str.upper},
        "in traditional characters": {"buyerName": _traditional, "sellerName": _traditional},
        "with the payee behind": {"remark": lambda text: f"{text}\n收款人:李四 复核人:王五"},
        "by names that are masked": {"buyerName": lambda name: name[0] + "*" * (len(name) - 1)},
        "for just anybody": {"buyerName": lambda name: "消费者" if name == "个人" else name},
        "with a title": {"buyerName": lambda name: f"{name}先生" if len(name) < 4 else name},
        "cut": {"remark": lambda text: text[:5]},
        "said twice": {"remark": lambda text: f"{text} {text}".strip()},
        "as JSON in JSON": {"remark": lambda text: text.replace(" ", "\\u0020")},
        "masked": {"buyerIndentification": lambda code: f"{code[:4]}xxxxxxxxxx{code[-4:]}"},
        "by their registered names": {
            "sellerName": lambda name: f"{name}(杭州)",
            "buyerName": lambda name: name.replace("有限", "有限责任"),
        },
    }
)
"""How the bureau writes what describes an invoice, in its list and in its results. What identifies it stays what it
is, however it is written."""


BLURRED: Final = frozenset({"by names that are masked", "for just anybody", "cut", "said twice"})
"""What these leave of a text may be of another one."""


ECHOES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "whole": frozenset(),
        "without the items": frozenset({"invoiceItems"}),
        "without the remark": frozenset({"remark"}),
        "without the seller": frozenset({"sellerName", "sellerIndentification"}),
        "without the buyer's tax id": frozenset({"buyerIndentification"}),
        "without names": frozenset({"buyerName", "sellerName"}),
        "without what describes the buyer and the remark": frozenset({"buyerName", "remark"}),
    }
)
"""What a result leaves out of what was submitted."""


def rewritten(invoice: Mapping[str, Any], rewriting: str) -> dict[str, Any]:
    """The invoice as the bureau writes it."""
    ways = REWRITINGS[rewriting]
    return {name: ways[name](value) if name in ways else value for name, value in invoice.items()}


@dataclass(eq=False)
class Sent:
    """One submission, and what became of it."""

    key: int
    """The command's, in the store."""
    user_id: str
    invoice: Mapping[str, Any]
    plan: str
    number: str | None = None
    issued_at: datetime | None = None
    listed_at: float = float("inf")
    rewriting: str = "as they came"
    """How its texts are written from now on."""
    form: str = "in full"
    """How the list tells it."""
    echo: str = "whole"
    """What its result tells of it."""
    is_shown_early: bool = False
    """Its row stands in the list at once, and has its number when it is listed."""
    red_status: str = ""
    """What the list says of it since it was red-lettered."""
    is_over: bool = False
    """Nothing more will be issued."""
    is_met: bool = False
    """A refusal of another order of the user may be taken for its own."""
    told: set[str] = field(default_factory=set)
    """Processes that had the result before the command had ended."""

    @property
    def is_told_clearly(self) -> bool:
        """Whether its result tells it from all orders that differ in anything."""
        return self.echo == "whole" and self.rewriting not in BLURRED

    @property
    def url(self) -> str:
        return f"http://pdf.example/{self.key}.pdf"

    @property
    def result(self) -> ResultShown:
        echo = rewritten(self.invoice, self.rewriting)
        for name in ECHOES[self.echo]:
            echo.pop(name)
        return make_result(echo, invoice_url=self.url)
