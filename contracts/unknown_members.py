"""What to say of a member that no command has where it stands: what its sender most likely meant, and what to do.

Shops and ledgers send what other programs call things (`price`, `gmfmc`, `buyerTaxNo`), and what the gateway's manual
has no member for: tax rates, sums, red-letter invoices. An invoice cannot be undone, so nothing of it is guessed or
left out in silence. Knows names only, never a value.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
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
        "unitPrice": "price singleprice goodsprice priceunit danjia dj spdj xmdj hsdj bhsdj 单价",
        "quantity": "qty num nums number count goodsquantity goodsnum productqty productuomqty shuliang spsl xmsl 数量",
        "name": "goodsname itemname productname projectname title product description spmc xmmc hwmc 商品名称 名称",
        "spec": "specification model specmodel goodsspecification goodsspec ggxh 规格型号 规格",
        "unit": "uom goodsunit danwei dw xmdw spdw jldw 单位",
    }
)
_NAMES_OF_INVOICES: Final = _by_usual(
    {
        "invoiceItems": "items lines details goods invoicedetail invoicedetails invoicedetailslist itemlist lineitems "
        "orderitems goodslist mxzb 商品明细",
        "remark": "memo note remarks notes comment bz beizhu 备注",
        "buyerName": "title invoicetitle companyname company 抬头",
        "buyerInvoiceType (0 普通票, 1 专票)": "invoicetype invoicetypecode invoicekind invoiceline invoicecategory "
        "specialinvoice fplx fplxdm fpzl fpzldm 发票类型 票种",
        "buyerType (0 企业, 1 个人)": "buyerkind ispersonal isperson naturalpersonflag zrrbs gmfzrrbs",
    }
)
_NAMES_OF_ORDERS: Final = _by_usual(
    {
        "orderNo": "ordernumber orderid ordersn orderserialno serialno bizno fpqqlsh ddh 订单号 流水号",
        "expectedTotal": "total totalamount totalprice totalpriceandtax amount jshj 价税合计",
        "deadline": "expire expireat expiresat timeout",
    }
)
_NAMES_OF_PARTIES: Final = _by_usual(
    {
        "Indentification": "taxcode code id no sh dutyno",
        "Name": "mc name title 名称 抬头",
        "Address": "dz address addr 地址",
        "Phone": "dh tel telephone phone mobile telno phoneno 电话 手机",
        "Email": "email mail dzyx yx 邮箱",
        "Bank": "yh khh khyh bank bankname openbank 开户行 银行",
        "BankAccount": "zh yhkh bankaccount bankno banknumber bankaccountno accountno cardno 账号 帐号",
        "Address and Phone": "dzdh addressphone addresstel addrtel 地址电话",
        "Bank and BankAccount": "yhzh account bankandaccount bankinfo khyhjzh 开户行及账号",
    }
)
"""Behind the party's own word."""
_TAX_ID: Final = re.compile(
    r"(?:tax|vat)(?:payer)?(?:no|num|number|id|identification.*)|(?:social)?creditcode|.*nsrsbh|.*(?:税号|识别号|信用代码)"
)
_PARTY: Final = re.compile(
    r"(?P<seller>seller|saler|vendor|xsf|xhf|xf|销售?方?|销货方)|buyer|purchaser|customer|client|gmf|ghf|gf|购买?方?|购货方"
)
_SUM: Final = re.compile(
    r"(?:line|item|sub|net|gross)?(?:amount|total|sum|money)|(?:goods|price)(?:sub)?total(?:price)?|(?:xm|hs|bhs)?je|金额|小计"
)
_DISCOUNT: Final = re.compile(r"discount|coupon|voucher|rebate|promotion|折扣|优惠|抵扣|zke|fphxz|lineproperty")
_OF_TAXES: Final = re.compile(
    r"tax|(?<!exchange)rate$|vat|goods?code|税|^(?:sl|se|hsbz|lslbs|yhzc(?:bs|sm)|zzstsgl|spbm|slv)$", re.IGNORECASE
)
_TOTAL: Final = re.compile(
    r"(?:invoice|order|grand)?(?:total|amount|sum|money)(?:amount|price|money|fee|priceandtax|pricetax)?"
    r"|jshj|hjje|kphjje|价税合计"
)
_CHARGE: Final = re.compile(r"shipping(?:fee)?|postage|freight|tips?|运费|邮费|服务费")
_PEOPLE: Final = re.compile(r"(?:clerk|checker|payee|reviewer|drawer)(?:name)?|kpr|skr|fhr|(?:开票|收款|复核)人")
_DATE: Final = re.compile(r"(?:invoice|issue|bill)(?:date|time)|kprq|kpsj|开票(?:日期|时间)")
_CURRENCY: Final = re.compile(r"currency(?:code)?|exchangerate|bizhong|币种|汇率")
_ANSWER: Final = re.compile(r"(?:callback|notify|webhook)(?:url|address)?|replyto")
_AT_THE_BUREAU: Final = (
    (
        re.compile(
            r"red(?:info|letter|confirm|invoice|flag|reason)|refund|(?:original|blue)invoice|yfp(?:dm|hm)|kplx|chyy"
            r"|红[字冲票]|原发票|退[款货]"
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
    usual = _usual(plain, above, is_of_line=is_of_line) if name not in _MEMBERS or above[:1] == ("invoice",) else None
    if name in _MEMBERS and usual is None:
        others = [kind.value for kind, model in COMMANDS.items() if name in model.model_fields]
        if others and not above:
            return f"is no member of this command, but of {' and '.join(others)}"
        return f"does not belong here, but in {_home(name)}"
    return f"is not a known member; {_hint(name, plain, usual, above)}"


def _not_of_an_invoice(plain: str, *, is_of_line: bool) -> str | None:
    """What to do about a member that other programs have and the gateway's manual lacks."""
    if is_of_line and _SUM.fullmatch(plain):
        return (
            "a line comes to quantity times unitPrice: leave it out (an amount alone is a quantity of 1 at that price)"
        )
    if not is_of_line and _TOTAL.fullmatch(plain):
        return "the lines make the total. What you expect goes into expectedTotal, beside invoice"
    kind = next((kind for names, kind in _AT_THE_BUREAU if names.search(plain)), None)
    return f"the gateway's manual has none for {kind}: make it at the tax bureau" if kind else _left_to_others(plain)


def _left_to_others(plain: str) -> str | None:
    if _CHARGE.fullmatch(plain):
        return "whatever is charged is a line of invoiceItems"
    if _PEOPLE.fullmatch(plain):
        return "the gateway's manual has none for who issues, checks or cashes: leave it out, or write it into remark"
    if _DATE.fullmatch(plain):
        return "the tax bureau dates the invoice when it issues it: leave it out"
    return "all amounts are in yuan: convert them, and leave it out" if _CURRENCY.fullmatch(plain) else None


def _usual(plain: str, above: Sequence[str | int], *, is_of_line: bool) -> str | None:
    """What a program that calls it another way means by it, if that has a member here."""
    if not above:
        return _NAMES_OF_ORDERS.get(plain)
    if above[0] != "invoice":
        return None
    return _NAMES_OF_LINES.get(plain) if is_of_line else _NAMES_OF_INVOICES.get(plain) or _of_a_party(plain)


def _of_a_party(plain: str) -> str | None:
    """Without a party's word it is the buyer's."""
    party = _PARTY.match(plain)
    whose = "seller" if party is not None and party["seller"] else "buyer"
    rest = plain[party.end() :] if party is not None else plain
    if _TAX_ID.fullmatch(rest) is not None:
        return f"{whose}Indentification"
    meant = _NAMES_OF_PARTIES.get(rest)
    if meant is None or (party is None and meant in {"Indentification", "Name"}):
        return None
    members = [f"{whose}{each}" for each in meant.split(" and ")]
    return " and ".join(members) if all(each in Invoice.model_fields for each in members) else None


def _hint(name: str, plain: str, usual: str | None, above: Sequence[str | int]) -> str:
    if usual is not None:
        return f"did you mean {usual}?"
    if _DISCOUNT.search(plain) and (above or plain != "discount"):
        return f"what is taken off belongs into {DISCOUNTS_SAY}"
    if not above and _ANSWER.fullmatch(plain):
        return "events are published, to the queue that the message's property reply_to names as well: leave it out"
    if _OF_TAXES.search(name):
        return "an invoice has no member for tax rates or codes, for the gateway's manual has none: leave it out"
    close = difflib.get_close_matches(plain, _names_at(above), n=1, cutoff=0.8)
    return f"did you mean {_BY_PLAIN[close[0]]}?" if close else "check the spelling, or leave it out"


def _names_at(above: Sequence[str | int]) -> Iterable[str]:
    """What may have been misspelt there. Of an invoice only its own members: another place's that read alike mean
    another thing."""
    if above[:1] != ("invoice",):
        return _BY_PLAIN
    model = InvoiceItem if "invoiceItems" in above else Invoice
    right = (SAME_AS[each] for each in model.model_fields if each in SAME_AS)
    return [each.lower() for each in (*model.model_fields, *right)]


def _home(name: str) -> str:
    return " or ".join(place for place, models in _HOMES.items() if any(name in each.model_fields for each in models))


def _plain(name: str) -> str:
    """As it compares: capitals and what joins words are no difference."""
    return name.lower().replace("_", "").replace("-", "")
