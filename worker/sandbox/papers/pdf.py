"""The PDF of an issued invoice: laid out like a 电子发票（普通发票）, marked as a sample, readable anywhere.

reportlab is imported on the first drawing, so that a sandbox that never serves a file does not pay for it. The
font is embedded (``fonts/README.md``); characters outside its repertoire show as empty boxes. Drawing takes tens
of milliseconds: call it in a thread.
"""

import io
from functools import cache
from importlib import resources
from typing import Any, Final
from xml.sax.saxutils import escape

from worker.sandbox.books.amounts import in_capitals, printed
from worker.sandbox.books.ledger import BookedInvoice

FONT: Final = "SandboxHei"
_INK: Final = "#7a2e1d"
_RED: Final = "#c0392b"
_PALE: Final = "#f1d9d4"
_MARGIN: Final = 36.0
_COLUMNS: Final = (0.235, 0.12, 0.065, 0.095, 0.115, 0.135, 0.09, 0.145)
_HEADINGS: Final = ("项目名称", "规格型号", "单位", "数量", "单价", "金额", "税率/征收率", "税额")


def pdf(invoice: BookedInvoice) -> bytes:
    """Draw an invoice as a PDF, A4 landscape, as many pages as its lines need."""
    from reportlab.lib.pagesizes import A4, landscape  # noqa: PLC0415
    from reportlab.platypus import SimpleDocTemplate  # noqa: PLC0415

    _register_font()
    drawn = io.BytesIO()
    document = SimpleDocTemplate(
        drawn,
        pagesize=landscape(A4),
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=104,
        bottomMargin=46,
        title=f"SANDBOX {invoice.number}",
        author="fapiao-worker sandbox",
        subject="NOT A TAX INVOICE",
    )

    def furnish(canvas: Any, template: Any) -> None:
        _draw_page(canvas, template, invoice)

    document.build(_story(invoice, document.width), onFirstPage=furnish, onLaterPages=furnish)
    return drawn.getvalue()


@cache
def _register_font() -> None:
    from reportlab.pdfbase import pdfmetrics  # noqa: PLC0415
    from reportlab.pdfbase.ttfonts import TTFont  # noqa: PLC0415

    source = resources.files("worker.sandbox") / "fonts" / "WenQuanYiMicroHei-subset.ttf"
    pdfmetrics.registerFont(TTFont(FONT, io.BytesIO(source.read_bytes())))


def _draw_page(canvas: Any, template: Any, invoice: BookedInvoice) -> None:
    width, height = template.pagesize
    canvas.saveState()
    canvas.setFillColor(_PALE)
    canvas.setFont(FONT, 64)
    canvas.translate(width / 2, height / 2 - 40)
    canvas.rotate(24)
    canvas.drawCentredString(0, 0, "样张 SANDBOX")
    canvas.restoreState()
    canvas.saveState()
    canvas.setFillColor(_INK)
    canvas.setFont(FONT, 21)
    canvas.drawCentredString(width / 2, height - 56, _title(invoice))
    canvas.setStrokeColor(_INK)
    canvas.line(width / 2 - 130, height - 63, width / 2 + 130, height - 63)
    canvas.line(width / 2 - 130, height - 66, width / 2 + 130, height - 66)
    canvas.setFillColor(_RED)
    canvas.setFont(FONT, 10.5)
    canvas.drawCentredString(width / 2, height - 82, "样张 · SANDBOX — NOT A TAX INVOICE")
    canvas.setFont(FONT, 9.5)
    for row, (word, value) in enumerate((("发票号码：", invoice.number), ("开票日期：", _date(invoice)))):
        canvas.setFillColor(_INK)
        canvas.drawString(width - _MARGIN - 190, height - 50 - row * 17, word)
        canvas.setFillColor("#222222")
        canvas.drawString(width - _MARGIN - 140, height - 50 - row * 17, value)
    canvas.setFillColor("#888888")
    canvas.setFont(FONT, 8)
    canvas.drawString(_MARGIN, 24, "本页由沙盒生成，不是发票，不得用作任何凭证。")
    canvas.drawRightString(width - _MARGIN, 24, f"{canvas.getPageNumber()}")
    canvas.restoreState()


def _story(invoice: BookedInvoice, width: float) -> list[Any]:
    from reportlab.platypus import KeepTogether  # noqa: PLC0415

    return [_parties(invoice, width), _items(invoice, width), KeepTogether([_totals(invoice, width)])]


def _parties(invoice: BookedInvoice, width: float) -> Any:
    order = invoice.order
    bank = _lines(order, buyer=("buyerBank", "buyerBankAccount"), seller=("sellerBank", "sellerBankAccount"))
    buyer = _party(order["buyerName"], order["buyerIndentification"], bank[0] if order["buyerBankShow"] else "")
    seller = _party(order["sellerName"], order["sellerIndentification"], bank[1] if order["sellerBankShow"] else "")
    cells = [[_text("购买方信息", _INK), buyer, _text("销售方信息", _INK), seller]]
    narrow = 30.0
    return _table(cells, [narrow, width / 2 - narrow, narrow, width / 2 - narrow])


def _party(name: str, tax_id: str, bank: str) -> list[Any]:
    told = [_labelled("名称：", name), _labelled("统一社会信用代码/纳税人识别号：", tax_id or "—")]
    return [*told, _labelled("开户行及账号：", bank)] if bank else told


def _lines(order: Any, *, buyer: tuple[str, str], seller: tuple[str, str]) -> tuple[str, str]:
    return " ".join(order[name] for name in buyer), " ".join(order[name] for name in seller)


def _items(invoice: BookedInvoice, width: float) -> Any:
    aligned = (0, 0, 1, 2, 2, 2, 2, 2)
    rows = [[_text(word, _INK, align) for word, align in zip(_HEADINGS, aligned, strict=True)]]
    rows += [
        [_text(text, align=align) for text, align in zip(printed(line), aligned, strict=True)] for line in invoice.lines
    ]
    total = [_text("合　　计", _INK), "", "", "", "", _text(f"¥{invoice.total - invoice.tax:.2f}", align=2)]
    rows.append([*total, "", _text(f"¥{invoice.tax:.2f}", align=2)])
    return _table(rows, [width * share for share in _COLUMNS], grid=False, repeat=1)


def _totals(invoice: BookedInvoice, width: float) -> Any:
    capitals = _text(f"⊗ {in_capitals(invoice.total)}")
    figures = _labelled("（小写）", f"¥{invoice.total:.2f}")
    remark = _text(str(invoice.order.get("remark", "")) or "—")
    cells = [
        [_text("价税合计（大写）", _INK, align=1), capitals, figures],
        [_text("备　　注", _INK, align=1), remark, ""],
    ]
    table = _table(cells, [width * 0.18, width * 0.52, width * 0.30])
    table.setStyle([("SPAN", (1, 1), (2, 1)), ("BOTTOMPADDING", (0, 1), (-1, 1), 18)])
    return table


def _table(cells: list[Any], widths: list[float], *, grid: bool = True, repeat: int = 0) -> Any:
    from reportlab.platypus import Table, TableStyle  # noqa: PLC0415

    table = Table(cells, colWidths=widths, repeatRows=repeat)
    style: list[Any] = [
        ("BOX", (0, 0), (-1, -1), 0.7, _INK),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE" if grid else "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 4),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
    ]
    if not grid:
        style.append(("LINEBELOW", (0, "splitlast"), (-1, "splitlast"), 0.7, _INK))
    else:
        style.append(("INNERGRID", (0, 0), (-1, -1), 0.7, _INK))
    table.setStyle(TableStyle(style))
    return table


def _labelled(word: str, value: str) -> Any:
    return _paragraph(f'<font color="{_INK}">{escape(word)}</font>{escape(value)}', 0)


def _text(text: str, colour: str = "#222222", align: int = 0) -> Any:
    return _paragraph(f'<font color="{colour}">{escape(text)}</font>', align)


def _paragraph(markup: str, align: int) -> Any:
    from reportlab.lib.styles import ParagraphStyle  # noqa: PLC0415
    from reportlab.platypus import Paragraph  # noqa: PLC0415

    style = ParagraphStyle("cell", fontName=FONT, fontSize=9.5, leading=14, alignment=align, wordWrap="CJK")
    return Paragraph(markup, style)


def _title(invoice: BookedInvoice) -> str:
    kind = "增值税专用发票" if invoice.order.get("buyerInvoiceType") == 1 else "普通发票"
    return f"电子发票（{kind}）"


def _date(invoice: BookedInvoice) -> str:
    year, month, day = invoice.issued_at[:10].split("-")
    return f"{year}年{month}月{day}日"
