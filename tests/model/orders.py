"""The orders of a walk: few users, few contents and few numbers, so that they meet."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from hypothesis import strategies as st

from tests.builders import make_invoice, make_item
from tests.model.submissions import PLANS

USERS: Final = ("u1", "u2", "u3", "u4")
SELLERS: Final[Mapping[str, int]] = MappingProxyType({"u1": 1, "u2": 2, "u3": 2, "u4": 1})
"""Two of the users issue for one seller, two for another."""
COMPANIES: Final[Mapping[str, int]] = MappingProxyType({**SELLERS, "u4": 2})
"""Whose login they have: the last one's is another company's, which lists none of what the seller issued."""
_PERSON: Final = {"buyerType": 1, "buyerIndentification": ""}
CONTENTS: Final[Sequence[Mapping[str, Any]]] = (
    {"invoiceItems": [make_item(quantity=1)], "remark": "order 0"},
    {"invoiceItems": [make_item(quantity=2)], "remark": "order 1"},
    {"invoiceItems": [make_item(quantity=3)], "remark": "order 2"},
    {"invoiceItems": [make_item(quantity=1, unitPrice="200.00")], "remark": "order 1"},
    {"invoiceItems": [make_item(quantity=1)], **_PERSON, "buyerName": "张三"},
    {"invoiceItems": [make_item(quantity=1)], **_PERSON, "buyerName": "张三丰"},
    {"invoiceItems": [make_item(quantity=1)]},
    {"invoiceItems": [make_item(quantity=1)], "remark": "谢谢惠顾"},
    {"invoiceItems": [make_item(quantity=1)], **_PERSON, "buyerName": "个人"},
    {"invoiceItems": [make_item(quantity=1, unitPrice="226.00")]},
    {"invoiceItems": [make_item(quantity=1, unitPrice="26.00")]},
    {"invoiceItems": [make_item(quantity=3, unitPrice="33.33333333")]},
    {"invoiceItems": [make_item(quantity=1)], "buyerIndentification": "DE123456789", "buyerName": "Beispiel GmbH"},
    {"invoiceItems": [make_item(quantity=1), make_item(quantity=1, unitPrice="0.01")], "remark": "order 1"},
)
"""The fourth is listed as the second is. The next ones come to what the first does, and no number names them; two
to the second's total with tax, and to its tax. Then one that comes to 100 but for its price's places, one of a buyer
abroad, and one that comes to a cent more than the first."""
EXPECTED: Final = (None, None, None, "113.00", "100.00", "226.00", "1000.00")
"""Totals that callers expect: right for some contents, another order's for others, or more than any tax makes."""


def company(number: int) -> str:
    return f"9133070{number}MA2M37T86L"


def issue_data(user: str, content: int, order_no: str | None, expected: str | None = None) -> dict[str, Any]:
    invoice = make_invoice(**{"sellerIndentification": company(SELLERS[user]), **CONTENTS[content]})
    login = {
        "companyCode": company(COMPANIES[user]),
        "phone": f"1380000000{COMPANIES[user]}",
        "password": "p",
        "area": "zhejiang",
        "role": "法定代表人",
    }
    data = {"userId": user, "login": login, "invoice": invoice, "orderNo": order_no, "expectedTotal": expected}
    return {name: value for name, value in data.items() if value is not None}


ALMOST: Final[Sequence[Mapping[str, Any]]] = (
    {},
    {"remark": "order 77"},
    {"buyerName": "李四", "buyerIndentification": ""},
    {"sellerIndentification": "91330709MA2M37T86L"},
)
"""What an invoice has that is not an order's, and is nearly: in nothing but its date, for the first."""


Ordered = tuple[str, int, tuple[str, str] | None, str | None, str, str | None]
"""User, content, whose order number, where it is answered, what becomes of it, and what it should come to."""
ORDERS: Final[st.SearchStrategy[Ordered]] = st.tuples(
    st.sampled_from(("u1", "u1", "u2", "u2", "u3", "u3", "u4")),
    st.sampled_from((0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)),
    st.sampled_from((None, None, None, None, ("/shop", "o1"), ("/shop", "o2"), ("/stall", "o1"))),
    st.sampled_from((None, "replies", "gone")),
    st.sampled_from(sorted(PLANS)),
    st.sampled_from(EXPECTED),
)
