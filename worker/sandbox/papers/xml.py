"""The XML of an invoice: the members of a 数电票 file (EInvoice), marked as a sample.

Pure. It says what the PDF and the OFD say. It is not signed, so no one can take it for the record of a real invoice.
"""

import re
from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from worker.sandbox.books.amounts import TAX_RATE, IssuedLine, in_capitals
from worker.sandbox.books.ledger import BookedInvoice
from worker.sandbox.books.rows import drawer, tax_code

_UNSOUND: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KINDS: Final = {0: ("02", "普通发票"), 1: ("01", "增值税专用发票")}


def xml(invoice: BookedInvoice) -> bytes:
    """Write an invoice as XML, UTF-8."""
    root = Element("EInvoice")
    _header(SubElement(root, "Header"), invoice)
    data = SubElement(root, "EInvoiceData")
    _parties(data, invoice)
    _totals(SubElement(data, "BasicInformation"), invoice)
    for line in invoice.lines:
        _item(SubElement(data, "IssuItemInformation"), line)
    _put(SubElement(data, "AdditionalInformation"), Remark=str(invoice.order.get("remark", "")))
    _put(SubElement(root, "SellerAuthentication"), AuthenticationMethods="样张 SANDBOX — NOT A TAX INVOICE")
    supervision = SubElement(root, "TaxSupervisionInfo")
    at = datetime.fromisoformat(invoice.issued_at)
    _put(supervision, InvoiceNumber=invoice.number, IssueTime=f"{at:%Y-%m-%d %H:%M:%S}", TaxBureauName="沙盒")
    indent(root)
    written: bytes = tostring(root, encoding="UTF-8", xml_declaration=True)
    return written


def _header(header: Element, invoice: BookedInvoice) -> None:
    _put(header, EIid=invoice.number, EInvoiceTag="SANDBOX", Version="0.3")
    code, word = _KINDS[1 if invoice.order.get("buyerInvoiceType") == 1 else 0]
    label = SubElement(SubElement(header, "InherentLabel"), "GeneralOrSpecialVAT")
    _put(label, LabelCode=code, LabelName=word)


def _parties(data: Element, invoice: BookedInvoice) -> None:
    order = invoice.order
    for side in ("seller", "buyer"):
        word = side.capitalize()
        bank = (order[f"{side}Bank"], order[f"{side}BankAccount"]) if order[f"{side}BankShow"] else ("", "")
        _put(
            SubElement(data, f"{word}Information"),
            **{
                f"{word}IdNum": order[f"{side}Indentification"],
                f"{word}Name": order[f"{side}Name"],
                f"{word}BankName": bank[0],
                f"{word}BankAccNum": bank[1],
            },
        )


def _totals(basic: Element, invoice: BookedInvoice) -> None:
    told = {
        "TotalAmWithoutTax": f"{invoice.total - invoice.tax:.2f}",
        "TotalTaxAm": f"{invoice.tax:.2f}",
        "TotalTax-includedAmount": f"{invoice.total:.2f}",
        "TotalTax-includedAmountInChinese": in_capitals(invoice.total),
        "Drawer": drawer(invoice),
        "RequestTime": f"{datetime.fromisoformat(invoice.issued_at):%Y-%m-%d %H:%M:%S}",
    }
    _put(basic, **told)


def _item(item: Element, line: IssuedLine) -> None:
    _put(
        item,
        ItemName=line.name,
        SpecMod=line.spec,
        MeaUnits=line.unit,
        Quantity=f"{line.quantity.normalize():f}",
        UnPrice=f"{line.unit_price.normalize():f}",
        Amount=f"{line.amount:.2f}",
        TaxRate=str(TAX_RATE),
        ComTaxAm=f"{line.tax:.2f}",
        TotaltaxIncludedAmount=f"{line.total:.2f}",
        TaxClassificationCode=tax_code(line.name),
    )


def sound(text: str) -> str:
    """Leave out the characters that XML cannot hold."""
    return _UNSOUND.sub("", text)


def _put(parent: Element, **members: str) -> None:
    for name, text in members.items():
        SubElement(parent, name).text = sound(text)
