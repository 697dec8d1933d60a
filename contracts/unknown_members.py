"""What to say of a member that no command has where it stands: what its sender most likely meant, and what to do.

Shops and ledgers send what other programs call things (`price`, `gmfmc`, `buyerTaxNo`), and what the gateway's manual
has no member for: tax rates, sums, red-letter invoices. An invoice cannot be undone, so nothing of it is guessed or
left out in silence. Knows names only, never a value.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import BaseModel

from contracts.commands import COMMANDS, Discount, Invoice, InvoiceItem
from contracts.members import SAME_AS, Login
from contracts.queries import Condition, Page

_LONGEST_COMPARED_CHARS: Final = 64
DISCOUNTS_SAY: Final = (
    'discounts, beside invoice: [{"line": 1, "amount": "10.00"}] folds it into the price of that line'
)
"""How something is taken off."""
_MEMBERS: Final = sorted(
    {
        name
        for model in (*COMMANDS.values(), Login, Invoice, InvoiceItem, Discount, Condition, Page)
        for name in model.model_fields
    }
    | {*SAME_AS.values()}
)
_BY_PLAIN: Final = {name.lower(): name for name in _MEMBERS}
_HOMES: Final[Mapping[str, tuple[type[BaseModel], ...]]] = {
    "login": (Login,),
    "invoice": (Invoice,),
    "the lines of invoiceItems": (InvoiceItem,),
    "the entries of discounts, beside invoice": (Discount,),
    "condition, of invoice.query": (Condition,),
    "page, of invoice.query": (Page,),
    "the data itself": (*COMMANDS.values(),),
}


def _by_usual(names: Mapping[str, str]) -> dict[str, str]:
    """What other programs call a member, in small letters without what joins words, to our name."""
    return {usual: name for name, all_ in names.items() for usual in all_.split()}


_NAMES_OF_LINES: Final = _by_usual(
    {
        "unitPrice": "price singleprice danjia 单价",
        "quantity": "qty num count shuliang 数量",
        "name": "goodsname itemname productname projectname spmc 商品名称 名称",
        "spec": "specification model specmodel ggxh 规格型号 规格",
        "unit": "uom dw 单位",
    }
)
_NAMES_OF_INVOICES: Final = _by_usual(
    {
        "invoiceItems": "items lines details goods invoicedetails 商品明细",
        "remark": "memo note remarks notes comment bz 备注",
        "buyerName": "title invoicetitle gmfmc 购买方名称 抬头",
        "sellerName": "xsfmc 销售方名称",
    }
)
_TAX_ID: Final = re.compile(
    r"(?:tax|vat)(?:payer)?(?:no|num|number|id|identification.*)|(?:social)?creditcode|.*nsrsbh|.*(?:税号|识别号|信用代码)"
)
_PARTY: Final = re.compile(r"(?P<seller>seller|xsf?|销售?方?)|buyer|purchaser|customer|gmf|购买?方?")
_SUM: Final = re.compile(r"(?:line|item|sub|net|gross)?(?:amount|total|sum|money)|je|金额|小计")
_DISCOUNT: Final = re.compile(r"discount|折扣|zke")
_OF_TAXES: Final = re.compile(
    r"tax|rate$|vat|goods?code|税|^(?:hsbz|lslbs|yhzc(?:bs|sm)|zzstsgl|spbm|slv)$", re.IGNORECASE
)
_TOTAL: Final = re.compile(
    r"(?:invoice|order|grand)?(?:total|amount|sum|money)(?:amount|price|money|fee|priceandtax)?|jshj|hjje|kphjje|价税合计"
)
_AT_THE_BUREAU: Final = (
    (
        re.compile(
            r"red(?:info|letter|confirm|invoice|flag|reason)|(?:original|blue)invoice|yfp(?:dm|hm)|kplx|chyy|红[字冲票]|原发票"
        ),
        "a red-letter invoice (红字发票)",
    ),
    (re.compile(r"kce|deduct|差额|扣除"), "an invoice taxed on the margin (差额征税)"),
    (
        re.compile(r"specificbusiness|specialbusiness|tdyw|tdys|特定业务|特定要素"),
        "an invoice of a special kind of business (特定业务)",
    ),
)
"""What the manual has no member for, by what other programs call it: who leaves it out gets another invoice."""
_RIGHT_SPELLINGS: Final = {right: vendors for vendors, right in SAME_AS.items()}


def unknown_member(name: str, above: Sequence[str | int]) -> str:
    """What to say of it; `above` are the steps that lead to the object which has it."""
    plain, is_of_line = _plain(name[:_LONGEST_COMPARED_CHARS]), "invoiceItems" in above
    if name in _RIGHT_SPELLINGS:
        return f"is given twice: send either {name} or {_RIGHT_SPELLINGS[name]}, or the same in both"
    if above[:1] == ("invoice",) and (said := _not_of_an_invoice(plain, is_of_line=is_of_line)):
        return f"is not a known member; {said}"
    usual = None
    if above[:1] == ("invoice",):
        usual = _NAMES_OF_LINES.get(plain) if is_of_line else _NAMES_OF_INVOICES.get(plain) or _tax_id(plain)
    if name in _MEMBERS and usual is None:
        others = [kind.value for kind, model in COMMANDS.items() if name in model.model_fields]
        if others and not above:
            return f"is no member of this command, but of {' and '.join(others)}"
        return f"does not belong here, but in {_home(name)}"
    return f"is not a known member; {_hint(name, plain, usual, above)}"


def _not_of_an_invoice(plain: str, *, is_of_line: bool) -> str | None:
    """What to do about a member that other programs have and the gateway's manual lacks."""
    if is_of_line and _SUM.fullmatch(plain):
        return "a line comes to quantity times unitPrice: leave it out"
    if not is_of_line and _TOTAL.fullmatch(plain):
        return "the lines make the total. What you expect goes into expectedTotal, beside invoice"
    kind = next((kind for names, kind in _AT_THE_BUREAU if names.search(plain)), None)
    return kind and f"the gateway's manual has none for {kind}: make it at the tax bureau"


def _hint(name: str, plain: str, usual: str | None, above: Sequence[str | int]) -> str:
    if usual is None and _DISCOUNT.search(plain) and (above or plain != "discount"):
        return f"what is taken off belongs into {DISCOUNTS_SAY}"
    if usual is None and _OF_TAXES.search(name):
        return "an invoice has no member for tax rates or codes, for the gateway's manual has none: leave it out"
    close = [] if usual else difflib.get_close_matches(plain, _BY_PLAIN, n=1, cutoff=0.8)
    meant = usual or (_BY_PLAIN[close[0]] if close else None)
    return f"did you mean {meant}?" if meant else "check the spelling, or leave it out"


def _home(name: str) -> str:
    return " or ".join(place for place, models in _HOMES.items() if any(name in each.model_fields for each in models))


def _tax_id(plain: str) -> str | None:
    """What a program that calls it another way means by it; without a party it is the buyer's."""
    party = _PARTY.match(plain)
    rest = plain[party.end() :] if party is not None else plain
    if _TAX_ID.fullmatch(rest) is None and not (party is not None and rest in {"taxcode", "code", "id", "no"}):
        return None
    return "sellerIndentification" if party is not None and party["seller"] else "buyerIndentification"


def _plain(name: str) -> str:
    """As it compares: capitals and what joins words are no difference."""
    return name.lower().replace("_", "").replace("-", "")
