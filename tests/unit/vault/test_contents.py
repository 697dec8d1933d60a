"""What a file is and says, and that a stranger's file does no harm while it is read."""

import io
import tracemalloc
import zipfile
from decimal import Decimal

import pytest

from tests.unit.vault.files import due, issued, listed, papers
from worker.vault import contents
from worker.vault.contents import NotThatFile, Told, differences, read_file

BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;</a>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>"""


def container(**entries: bytes) -> bytes:
    """A ZIP; two underscores stand for a slash, one for a dot."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in entries.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), body)
    return written.getvalue()


def test_the_bureaus_files_are_what_they_say() -> None:
    """The record is read from the XML, and from the one that is attached to the OFD."""
    invoice = issued()
    files = papers(invoice)
    said = Told(
        number=invoice.number,
        total=Decimal(f"{invoice.total:.2f}"),
        buyer_id="91330701MA2DFB848M",
        buyer_name="ABC公司",
        seller_id="91330701MA2M37T86L",
        seller_name="XYZ科技有限公司",
    )
    assert read_file("xml", files["xml"]) == said
    assert read_file("ofd", files["ofd"]) == said
    assert read_file("pdf", files["pdf"]) == Told()


@pytest.mark.parametrize("encoding", ["GBK", "gb2312", "GB18030", "UTF-8", "UTF-16"])
def test_a_record_is_read_in_the_encoding_that_it_names(encoding: str) -> None:
    text = f"<?xml version='1.0' encoding='{encoding}'?><EInvoice><BuyerName>税务局</BuyerName></EInvoice>"

    assert read_file("xml", text.encode(encoding)).buyer_name == "税务局"


def test_a_bomb_is_one_in_any_encoding() -> None:
    with pytest.raises(NotThatFile):
        read_file("xml", b'<?xml version="1.0" encoding="GBK"?>' + BOMB[BOMB.index(b"<!DOCTYPE") :])


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("pdf", b"<html>please log in</html>"),
        ("pdf", b"%PDF-1.7 and then the connection was cut"),
        ("pdf", b""),
        ("ofd", b"PK\x03\x04 no archive"),
        ("ofd", container(readme_txt=b"hello")),
        ("ofd", container(OFD_xml=b"<OFD/>")),
        ("ofd", container(OFD_xml=BOMB, Doc__Document_xml=b"<Document/>")),
        ("xml", b"not xml"),
        ("xml", b""),
        ("xml", BOMB),
        ("xml", OUTSIDE),
        ("xml", b"<?xml version='1.0' encoding='no-such'?><a/>"),
        ("json", b""),
    ],
)
def test_what_is_no_such_file_is_refused_in_a_sentence(kind: str, body: bytes) -> None:
    with pytest.raises(NotThatFile, match=r"\w+ \w+"):
        read_file(kind, body)


def test_a_container_that_unpacks_to_more_than_an_invoice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what it says of its sizes, and by what comes out of it whatever it says."""
    monkeypatch.setattr(contents, "MOST_UNPACKED_BYTES", 10_000)
    large = container(OFD_xml=b"<OFD>" + b" " * 20_000 + b"</OFD>", Doc__Document_xml=b"<Document/>")
    with pytest.raises(NotThatFile, match="more than an invoice"):
        read_file("ofd", large)
    monkeypatch.setattr(contents, "MOST_UNPACKED_BYTES", 10**9)
    monkeypatch.setattr(contents, "MOST_READ_BYTES", 10_000)
    with pytest.raises(NotThatFile, match="larger than"):
        read_file("ofd", large)


def test_an_xml_that_is_larger_than_an_invoices_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MOST_READ_BYTES", 10_000)
    with pytest.raises(NotThatFile, match="larger than"):
        read_file("xml", b"<a>" + b" " * 20_000 + b"</a>")


def test_no_tree_is_kept_of_what_is_read() -> None:
    """One of eight megabytes would have taken three hundred, and four files are read at once."""
    body = b"<a>" + b"<b><c/></b>" * 20_000 + b"<BuyerName>ABC</BuyerName></a>"
    tracemalloc.start()
    try:
        assert read_file("xml", body).buyer_name == "ABC"
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 3 * len(body)


def test_the_first_text_of_a_name_counts_and_what_is_inside_it_does_not() -> None:
    body = b"<a><n:BuyerName xmlns:n='u'> </n:BuyerName><BuyerName>A<i>B</i>C</BuyerName><BuyerName>D</BuyerName></a>"
    assert read_file("xml", body).buyer_name == "A"


@pytest.mark.parametrize("total", ["1E999999999", "-1E-999999999", "1E41", "9" * 41, "NaN", "Infinity"])
def test_an_amount_that_would_be_a_number_of_a_gigabyte_is_none(total: str) -> None:
    """It was written out, digit by digit, to be compared with the list."""
    body = f"<a><TotalTax-includedAmount>{total}</TotalTax-includedAmount></a>".encode()
    assert read_file("xml", body).total is None


def test_many_entries_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MOST_ENTRIES", 3)
    with pytest.raises(NotThatFile, match="more than an invoice"):
        read_file("ofd", container(OFD_xml=b"<a/>", b_xml=b"<a/>", c_xml=b"<a/>", d_xml=b"<a/>"))


def test_a_type_that_nobody_knows_is_kept_unread() -> None:
    assert read_file("docx", b"anything") == Told()


def test_a_file_that_says_what_was_listed_does_not_differ() -> None:
    """However it writes it: names compare as people compare them, amounts as numbers."""
    told = Told(due().number, Decimal("200.00"), "91330701ma2dfb848m", "ＡＢＣ 公司", "91330701MA2M37T86L", "renamed")
    assert differences(due(), told) == []


@pytest.mark.parametrize(
    ("told", "member"),
    [
        (Told(number="26332000000000000043"), "invoiceNumber"),
        (Told(total=Decimal("200.01")), "totalPriceAndTax"),
        (Told(buyer_id="91330701MA2DFB8482"), "buyerIdentificationNumber"),
        (Told(buyer_name="DEF公司"), "buyerName"),
        (Told(seller_id="91330701MA2M37T862"), "sellerIdentificationNumber"),
    ],
)
def test_each_member_that_differs_is_named(told: Told, member: str) -> None:
    (difference,) = differences(due(), told)
    assert difference["member"] == member
    assert difference["listed"] != difference["file"]


def test_what_either_side_does_not_tell_is_no_difference() -> None:
    assert differences(due(invoice=listed(total=None, buyer_id="")), Told(buyer_id="X", total=Decimal(1))) == []
    assert differences(due(invoice=None), Told(due().number, Decimal(1))) == []


@pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_container_may_not_say_how_much_memory_it_takes(packing: int) -> None:
    """LZMA's dictionary is as large as the file wants, and what is broken in it raises an error of its own."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", packing) as archive:
        archive.writestr("OFD.xml", "<a/>" * 1000)
        archive.writestr("Doc_0/Document.xml", "<a/>")
    broken = bytearray(written.getvalue())
    broken[60:75] = b"\xff" * 15
    for body in (written.getvalue(), bytes(broken)):
        with pytest.raises(NotThatFile):
            read_file("ofd", body)


def test_what_a_file_says_fits_into_an_event() -> None:
    """A name of seven megabytes would make an event that no broker takes."""
    told = read_file("xml", b"<EInvoice><BuyerName>" + b"x" * 7_000_000 + b"</BuyerName></EInvoice>")
    (difference,) = differences(due(), told)
    assert (difference["member"], len(difference["file"])) == ("buyerName", contents.MOST_TEXT_CHARS)
