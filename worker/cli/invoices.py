"""`invoices`, `files`: what the journal holds of invoices, without touching the gateway."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from worker.cli.desk import ask
from worker.cli.records import AsJson
from worker.cli.spreadsheet import AsCsv, ForExcel, in_beijing, one_form, write
from worker.cli.terminal import (
    FAILED,
    USAGE,
    Stop,
    explained,
    is_chinese,
    note,
    quiet_settings,
    run,
    said,
    say,
    say_json,
    table,
)

_COLUMNS: Final = {
    "invoiceDate": "开票日期", "countETicketNumbers": "发票号码", "sellerIdentificationNumber": "销售方识别号",
    "sellerName": "销售方名称", "buyerIdentificationNumber": "购买方识别号", "buyerName": "购买方名称",
    "totalAmount": "金额", "totalTax": "税额", "totalPriceAndTax": "价税合计", "invoiceType": "发票票种",
    "invoiceStatus": "发票状态", "isInvoicePositive": "是否正数发票", "note": "备注", "id": "网关编号",
}  # fmt: skip
"""Members of an invoice, and what the tax bureau's own sheet calls them."""
_KNOWN: Final = {"userId": "用户", "commandId": "命令", "seenAt": "查询时间"}
_FILE_TYPES: Final = ("pdf", "ofd", "xml")
_MOST: Final = 10_000


def invoices(  # noqa: PLR0913, PLR0917  one parameter per option
    user: Annotated[str | None, typer.Option("--user", help="Only what was looked up as this userId.")] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="DAY", help="From this day on (Beijing).")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="DAY", help="Up to this day, included.")] = None,
    buyer: Annotated[str | None, typer.Option("--buyer", help="Part of the buyer's name, or its tax id.")] = None,
    number: Annotated[str | None, typer.Option("--number", help="The invoice's number.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Only what this tenant issued or queried.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, max=_MOST, help="At most so many: 100, in a sheet 10000.")
    ] = None,
    offset: Annotated[int, typer.Option("--offset", min=0, help="Pass over so many.")] = 0,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    for_excel: ForExcel = False,
) -> None:
    """List stored invoices, newest first: those that queries brought and those whose number was found."""
    with explained():
        one_form(json=as_json, csv=as_csv, excel=for_excel)
    wanted = {"user_id": user, "since": since, "until": until, "buyer": buyer, "number": number, "source": source}
    most = limit or (_MOST if as_csv or for_excel else 100)
    found = ask(lambda desk: desk.invoices(wanted, most, offset))
    if as_json:
        say_json(found)
    elif as_csv or for_excel:
        write(_heads(for_excel=for_excel), _csv_rows(found["invoices"], for_excel=for_excel), for_excel=for_excel)
    elif found["invoices"]:
        heads = said(
            "date number seller buyer total status files user command",
            "开票日期 发票号码 销售方 购买方 价税合计 状态 文件 用户 命令",
        )
        table(heads.split(), [_row(stored) for stored in found["invoices"]])
    else:
        say(said("No such invoices.", "没有这样的发票。"))
    shown = offset + len(found["invoices"])
    if not as_json and found["invoices"] and shown < found["total"]:
        note(f"{shown} of {found['total']}; go on with --offset {shown}.")


def files(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="INVOICE-ID...", help="The gateway's ids, or numbers of 20 digits.")
    ] = None,
    fetch: Annotated[
        str | None, typer.Option("--fetch", metavar="NUMBER", help="Write this invoice's files from the vault.")
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Where to.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Show where the files of stored invoices are. Exit code 1 if one of the invoices is not stored."""
    with explained():
        if (fetch is None) is not bool(names):
            raise Stop("Say which: ids or numbers, as `fapiao-worker invoices` shows them, or --fetch NUMBER.", USAGE)
    if fetch is not None:
        _fetch(fetch, output, as_json=as_json)
        return
    found = ask(lambda desk: desk.files(names or []))
    if as_json:
        say_json(found)
    elif found["files"]:
        show_files(found["files"])
    elif not found["unknown"]:
        say(
            said(
                "No file addresses are stored of it. The command invoice.files asks the gateway.",
                "没有它的文件地址；可用命令 invoice.files 向网关查询。",
            )
        )
    if found["unknown"]:
        note(f"Not stored: {', '.join(found['unknown'])}. `fapiao-worker invoices` lists what is.")
        raise typer.Exit(FAILED)


def _fetch(number: str, folder: Path, *, as_json: bool) -> None:
    async def work() -> list[str]:
        from worker.cli.vault import fetch

        return [str(path) for path in await fetch(quiet_settings(), number, folder)]

    written = run(work())
    if as_json:
        say_json({"written": written})
    else:
        for path in written:
            say(path)


def show_files(files: list[dict[str, Any]]) -> None:
    """A table of addresses."""
    members = ["invoiceBasicInfoId", "countETicketNumbers", "type", "url"]
    heads = said("invoice number type address", "发票 发票号码 类型 地址").split()
    if any(file.get("vaultKey") for file in files):
        members += ["vaultKey", "sha256"]
        heads += [said("kept in the vault as", "保管库中的位置"), "sha-256"]
    table(heads, [[str(file.get(member) or "-") for member in members] for file in files])


def when(invoice: dict[str, Any]) -> str:
    """Date and minute of an invoice, Beijing's as it is told."""
    return str(invoice.get("invoiceDate") or "-")[:16].replace("T", " ")


def _row(stored: dict[str, Any]) -> list[str]:
    invoice = stored["invoice"]
    told = [invoice.get(name) for name in ("countETicketNumbers", "sellerName", "buyerName", "totalPriceAndTax")]
    files = " ".join(file["type"] for file in stored["files"])
    others = [invoice.get("invoiceStatus"), files, stored["userId"], stored["commandId"]]
    return [when(invoice), *(str(cell or "-") for cell in [*told, *others])]


def _heads(*, for_excel: bool) -> list[str]:
    """Programs get the contract's own names, whatever the terminal speaks."""
    names = {**_COLUMNS, **_KNOWN}
    return [*(names.values() if for_excel and is_chinese() else names), *_FILE_TYPES]


def _csv_rows(invoices: list[dict[str, Any]], *, for_excel: bool) -> Iterator[list[Any]]:
    for stored in invoices:
        urls = {file["type"]: file["url"] for file in stored["files"]}
        told = {name: stored["invoice"].get(name) for name in _COLUMNS} | {name: stored[name] for name in _KNOWN}
        if for_excel:
            told |= {name: in_beijing(told[name]) for name in ("invoiceDate", "seenAt")}
            told["isInvoicePositive"] = _yes_or_no(told["isInvoicePositive"])
        yield [*told.values(), *(urls.get(kind) for kind in _FILE_TYPES)]


def _yes_or_no(told: Any) -> Any:
    return ("是" if told else "否") if isinstance(told, bool) and is_chinese() else told
