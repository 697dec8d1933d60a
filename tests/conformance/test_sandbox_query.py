"""The sandbox keeps to the manual's third chapter over real sockets."""

from datetime import datetime
from decimal import Decimal

import pytest
from websockets.exceptions import ConnectionClosed

from contracts.gateway_query import InvoiceFileEntity, InvoiceItemEntity, InvoicePage
from tests.conformance.sandbox_client import get, logged_in
from tests.conformance.sandbox_peer import COMPANY, NOTICE, PAST, ask, files_of, first_row, query, querying, retry
from worker.sandbox.server import Sandbox, SandboxOptions


async def test_all_pages_of_a_query_tell_every_invoice_once_newest_first() -> None:
    async with Sandbox(PAST) as sandbox, querying(sandbox) as speaker:
        pages = [await ask(speaker, number) for number in (1, 2, 3)]
        told = [(p["total"], p["currentPage"], p["totalPage"], p["hasNext"]) for p in pages]
        assert told == [(25, 1, 3, True), (25, 2, 3, True), (25, 3, 3, False)]
        rows = [InvoicePage.model_validate(page) for page in pages]
        numbers = [row.countETicketNumbers for page in rows for row in page.data]
        assert numbers == [invoice.number for invoice in sandbox.archive.invoices(COMPANY, 0)]
        assert (await ask(speaker, 4))["data"] == []
        seen = sandbox.vendor.of("1111")
        assert (seen.queries, seen.pages, seen.max_exchanges, seen.violations) == (1, 4, 1, 0)


async def test_a_row_has_the_manuals_members_and_adds_up() -> None:
    async with Sandbox(PAST) as sandbox:
        row = await first_row(sandbox)
        invoice = sandbox.archive.invoices(COMPANY, 0)[0]
    assert list(row)[:3] == ["specificBusinessType", "id", "countETicketNumbers"]
    assert set(row) == set(InvoicePage.model_validate({"data": [row]}).data[0].model_fields_set)
    assert (row["id"], row["countETicketNumbers"]) == (invoice.row_id, invoice.number)
    assert datetime.fromtimestamp(row["invoiceDate"] / 1000).astimezone() == datetime.fromisoformat(invoice.issued_at)
    amounts = (row[name] for name in ("totalAmount", "totalTax", "totalPriceAndTax"))
    amount, tax, total = (Decimal(str(value)) for value in amounts)
    assert amount + tax == total == invoice.total
    assert (row["invoiceStatus"], row["invoiceSource"], row["queryType"]) == ("正常", "电子发票服务平台", 0)


@pytest.mark.parametrize("fault", ["no_qr", "refused_but_issued", "silent_after_issuing", "dropped_after_issuing"])
async def test_whatever_was_said_of_it_an_issued_invoice_is_found(fault: str) -> None:
    async with Sandbox(SandboxOptions(qr="never")) as sandbox:
        async with logged_in(sandbox, "issuer") as speaker:
            await speaker.issue(remark=f"command-1#fault={fault}")
            if fault == "dropped_after_issuing":
                with pytest.raises(ConnectionClosed):
                    await speaker.hear()
            elif fault != "silent_after_issuing":
                await speaker.hear()
            else:
                assert await speaker.hears_nothing()
        row = await first_row(sandbox)
        (invoice,) = sandbox.ledger.issued_for(f"command-1#fault={fault}")
        assert (row["countETicketNumbers"], row["note"]) == (invoice.number, f"command-1#fault={fault}")
        async with querying(sandbox) as speaker:
            assert (await ask(speaker, sellerName="乙公司"))["total"] == 1
            assert (await ask(speaker, buyerName="丙"))["total"] == 0


async def test_the_files_of_an_issued_invoice_are_where_its_result_said() -> None:
    async with Sandbox(SandboxOptions(qr="never")) as sandbox:
        async with logged_in(sandbox) as speaker:
            await speaker.issue()
            result = (await speaker.hear())["data"]
        row = await first_row(sandbox)
        files = (await get(sandbox, files_of(row["id"]))).json()["data"]
        assert [file["type"] for file in files] == ["pdf", "ofd", "xml"]
        assert files[0]["url"] == result["invoiceUrl"]
        items = (await get(sandbox, f"/web/invoice/item/{row['id']}")).json()["data"]
        assert [item["itemName"] for item in items] == ["商品A"]
        assert sum(Decimal(str(item["totalPriceAndTax"])) for item in items) == Decimal("200.20")
        for file, start in zip(files, (b"%PDF", b"PK", b"<?xml"), strict=True):
            got = await get(sandbox, file["url"].removeprefix(sandbox.http_url))
            assert (got.status_code, got.content[: len(start)]) == (200, start)


async def test_items_and_files_of_the_archive_agree_with_the_row() -> None:
    async with Sandbox(PAST) as sandbox, querying(sandbox) as speaker:
        rows = (await ask(speaker))["data"]
        for row in rows:
            told = (await get(sandbox, f"/web/invoice/item/{row['id']}")).json(parse_float=Decimal)
            assert (told["code"], told["msg"]) == (0, "")
            items = [InvoiceItemEntity.model_validate(item) for item in told["data"]]
            assert {item.invoiceBasicInfoId for item in items} == {row["id"]}
            assert sum(item.totalPriceAndTax or 0 for item in items) == Decimal(str(row["totalPriceAndTax"]))
            assert sum(item.tax or 0 for item in items) == Decimal(str(row["totalTax"]))
        told = (await get(sandbox, files_of(*(row["id"] for row in rows)))).json()
        files = [InvoiceFileEntity.model_validate(file) for file in told["data"]]
        assert len({file.url for file in files}) == 30
        assert {(f.invoiceBasicInfoId, f.countETicketNumbers) for f in files} == {
            (row["id"], row["countETicketNumbers"]) for row in rows
        }
        for kind in ("pdf", "ofd", "xml"):
            assert (await get(sandbox, f"/files/{rows[0]['countETicketNumbers']}.{kind}")).status_code == 200
        assert (await get(sandbox, f"/files/{rows[0]['countETicketNumbers']}.exe")).status_code == 404


async def test_ids_and_types_may_repeat_hold_commas_or_end_in_brackets() -> None:
    """Traps 77, 85 and 87."""
    async with Sandbox(PAST) as sandbox:
        first, second = (invoice.row_id for invoice in sandbox.archive.invoices(COMPANY, 0)[:2])
        for asked in (
            f"invoiceIdList={first}&invoiceIdList={second}&typeList=pdf&typeList=xml",
            f"invoiceIdList={first},{second}&typeList=xml,pdf",
            f"invoiceIdList%5B%5D={first}&invoiceIdList[]={second}&typeList[]=pdf&typeList[]=xml",
        ):
            told = (await get(sandbox, f"/gateway/web/invoice/file?{asked}")).json()["data"]
            assert [(row["invoiceBasicInfoId"], row["type"]) for row in told] == [
                (identity, kind) for identity in (first, second) for kind in ("pdf", "xml")
            ]
        told = (await get(sandbox, f"/web/invoice/file?invoiceIdList={first}")).json()["data"]
        assert [row["type"] for row in told] == ["pdf", "ofd", "xml"]


async def test_an_unknown_id_has_no_rows_and_a_bad_request_is_counted() -> None:
    async with Sandbox(PAST) as sandbox:
        for path in (files_of(1778381047770263553), "/web/invoice/item/1778381047770263553"):
            told = await get(sandbox, path)
            assert (told.status_code, told.json()["data"]) == (200, [])
        assert sandbox.lookups.violations == 0
        bad = [
            *("/web/invoice/item/x", "/web/invoice/item/1?a=b", f"/web/invoice/item/{2**63}", "/web/invoice/file"),
            *(files_of("x"), files_of(1, types="doc"), files_of(1) + "&userId=1", files_of("1" * 5000)),
        ]
        for path in bad:
            assert (await get(sandbox, path)).status_code == 400
        assert (await get(sandbox, files_of(1), "POST")).status_code == 400
        assert sandbox.lookups.violations == len(bad) + 1


async def test_files_are_not_ready_at_first_when_told_so() -> None:
    """Trap 84."""
    async with Sandbox(SandboxOptions(archive_count=2, archive_company=COMPANY, files_not_ready=2)) as sandbox:
        first, second = (invoice.row_id for invoice in sandbox.archive.invoices(COMPANY, 0))
        assert [len((await get(sandbox, files_of(first))).json()["data"]) for _ in range(3)] == [0, 0, 3]
        assert len((await get(sandbox, files_of(first, second))).json()["data"]) == 3
        assert (sandbox.lookups.files, sandbox.lookups.file_ids) == (4, 5)


async def test_one_notice_for_all_pages_when_told_so() -> None:
    options = SandboxOptions(archive_count=25, archive_company=COMPANY, notice_per_page=False)
    async with Sandbox(options) as sandbox, querying(sandbox) as speaker:
        heard = []
        for number in (1, 2, 3):
            await speaker.socket.send(query(number))
            heard.append((await speaker.hear())["type"])
        assert heard == ["query_invoice"] * 3
        assert (await speaker.hear())["type"] == NOTICE
        assert await speaker.hears_nothing()


async def test_sockets_of_both_endpoints_of_one_user_count_together() -> None:
    async with Sandbox(PAST) as sandbox:
        async with logged_in(sandbox), querying(sandbox) as speaker:
            await ask(speaker)
        assert sandbox.vendor.of("1111").max_concurrent == 2
        async with querying(sandbox, "2222"):
            pass
        async with logged_in(sandbox, "2222"):
            pass
        assert sandbox.vendor.of("2222").max_concurrent == 1


async def test_a_frame_of_the_other_endpoint_or_off_the_manual_is_counted() -> None:
    async with Sandbox(PAST) as sandbox, querying(sandbox) as speaker:
        await speaker.say("login", {})
        await speaker.say("query_invoice", {})
        assert await speaker.hear() == {"type": "query_invoice", "sendToId": "1111", "data": "0"}
        assert (await retry(speaker, "2024-04-12 10:10:10"))["data"] == "2024-04-12 10:10:10"
        assert sandbox.vendor.of("1111").violations == 3


async def test_the_log_of_queries_and_the_archive_can_be_asked_for_and_hold_no_secret() -> None:
    async with Sandbox(PAST) as sandbox, querying(sandbox) as speaker:
        await ask(speaker, 2, 7, buyerName="杭州")
        row = (await ask(speaker))["data"][0]
        await get(sandbox, f"/web/invoice/item/{row['id']}")
        told = await get(sandbox, "/_sandbox/queries?userId=1111")
        assert "top-secret" not in told.text
        assert told.json()["pageCount"] == 2
        page = told.json()["pages"][0]
        assert (page["pageNumber"], page["pageSize"], page["filters"]["name"]) == (2, 7, "杭州")
        assert told.json()["lookUps"]["items"] == 1
        assert (await get(sandbox, "/_sandbox/sessions")).json()["users"]["1111"]["pages"] == 2
        past = (await get(sandbox, f"/_sandbox/archive?companyCode={COMPANY}&limit=1")).json()
        assert (past["total"], past["invoices"][0]["invoiceId"]) == (25, str(row["id"]))
        assert (await get(sandbox, "/_sandbox/archive?queryType=x")).status_code == 400
        sandbox.reset()
        assert (await get(sandbox, "/_sandbox/queries")).json()["pageCount"] == 0
        assert await first_row(sandbox) == row
