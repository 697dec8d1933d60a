"""The vendor's frames on the query side leave exactly as the manual has them."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.gateway import Login, dumps
from contracts.gateway_query import (
    DownloadZipRequest,
    HttpAnswer,
    InvoiceFileEntity,
    InvoiceItemEntity,
    InvoicePage,
    InvoiceRow,
    QueryCondition,
    QueryInvoice,
    QueryInvoiceRequest,
    QueryPage,
)

ROW_MEMBERS = """id countETicketNumbers sellerIdentificationNumber sellerName buyerIdentificationNumber buyerName
invoiceDate totalAmount totalTax totalPriceAndTax invoiceSource invoiceType invoiceStatus isInvoicePositive
invoiceRiskLevel drawer note vipId queryType specificBusinessType"""
ITEM_MEMBERS = """id invoiceBasicInfoId countETicketNumbers taxClassificationCode specificBusinessType itemName spec
unit quantity unitPrice amount taxRate tax totalPriceAndTax"""


def condition(**members: Any) -> QueryCondition:
    return QueryCondition(queryType=0, startInvoiceDate="2024-04-01", endInvoiceDate="2024-04-12", **members)


def test_a_query_has_the_manuals_members_with_null_for_no_filter() -> None:
    """Traps 56 to 58: both pairs of counterparty members, and "" for the number."""
    login = Login(companyCode="c", phone="p", password="top-secret", area="zhejiang", role="r", companyName="n")
    data = QueryInvoice(login=login, condition=condition(), page=QueryPage(pageSize=10, pageNumber=1))

    assert dumps(QueryInvoiceRequest(data=data)) == (
        '{"type":"query_invoice","data":{"login":{"companyCode":"c","phone":"p","password":"top-secret",'
        '"area":"zhejiang","role":"r","companyName":"n"},"condition":{"queryType":0,"invoiceSource":null,'
        '"invoiceType":null,"isInvoicePositive":null,"countETicketNumbers":"","invoiceCode":null,'
        '"invoiceNumber":null,"buyerIdentificationNumber":null,"buyerName":null,"sellerIdentificationNumber":null,'
        '"sellerName":null,"startInvoiceValue":null,"endInvoiceValue":null,"startInvoiceDate":"2024-04-01",'
        '"endInvoiceDate":"2024-04-12"},"page":{"pageSize":10,"pageNumber":1}}}'
    )
    assert "top-secret" not in repr(data)


def test_a_value_leaves_as_an_exact_number() -> None:
    """Trap 59."""
    assert '"startInvoiceValue":0.1,' in dumps(condition(startInvoiceValue=Decimal("0.10")))
    with pytest.raises(ValidationError):
        condition(startInvoiceValue=0.1)


def test_a_failed_download_is_asked_for_byte_for_byte() -> None:
    """Trap 73."""
    assert dumps(DownloadZipRequest(data=" 2024-04-12 10:10:10")) == (
        '{"type":"query_invoice_download_zip","data":" 2024-04-12 10:10:10"}'
    )


def test_what_we_send_is_closed() -> None:
    with pytest.raises(ValidationError):
        condition(buyerIndentification="the vendor spells it right here")


def test_rows_items_and_files_name_the_manuals_members_and_keep_more() -> None:
    """Trap 81: `countETicketNumbers` of an item is in the example alone."""
    assert list(InvoiceRow.model_fields) == ROW_MEMBERS.split()
    assert list(InvoiceItemEntity.model_fields) == ITEM_MEMBERS.split()
    file = {"id": 1, "invoiceBasicInfoId": "2", "url": "u", "type": "ofd", "novel": 1}
    assert InvoiceFileEntity.model_validate(file).model_extra == {"novel": 1}


@pytest.mark.parametrize("identifier", [123456789, "1778381047770263553"])
def test_an_id_is_a_number_here_and_text_there(identifier: int | str) -> None:
    """Trap 62."""
    page = InvoicePage.model_validate({"data": [{"id": identifier}], "total": 1})
    assert page.data[0].id == identifier


def test_an_answer_over_http_is_a_code_with_anything() -> None:
    """Trap 79."""
    assert HttpAnswer.model_validate({"code": 200, "data": None}).data is None
