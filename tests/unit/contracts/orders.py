"""A good invoice and ways to spoil it; a test names only what it is about."""

from typing import Any

from contracts.commands import Invoice
from contracts.members import Login

SELLER = "91330701MA2M37T86L"
BUYER = "91330701MA2DFB848M"


def invoice(**members: Any) -> Invoice:
    """A company's ordinary invoice of one line; a member given as `...` is left out."""
    whole = {
        "buyerName": "ABC公司",
        "buyerIndentification": BUYER,
        "buyerInvoiceType": 0,
        "buyerType": 0,
        "invoiceItems": [item()],
        "sellerName": "XYZ科技有限公司",
        "sellerIndentification": SELLER,
        "sellerBank": "招商银行杭州分行",
        "sellerBankAccount": "9876543210987654321",
    } | members
    return Invoice.model_validate({name: value for name, value in whole.items() if value is not ...})


def item(**members: Any) -> dict[str, Any]:
    """One line of goods."""
    return {"name": "商品A", "quantity": 2, "unitPrice": 100} | members


def login(**members: Any) -> Login:
    """The seller's login."""
    whole = {
        "companyCode": SELLER,
        "phone": "13987654321",
        "password": "secret",
        "area": "zhejiang",
        "role": "法定代表人",
    }
    return Login.model_validate(whole | members)
