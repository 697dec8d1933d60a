"""The orders of a walk: few users, few contents and few numbers, so that they meet."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from hypothesis import strategies as st

from tests.builders import make_invoice, make_item
from tests.model.submissions import PLANS

USERS: Final = ("u1", "u2", "u3")
SELLERS: Final[Mapping[str, int]] = MappingProxyType({"u1": 1, "u2": 2, "u3": 2})
"""Two of the users issue for one seller."""
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
)
"""The fourth is listed as the second is. The last ones come to what the first does, and no number names them."""


def issue_data(user: str, content: int, order_no: str | None) -> dict[str, Any]:
    number = SELLERS[user]
    code = f"9133070{number}MA2M37T86L"
    invoice = make_invoice(**{"sellerIndentification": code, **CONTENTS[content]})
    login = {
        "companyCode": code,
        "phone": f"1380000000{number}",
        "password": "p",
        "area": "zhejiang",
        "role": "法定代表人",
    }
    data = {"userId": user, "login": login, "invoice": invoice}
    return data if order_no is None else {**data, "orderNo": order_no}


ALMOST: Final[Sequence[Mapping[str, Any]]] = (
    {},
    {"remark": "order 77"},
    {"buyerName": "李四", "buyerIndentification": ""},
    {"sellerIndentification": "91330709MA2M37T86L"},
)
"""What an invoice has that is not an order's, and is nearly: in nothing but its date, for the first."""


Ordered = tuple[str, int, tuple[str, str] | None, str | None, str]
"""User, content, whose order number, where it is answered, and what becomes of it."""
ORDERS: Final[st.SearchStrategy[Ordered]] = st.tuples(
    st.sampled_from(USERS),
    st.sampled_from((0, 0, 1, 1, 2, 3, 4, 5, 6, 7)),
    st.sampled_from((None, None, None, None, ("/shop", "o1"), ("/shop", "o2"), ("/stall", "o1"))),
    st.sampled_from((None, "replies", "gone")),
    st.sampled_from(sorted(PLANS)),
)
