"""What a file of an invoice is, what it says, and in what that differs from the list. Pure.

Guarantees that a stranger's file can do no harm while it is read: XML without document types and entities, archives
within bounds of number, size and ratio, nothing written anywhere. Knows nothing of where the file came from. A
difference is told and counted, and the file is kept all the same: it is the record, whatever the list says.
"""

import io
import re
import zipfile
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from contracts.gateway import plain_number
from worker.records import DueFile
from worker.texts import folded

MOST_ENTRIES: Final = 2_000
MOST_UNPACKED_BYTES: Final = 64 * 1024 * 1024
MOST_READ_BYTES: Final = 8 * 1024 * 1024
"""Of an XML, and of one entry of an archive that is read."""
MOST_TEXT_CHARS: Final = 2000
"""Of what a file says in one place: it is told in an event where it differs from the list."""
_MOST_DIGITS: Final = 40
"""Of an amount, before and behind its point: `1E999999999` is a short text and a number of a gigabyte."""
_PACKINGS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""Of the others, LZMA takes as much memory as the container asks for, up to 4 GiB."""
_IN_GBK: Final = re.compile(rb"""\s*<\?xml[^>]{1,100}encoding\s*=\s*["'](?:gbk|gb2312|gb18030)["']""", re.IGNORECASE)
"""An XML that says so of itself; the later standard reads the earlier ones."""
_PDF_HEAD: Final = 1024
_PDF_TAIL: Final = 4096


class NotThatFile(Exception):
    """The bytes are not what the file's type says. The message says what is missing, never what stands there."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a file says of its invoice; None where it does not say."""

    number: str | None = None
    total: Decimal | None = None
    """With tax."""
    buyer_id: str | None = None
    buyer_name: str | None = None
    seller_id: str | None = None
    seller_name: str | None = None


def read_file(kind: str, body: bytes) -> Told:
    """What a file of this type says. Raises `NotThatFile`. A type that is not known is kept as it is, unread."""
    match kind:
        case "pdf":
            _check_pdf(body)
        case "ofd":
            return _read_ofd(body)
        case "xml":
            return _read_xml(body)
        case _:
            if not body:
                raise NotThatFile("it is empty")
    return Told()


def _check_pdf(body: bytes) -> None:
    if b"%PDF-" not in body[:_PDF_HEAD]:
        raise NotThatFile("it does not begin as a PDF")
    if b"%%EOF" not in body[-_PDF_TAIL:]:
        raise NotThatFile("it does not end as a PDF: it was cut")


def _read_ofd(body: bytes) -> Told:
    """A container of GB/T 33190. Where the record in XML is attached, as real ones have it, it is read too."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as container:
            return _read_container(container)
    except NotThatFile:
        raise
    except Exception:  # a stranger's container breaks the library in ways that no list names
        raise NotThatFile("it is no sound OFD container") from None


def _read_container(container: zipfile.ZipFile) -> Told:
    _check_sizes(container)
    entries = {entry.filename.lstrip("/"): entry for entry in container.infolist()}
    if "OFD.xml" not in entries:
        raise NotThatFile("it has no OFD.xml")
    _texts_of(_unpacked(container, entries["OFD.xml"]))
    if not any(name.endswith("Document.xml") for name in entries):
        raise NotThatFile("it has no document inside")
    for name, entry in entries.items():
        if name.lower().endswith(".xml") and "attach" in name.lower() and not name.endswith("Attachments.xml"):
            told = _told_by(_texts_of(_unpacked(container, entry)))
            if told.number is not None:
                return told
    return Told()


def _check_sizes(container: zipfile.ZipFile) -> None:
    entries = container.infolist()
    if len(entries) > MOST_ENTRIES or sum(entry.file_size for entry in entries) > MOST_UNPACKED_BYTES:
        raise NotThatFile("its container holds more than an invoice would")
    if any(entry.compress_type not in _PACKINGS for entry in entries):
        raise NotThatFile("its container is packed in a way that an invoice's is not")


def _unpacked(container: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """No more than the bound, whatever the container says of its size."""
    with container.open(entry) as packed:
        read = packed.read(MOST_READ_BYTES + 1)
    if len(read) > MOST_READ_BYTES:
        raise NotThatFile("an entry of its container is larger than an invoice's would be")
    return read


def _read_xml(body: bytes) -> Told:
    if len(body) > MOST_READ_BYTES:
        raise NotThatFile("it is larger than an invoice's XML would be")
    return _told_by(_texts_of(body))


class _Texts:
    """What stands first in each element, by its name without the namespace; of several of one name the first that has
    a text. Keeps no tree, which would take up to forty times what its file does."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}
        self._name: str | None = None
        """The element whose beginning is being read."""
        self._begun: list[str] = []

    def start(self, tag: str, _: dict[str, str]) -> None:
        self._take()
        self._name = tag.rpartition("}")[2]

    def data(self, text: str) -> None:
        if self._name is not None:
            self._begun.append(text)

    def end(self, _: str) -> None:
        self._take()

    def close(self) -> dict[str, str]:
        return self._found

    def _take(self) -> None:
        if self._name is not None and (text := "".join(self._begun).strip()):
            self._found.setdefault(self._name, text[:MOST_TEXT_CHARS])
        self._name = None
        self._begun.clear()


def _texts_of(body: bytes) -> dict[str, str]:
    parser = DefusedXMLParser(target=_Texts(), forbid_dtd=True, forbid_entities=True, forbid_external=True)
    try:
        # The parser itself reads no encoding of several bytes a character but UTF-8 and UTF-16.
        parser.feed(body.decode("gb18030") if _IN_GBK.match(body) else body)
        texts: dict[str, str] = parser.close()
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise NotThatFile("it is no XML, or XML with a document type or entities") from None
    return texts


def _told_by(texts: dict[str, str]) -> Told:
    """Members by the names of the bureau's own record (EInvoice)."""
    return Told(
        number=texts.get("InvoiceNumber") or texts.get("EIid"),
        total=_amount(texts.get("TotalTax-includedAmount")),
        buyer_id=texts.get("BuyerIdNum"),
        buyer_name=texts.get("BuyerName"),
        seller_id=texts.get("SellerIdNum"),
        seller_name=texts.get("SellerName"),
    )


def _amount(text: str | None) -> Decimal | None:
    try:
        amount = None if text is None else Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None
    if amount is None or not amount.is_finite():
        return None
    _, digits, exponent = amount.as_tuple()
    is_short = isinstance(exponent, int) and abs(exponent) <= _MOST_DIGITS and len(digits) <= _MOST_DIGITS
    return amount if is_short else None


def differences(file: DueFile, told: Told) -> list[dict[str, Any]]:
    """The members in which the file says another thing: `member`, what was `listed`, what the `file` says."""
    invoice = file.invoice
    pairs: list[tuple[str, str | None, str | None]] = [("invoiceNumber", file.number, told.number)]
    if invoice is not None:
        total = None if told.total is None else plain_number(told.total)
        listed = None if invoice.total is None else plain_number(Decimal(invoice.total))
        pairs += [
            ("totalPriceAndTax", listed, total),
            ("sellerIdentificationNumber", invoice.seller_id, told.seller_id),
            ("buyerIdentificationNumber", invoice.buyer_id, told.buyer_id),
            ("buyerName", invoice.buyer_name, told.buyer_name),
        ]
    return [
        {"member": member, "listed": listed, "file": said}
        for member, listed, said in pairs
        if listed and said and folded(listed) != folded(said)
    ]
