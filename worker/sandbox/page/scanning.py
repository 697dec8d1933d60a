"""The QR that a person scans, a picture whose text is a web address of the sandbox, and the pages behind it; and behind
an address that leads nowhere.

Pure. The pages are plain HTML without scripts, readable on a phone, Chinese first and English beside it.
"""

import base64
import io
from decimal import Decimal
from html import escape
from typing import Final

import segno

from worker.sandbox.books.amounts import in_capitals, priced
from worker.sandbox.dialogue import QrForm
from worker.sandbox.vendor import Scan, ScanState

_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1f2328;--soft:#667085;--paper:#fff;--back:#f2f4f7;--line:#e4e7ec;--go:#b42318}
@media(prefers-color-scheme:dark){:root{--ink:#f2f4f7;--soft:#98a2b3;--paper:#1d2127;--back:#101318;
--line:#343a43;--go:#d92d20}}
*{box-sizing:border-box}body{margin:0;padding:24px 16px;background:var(--back);color:var(--ink);
font:16px/1.5 system-ui,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC","WenQuanYi Micro Hei",sans-serif}
main{max-width:30rem;margin:0 auto;background:var(--paper);border:1px solid var(--line);border-radius:12px;
padding:24px}h1{font-size:1.35rem;margin:0 0 4px}p{margin:8px 0}.soft{color:var(--soft);font-size:.9rem}
dl{margin:20px 0;display:grid;grid-template-columns:auto 1fr;gap:8px 16px}dt{color:var(--soft)}
dd{margin:0;text-align:right;overflow-wrap:anywhere}.sum{font-size:1.3rem;font-weight:600}
button{width:100%;padding:14px;border:0;border-radius:8px;font:inherit;font-weight:600;background:var(--go);
color:#fff;cursor:pointer}.quiet{margin-top:12px;background:none;color:var(--soft);border:1px solid var(--line)}
code{font-size:.9em}
"""

_SAID: Final = {
    ScanState.CONFIRMED: (
        "扫码已确认",
        "Scan confirmed",
        "发票正在开具，可以关闭本页。",
        "The invoice is being issued. You can close this page.",
    ),
    ScanState.DECLINED: (
        "已拒绝",
        "Declined",
        "网关已收到扫码失败。",
        "The gateway was told that the scan failed.",
    ),
    ScanState.EXPIRED: ("二维码已过期", "This QR has expired", "没有开具发票。", "No invoice was issued."),
    ScanState.SUPERSEDED: (
        "二维码已更新",
        "A newer QR replaced this one",
        "请扫描最新的二维码。",
        "Please scan the latest one.",
    ),
}


def scan_page(scan: Scan) -> str:
    """The page behind a QR: who sells what to whom, and the button that stands for the face scan."""
    if scan.state is not ScanState.WAITING:
        return _page(*_SAID[scan.state], _facts(scan))
    if not scan.works:
        return _page(
            "无法确认",
            "This QR cannot be confirmed",
            "已请求的故障：扫码不会成功。",
            "A fault was asked for: scanning it leads nowhere.",
            _facts(scan),
        )
    forms = (
        f'<form method="post" action="/scan/{escape(scan.token)}/confirm">'
        "<button>确认扫码 · Confirm the scan</button></form>"
        f'<form method="post" action="/scan/{escape(scan.token)}/decline">'
        '<button class="quiet">拒绝 · Decline</button></form>'
    )
    return _page(
        "人脸识别（沙盒）",
        "Face scan (sandbox)",
        "确认后将开具下面的样张发票。",
        "Confirming stands for the face scan; the sample invoice below is then issued.",
        _facts(scan) + forms,
    )


def unknown_page(what: str) -> str:
    """The page for an address that leads nowhere."""
    return _page("没有此页面", "Nothing here", f"{what}不存在。", "The sandbox does not know this address.", "")


def _facts(scan: Scan) -> str:
    order, lines = scan.order, priced(scan.order["invoiceItems"])
    total = sum((line.total for line in lines), Decimal(0))
    goods = "、".join(line.name for line in lines[:3]) + (f" 等 {len(lines)} 项" if len(lines) > 3 else "")
    facts = {
        "销售方 Seller": order["sellerName"],
        "购买方 Buyer": order["buyerName"],
        "商品 Goods": goods,
        "备注 Remark": order["remark"] or "—",
    }
    rows = "".join(f"<dt>{escape(word)}</dt><dd>{escape(str(fact))}</dd>" for word, fact in facts.items())
    rows += f'<dt>价税合计 Total</dt><dd class="sum">¥{total:,.2f}</dd>'
    return f'<dl>{rows}</dl><p class="soft">{escape(in_capitals(total))}</p>'


def _page(title: str, title_in_english: str, text: str, text_in_english: str, body: str) -> str:
    return (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)} · {escape(title_in_english)}</title><style>{_STYLE}</style></head><body><main>"
        f'<h1>{escape(title)}</h1><p class="soft">{escape(title_in_english)}</p>'
        f'<p>{escape(text)}<br><span class="soft">{escape(text_in_english)}</span></p>{body}'
        '<p class="soft">样张 SANDBOX — NOT A TAX INVOICE</p></main></body></html>'
    )


_PIXELS_PER_MODULE = 6
_MASK = 3
"""A fixed mask pattern: choosing the best of eight takes most of the time, and every scanner reads all eight."""


def qr_png(text: str) -> bytes:
    """Draw ``text`` as a QR image."""
    drawn = io.BytesIO()
    code = segno.make_qr(text, error="l", mask=_MASK, boost_error=False)
    code.save(drawn, kind="png", scale=_PIXELS_PER_MODULE, border=4)
    return drawn.getvalue()


def qr_svg(text: str) -> bytes:
    """Draw ``text`` as a QR that scales."""
    drawn = io.BytesIO()
    segno.make_qr(text, error="l", mask=_MASK, boost_error=False).save(drawn, kind="svg", border=4)
    return drawn.getvalue()


def qr_data(text: str, form: QrForm) -> str:
    """Word the QR as ``invoice_qrcode`` carries it (trap 41): a data URI, bare base64, or the text itself."""
    if form == "text":
        return text
    if form == "svg":
        return f"data:image/svg+xml;base64,{base64.b64encode(qr_svg(text)).decode('ascii')}"
    encoded = base64.b64encode(qr_png(text)).decode("ascii")
    return encoded if form == "bare_base64" else f"data:image/png;base64,{encoded}"
