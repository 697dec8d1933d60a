"""The PDF, the OFD and the XML of an invoice open in standard readers and say the same."""

import io
from decimal import Decimal
from xml.etree.ElementTree import Element, fromstring
from zipfile import ZipFile

import pypdf
import pytest

from tests.unit.sandbox.papers.test_pdf import invoice
from worker.sandbox.books.amounts import in_capitals
from worker.sandbox.books.archive import ISSUED, RECEIVED, Archive
from worker.sandbox.books.ledger import BookedInvoice
from worker.sandbox.papers.ofd import ofd
from worker.sandbox.papers.pdf import pdf
from worker.sandbox.papers.xml import xml

OFD = {"ofd": "http://www.ofdspec.org/2016"}
ARCHIVE = Archive(count=200)
SAMPLES = [
    invoice(),
    invoice(60),
    invoice(buyerInvoiceType=1, buyerBankShow=1),
    invoice(remark="长备注" * 76 + "终", buyerName="名" * 50),
    *ARCHIVE.invoices("91330000SANDBOX002", ISSUED)[:3],
    *ARCHIVE.invoices("91330000SANDBOX002", RECEIVED)[:2],
    next(each for each in ARCHIVE.invoices("91330000SANDBOX002", ISSUED) if each.total < 0),
]


def parsed(text: bytes) -> Element:
    return fromstring(text)  # noqa: S314  our own


def container(drawn: bytes) -> ZipFile:
    return ZipFile(io.BytesIO(drawn))


def ofd_lines(drawn: bytes) -> list[str]:
    """Follow the container as a reader does: OFD.xml, the document, its pages, their text."""
    with container(drawn) as parts:
        root = parsed(parts.read("OFD.xml"))
        document = parsed(parts.read(root.findtext(".//ofd:DocRoot", "", OFD)))
        pages = [page.attrib["BaseLoc"] for page in document.iterfind(".//ofd:Page", OFD)]
        contents = [parsed(parts.read(f"Doc_0/{page}")) for page in pages]
    return [code.text or "" for content in contents for code in content.iterfind(".//ofd:TextCode", OFD)]


def facts(invoice: BookedInvoice) -> list[str]:
    year, month, day = invoice.issued_at[:10].split("-")
    order = invoice.order
    return [
        invoice.number,
        f"{year}年{month}月{day}日",
        order["sellerName"],
        order["sellerIndentification"],
        order["buyerName"],
        order["buyerIndentification"],
        order["remark"],
        in_capitals(invoice.total),
        f"¥{invoice.total:.2f}",
        f"¥{invoice.total - invoice.tax:.2f}",
        f"¥{invoice.tax:.2f}",
        *(f"{line.amount:.2f}" for line in invoice.lines),
    ]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.number[-4:])
def test_pdf_and_ofd_say_what_the_invoice_says(sample: BookedInvoice) -> None:
    read = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf(sample))).pages)
    texts = {"pdf": "".join(read.split()), "ofd": "".join("".join(ofd_lines(ofd(sample))).split())}
    for form, text in texts.items():
        for fact in facts(sample):
            assert "".join(fact.split()) in text, (form, fact)
        assert "NOTATAXINVOICE" in text


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.number[-4:])
def test_the_xml_says_what_the_invoice_says(sample: BookedInvoice) -> None:
    root = parsed(xml(sample))

    def told(name: str) -> str:
        return root.findtext(f".//{name}", "")

    assert told("InvoiceNumber") == told("EIid") == sample.number
    assert told("IssueTime").replace(" ", "T") + "+08:00" == sample.issued_at
    assert told("SellerName") == sample.order["sellerName"]
    assert told("SellerIdNum") == sample.order["sellerIndentification"]
    assert told("BuyerName") == sample.order["buyerName"]
    assert told("BuyerIdNum") == sample.order["buyerIndentification"]
    assert told("Remark") == sample.order["remark"]
    assert Decimal(told("TotalTax-includedAmount")) == sample.total
    assert Decimal(told("TotalAmWithoutTax")) + Decimal(told("TotalTaxAm")) == sample.total
    assert told("TotalTax-includedAmountInChinese") == in_capitals(sample.total)
    items = root.findall(".//IssuItemInformation")
    assert [item.findtext("ItemName") for item in items] == [line.name for line in sample.lines]
    assert sum(Decimal(item.findtext("TotaltaxIncludedAmount", "")) for item in items) == sample.total
    assert "NOT A TAX INVOICE" in told("AuthenticationMethods")


def test_an_ofd_is_a_sound_container_with_the_xml_attached() -> None:
    sample = invoice(60)
    drawn = ofd(sample)
    with container(drawn) as parts:
        assert parts.testzip() is None
        roots = {name: parsed(parts.read(name)) for name in parts.namelist()}
        attached = roots["Doc_0/Attachs/Attachments.xml"].findtext(".//ofd:FileLoc", "", OFD)
        assert parts.read(f"Doc_0/Attachs/{attached}") == xml(sample)
    document = roots["Doc_0/Document.xml"]
    assert document.findtext(".//ofd:PublicRes", "", OFD) == "PublicRes.xml"
    assert document.findtext("ofd:Attachments", "", OFD) == "Attachs/Attachments.xml"
    pages = [root for name, root in roots.items() if name.endswith("Content.xml")]
    assert len(pages) == len(document.findall(".//ofd:Page", OFD)) > 1
    fonts = {font.attrib["ID"] for font in roots["Doc_0/PublicRes.xml"].iterfind(".//ofd:Font", OFD)}
    assert {thing.attrib["Font"] for page in pages for thing in page.iterfind(".//ofd:TextObject", OFD)} == fonts
    assert_ids_are_unique([document, *pages], int(document.findtext(".//ofd:MaxUnitID", "", OFD)))


def assert_ids_are_unique(roots: list[Element], largest: int) -> None:
    ids = [int(element.attrib["ID"]) for root in roots for element in root.iter() if "ID" in element.attrib]
    assert len(set(ids)) == len(ids)
    assert max(ids) <= largest


def test_every_character_of_an_ofd_has_its_place() -> None:
    with container(ofd(invoice())) as parts:
        content = parsed(parts.read("Doc_0/Pages/Page_0/Content.xml"))
    for code in content.iterfind(".//ofd:TextCode", OFD):
        assert len(code.attrib["DeltaX"].split()) == len(code.text or "") - 1


@pytest.mark.parametrize("draw", [ofd, xml])
def test_a_file_has_the_same_bytes_whenever_it_is_drawn(draw: object) -> None:
    assert callable(draw)
    assert draw(invoice()) == draw(invoice())


def test_characters_that_xml_cannot_hold_are_left_out() -> None:
    odd = invoice(remark="a\x00b\x0bc<&>")
    assert parsed(xml(odd)).findtext(".//Remark") == "abc<&>"
    assert "abc<&>" in "".join(ofd_lines(ofd(odd)))
