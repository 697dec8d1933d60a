"""The OFD of an issued invoice: a container as GB/T 33190 has it, with the XML attached as real ones have it.

Pure. It says what the PDF and the XML say. Its font is named, not embedded: readers of OFD bring 宋体 along.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from unicodedata import east_asian_width
from uuid import NAMESPACE_URL, uuid5
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from worker.sandbox.books.amounts import in_capitals, printed
from worker.sandbox.books.ledger import BookedInvoice
from worker.sandbox.papers.xml import sound, xml

_NAMESPACE: Final = "http://www.ofdspec.org/2016"
_WIDTH_MM: Final = 210.0
_HEIGHT_MM: Final = 140.0
_MARGIN_MM: Final = 6.0
_FIRST_ITEM_MM: Final = 56.0
_LAST_ITEM_MM: Final = 98.0
_ROW_MM: Final = 4.2
_SIZE_MM: Final = 3.0
_SMALL_MM: Final = 2.6
_FONT_ID: Final = "1"
_INK: Final = "122 46 29"
_BLACK: Final = "34 34 34"
_RED: Final = "192 57 43"
_COLUMNS_MM: Final = (
    ("项目名称", 7.0, 44.0),
    ("规格型号", 52.0, 26.0),
    ("单位", 79.0, 12.0),
    ("数量", 92.0, 18.0),
    ("单价", 111.0, 24.0),
    ("金额", 136.0, 24.0),
    ("税率/征收率", 161.0, 20.0),
    ("税额", 182.0, 22.0),
)

register_namespace("ofd", _NAMESPACE)


def ofd(invoice: BookedInvoice) -> bytes:
    """Draw an invoice as an OFD, as many pages as its lines need."""
    pages = list(_pages(invoice))
    parts = {
        "OFD.xml": _entry(invoice),
        "Doc_0/Document.xml": _document(len(pages), max(page.last_id for page in pages)),
        "Doc_0/PublicRes.xml": _resources(),
        "Doc_0/Attachs/Attachments.xml": _attachments(),
    }
    parts |= {f"Doc_0/Pages/Page_{number}/Content.xml": page.root for number, page in enumerate(pages)}
    written = io.BytesIO()
    at = datetime.fromisoformat(invoice.issued_at).timetuple()[:6]
    with ZipFile(written, "w", ZIP_DEFLATED) as container:
        for name, root in parts.items():
            container.writestr(_part(name, at), tostring(root, encoding="UTF-8", xml_declaration=True))
        container.writestr(_part("Doc_0/Attachs/original_invoice.xml", at), xml(invoice))
    return written.getvalue()


def _part(name: str, at: tuple[int, ...]) -> ZipInfo:
    """The same invoice has the same bytes whenever it is drawn."""
    part = ZipInfo(name, (at[0], at[1], at[2], at[3], at[4], at[5]))
    part.compress_type = ZIP_DEFLATED
    return part


def _entry(invoice: BookedInvoice) -> Element:
    root = Element(_name("OFD"), {"Version": "1.1", "DocType": "OFD"})
    body = _add(root, "DocBody")
    info = _add(body, "DocInfo")
    _add(info, "DocID", uuid5(NAMESPACE_URL, f"fapiao-sandbox:{invoice.number}").hex)
    _add(info, "Title", f"SANDBOX {invoice.number}")
    _add(info, "Author", "fapiao-worker sandbox")
    _add(info, "Subject", "NOT A TAX INVOICE")
    _add(info, "CreationDate", invoice.issued_at[:10])
    _add(_add(info, "CustomDatas"), "CustomData", invoice.number).set("Name", "发票号码")
    _add(body, "DocRoot", "Doc_0/Document.xml")
    return root


def _document(pages: int, last_id: int) -> Element:
    root = Element(_name("Document"))
    common = _add(root, "CommonData")
    _add(common, "MaxUnitID", str(last_id + pages))
    _add(_add(common, "PageArea"), "PhysicalBox", _box(0, 0, _WIDTH_MM, _HEIGHT_MM))
    _add(common, "PublicRes", "PublicRes.xml")
    listed = _add(root, "Pages")
    for number in range(pages):
        place = {"ID": str(last_id + 1 + number), "BaseLoc": f"Pages/Page_{number}/Content.xml"}
        SubElement(listed, _name("Page"), place)
    _add(root, "Attachments", "Attachs/Attachments.xml")
    return root


def _resources() -> Element:
    root = Element(_name("Res"), {"BaseLoc": "Res"})
    font = {"ID": _FONT_ID, "FontName": "宋体", "FamilyName": "宋体"}
    SubElement(_add(root, "Fonts"), _name("Font"), font)
    return root


def _attachments() -> Element:
    root = Element(_name("Attachments"))
    told = {"ID": "1", "Name": "original_invoice", "Format": "xml", "Visible": "false"}
    _add(SubElement(root, _name("Attachment"), told), "FileLoc", "original_invoice.xml")
    return root


@dataclass(slots=True)
class _Page:
    """One page under way. Ids count on over all pages, as the standard asks."""

    last_id: int
    root: Element = field(default_factory=lambda: Element(_name("Page")))
    layer: Element = field(init=False)

    def __post_init__(self) -> None:
        _add(_add(self.root, "Area"), "PhysicalBox", _box(0, 0, _WIDTH_MM, _HEIGHT_MM))
        self.layer = SubElement(_add(self.root, "Content"), _name("Layer"), {"ID": self._id(), "Type": "Body"})

    def text(self, x: float, y: float, text: str, colour: str = _BLACK, size: float = _SIZE_MM) -> None:
        """Write one line, its left end at ``x`` and its upper edge at ``y``."""
        widths = [size if _is_wide(character) else size / 2 for character in sound(text)]
        if not widths:
            return
        told = {
            "ID": self._id(),
            "Boundary": _box(x, y, sum(widths), size * 1.3),
            "Font": _FONT_ID,
            "Size": f"{size:g}",
        }
        thing = SubElement(self.layer, _name("TextObject"), told)
        SubElement(thing, _name("FillColor"), {"Value": colour})
        code = _add(thing, "TextCode", sound(text))
        code.attrib.update({"X": "0", "Y": f"{size:g}", "DeltaX": " ".join(f"{width:g}" for width in widths[:-1])})

    def line(self, x: float, y: float, to_x: float, to_y: float) -> None:
        """Draw a straight line."""
        told = {"ID": self._id(), "Boundary": _box(x, y, to_x - x + 0.3, to_y - y + 0.3), "LineWidth": "0.25"}
        path = SubElement(self.layer, _name("PathObject"), told)
        SubElement(path, _name("StrokeColor"), {"Value": _INK})
        _add(path, "AbbreviatedData", f"M 0 0 L {to_x - x:g} {to_y - y:g}")

    def _id(self) -> str:
        self.last_id += 1
        return str(self.last_id)


def _pages(invoice: BookedInvoice) -> Iterator[_Page]:
    page, y = _Page(last_id=int(_FONT_ID)), _FIRST_ITEM_MM
    _furnish(page, invoice)
    for cells in _item_rows(invoice):
        height = _ROW_MM * max(len(lines) for lines in cells)
        if y + height > _LAST_ITEM_MM and y > _FIRST_ITEM_MM:
            yield page
            page, y = _Page(last_id=page.last_id), _FIRST_ITEM_MM
            _furnish(page, invoice)
        for lines, (_, x, _) in zip(cells, _COLUMNS_MM, strict=True):
            for row, text in enumerate(lines):
                page.text(x, y + row * _ROW_MM, text)
        y += height
    _totals(page, invoice)
    yield page


def _item_rows(invoice: BookedInvoice) -> Iterator[list[list[str]]]:
    for line in invoice.lines:
        yield [_wrapped(text, width) for text, (_, _, width) in zip(printed(line), _COLUMNS_MM, strict=True)]


def _furnish(page: _Page, invoice: BookedInvoice) -> None:
    order, at = invoice.order, datetime.fromisoformat(invoice.issued_at)
    kind = "增值税专用发票" if order.get("buyerInvoiceType") == 1 else "普通发票"
    page.text(70, 8, f"电子发票（{kind}）", _INK, 6)
    page.text(72, 18, "样张 · SANDBOX — NOT A TAX INVOICE", _RED)
    page.text(150, 12, f"发票号码：{invoice.number}")
    page.text(150, 17, f"开票日期：{at:%Y}年{at:%m}月{at:%d}日")
    for x, word, side in ((_MARGIN_MM, "购买方", "buyer"), (_WIDTH_MM / 2, "销售方", "seller")):
        page.text(x + 1, 27, f"{word}信息", _INK)
        for row, text in enumerate(_wrapped(f"名称：{order[f'{side}Name']}", 76)):
            page.text(x + 20, 27 + row * _ROW_MM, text)
        page.text(
            x + 20, 36, f"统一社会信用代码/纳税人识别号：{order[f'{side}Indentification'] or '—'}", size=_SMALL_MM
        )
        if order[f"{side}BankShow"]:
            bank = f"开户行及账号：{order[f'{side}Bank']} {order[f'{side}BankAccount']}"
            for row, text in enumerate(_wrapped(bank, 76, _SMALL_MM)):
                page.text(x + 20, 40 + row * _ROW_MM, text, size=_SMALL_MM)
    for word, x, _ in _COLUMNS_MM:
        page.text(x, 50.5, word, _INK)
    for y in (25.0, 49.5, 55.0, 103.0, 110.5, 118.0, 134.0):
        page.line(_MARGIN_MM, y, _WIDTH_MM - _MARGIN_MM, y)
    for x in (_MARGIN_MM, _WIDTH_MM - _MARGIN_MM):
        page.line(x, 25, x, 134)


def _totals(page: _Page, invoice: BookedInvoice) -> None:
    page.text(7, 105, "合　　计", _INK)
    page.text(136, 105, f"¥{invoice.total - invoice.tax:.2f}")
    page.text(182, 105, f"¥{invoice.tax:.2f}")
    page.text(7, 112.5, "价税合计（大写）", _INK)
    page.text(52, 112.5, f"⊗ {in_capitals(invoice.total)}")
    page.text(150, 112.5, f"（小写）¥{invoice.total:.2f}")
    page.text(7, 120, "备　　注", _INK)
    for row, text in enumerate(_wrapped(str(invoice.order.get("remark", "")), 170, _SMALL_MM)):
        page.text(25, 119.5 + row * 3.4, text, size=_SMALL_MM)


def _wrapped(text: str, width_mm: float, size: float = _SIZE_MM) -> list[str]:
    """Cut a text into lines that fit."""
    lines, room = [""], width_mm
    for character in " ".join(sound(text).split()):
        width = size if _is_wide(character) else size / 2
        if width > room:
            lines.append("")
            room = width_mm
        lines[-1] += character
        room -= width
    return lines


def _is_wide(character: str) -> bool:
    return east_asian_width(character) in "WFA"


def _name(tag: str) -> str:
    return f"{{{_NAMESPACE}}}{tag}"


def _add(parent: Element, tag: str, text: str | None = None) -> Element:
    child = SubElement(parent, _name(tag))
    child.text = text
    return child


def _box(x: float, y: float, width: float, height: float) -> str:
    return f"{x:g} {y:g} {width:g} {height:g}"
