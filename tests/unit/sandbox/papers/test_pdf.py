"""The PDF says what the invoice says, in Chinese that any reader can extract, and that it is a sample."""

import io
from decimal import Decimal

import pypdf
import pytest

from worker.sandbox.books.ledger import BookedInvoice
from worker.sandbox.papers.pdf import pdf


def invoice(lines: int = 2, **changes: object) -> BookedInvoice:
    item = {"name": "*软件*开发服务", "quantity": 2, "spec": "规格甲", "unit": "件", "unitPrice": Decimal("100.10")}
    order = {
        "buyerName": "甲科技<有限>公司",
        "buyerIndentification": "91330000SANDBOX001",
        "buyerBank": "工商银行",
        "buyerBankAccount": "123",
        "buyerBankShow": 0,
        "buyerInvoiceType": 0,
        "sellerName": "乙公司",
        "sellerIndentification": "91330000SANDBOX002",
        "sellerBank": "招商银行",
        "sellerBankAccount": "987",
        "sellerBankShow": 1,
        "remark": "订单号：SO-1",
        "invoiceItems": [item] * lines,
        **changes,
    }
    return BookedInvoice("24332000000000000001", "2024-04-10T00:30:00+08:00", "u", False, order)


def read(drawn: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(drawn)).pages]


def test_a_pdf_says_what_the_invoice_says() -> None:
    (text,) = read(pdf(invoice()))
    for word in (
        *("电子发票（普通发票）", "SANDBOX — NOT A TAX INVOICE", "24332000000000000001", "2024年04月10日"),
        *("甲科技<有限>公司", "乙公司", "91330000SANDBOX001", "*软件*开发服务", "规格甲", "100.1", "198.22", "1.98"),
        *("肆佰元肆角整", "¥400.40", "订单号：SO-1", "招商银行 987"),
    ):
        assert word in text, word
    assert "工商银行" not in text


def test_the_font_is_embedded() -> None:
    page = pypdf.PdfReader(io.BytesIO(pdf(invoice()))).pages[0]
    fonts = [font.get_object() for font in page["/Resources"]["/Font"].values()]  # type: ignore[index]
    used = [font for font in fonts if "WenQuanYi" in str(font["/BaseFont"])]
    assert used
    assert all("/FontFile2" in font["/FontDescriptor"] for font in used)


@pytest.mark.parametrize(("lines", "pages"), [(1, 1), (60, 4)])
def test_many_lines_go_on_over_pages(lines: int, pages: int) -> None:
    texts = read(pdf(invoice(lines)))
    assert len(texts) <= pages
    assert sum(text.count("*软件*开发服务") for text in texts) == lines
    assert all("NOT A TAX INVOICE" in text for text in texts)


def test_a_special_invoice_has_its_own_title() -> None:
    assert "电子发票（增值税专用发票）" in read(pdf(invoice(buyerInvoiceType=1)))[0]
