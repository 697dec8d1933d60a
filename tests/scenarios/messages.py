"""What the scenarios send."""

from datetime import timedelta
from typing import Any

from worker.clock import SystemClock


def make_order(remark: str, user: str = "user-1", **changes: Any) -> dict[str, Any]:
    """The data of an `invoice.issue` whose remark names it in the sandbox's books. A fault is asked for in `fault`."""
    fault = changes.pop("fault", None)
    password = changes.pop("password", "sandbox-password")
    invoice = {
        "buyerName": "ABC公司",
        "buyerIndentification": "91330701MA2DFB848M",
        "buyerInvoiceType": 0,
        "buyerType": 0,
        "invoiceItems": [{"name": "商品A", "quantity": 2, "spec": "规格A", "unit": "件", "unitPrice": "100.00"}],
        "remark": f"{remark}#fault={fault}" if fault else remark,
        "sellerName": "XYZ科技有限公司",
        "sellerIndentification": "91330701MA2M37T86L",
        "sellerBank": "招商银行杭州分行",
        "sellerBankAccount": "9876543210987654321",
    }
    invoice |= changes.pop("invoice", {})
    login = {
        "companyCode": "91330701MA2M37T86L",
        "phone": f"phone-of-{user}",
        "password": password,
        "area": "zhejiang",
        "role": "法定代表人",
    }
    return {"userId": user, "login": login, "invoice": invoice} | changes


def make_query(user: str = "user-1", **changes: Any) -> dict[str, Any]:
    """The data of an `invoice.query` for all that was issued lately; `condition` and `page` are added to."""
    today = SystemClock().now().date()
    condition = {
        "queryType": 0,
        "startInvoiceDate": (today - timedelta(days=30)).isoformat(),
        "endInvoiceDate": (today + timedelta(days=1)).isoformat(),
    }
    order = make_order("", user)
    return {
        "userId": user,
        "login": order["login"] | {"companyName": "XYZ科技有限公司"} | changes.pop("login", {}),
        "condition": condition | changes.pop("condition", {}),
        "page": {"pageSize": 10, "pageNumber": 1} | changes.pop("page", {}),
    } | changes
