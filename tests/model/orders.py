"""The orders of a walk: few users, few contents and few numbers, so that they meet."""

from typing import Any, Final

from hypothesis import strategies as st

from tests.builders import make_invoice, make_item
from tests.model.submissions import PLANS

USERS: Final = ("u1", "u2", "u3")


def issue_data(user: str, content: int, order_no: str | None) -> dict[str, Any]:
    number = USERS.index(user) + 1
    code = f"9133070{number}MA2M37T86L"
    invoice = make_invoice(
        sellerIndentification=code,
        invoiceItems=[make_item(quantity=content + 1, unitPrice="100.00")],
        remark=f"order {content}",
    )
    login = {
        "companyCode": code,
        "phone": f"1380000000{number}",
        "password": "p",
        "area": "zhejiang",
        "role": "法定代表人",
    }
    data = {"userId": user, "login": login, "invoice": invoice}
    return data if order_no is None else {**data, "orderNo": order_no}


ORDERS: Final = st.tuples(
    st.sampled_from(USERS),
    st.integers(0, 2),
    st.sampled_from((None, None, None, "o1", "o2")),
    st.sampled_from((None, "replies", "gone")),
    st.sampled_from(sorted(PLANS)),
)
