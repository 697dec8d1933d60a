"""What an invoice may look like beyond its shape: lengths, characters, lines, decimals, and who needs a tax id.

Errors stop a command; warnings travel with it. The numbers are settings, for the vendor's document names none:
the defaults are what other gateways of the tax bureau are known to accept. No message repeats a value.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

from contracts.commands import AnyCommand, Invoice, InvoiceItem, IssueInvoice
from contracts.events import CommandWarning, FieldError
from contracts.gateway import plain_number
from contracts.members import Login, WithLogin
from contracts.taxpayer import AREA_WORDS, ROLE_NAMES, area_of, check_digit_fits

LARGE_FRAME_BYTES: Final = 7000
"""Above this an `invoice_info` may not fit the 8192 that a common server reads by default (trap 12)."""
USUAL_TAX_ID_PATTERN: Final = r"[0-9A-Z]{15,20}"
_CENT: Final = Decimal("0.01")
_COMPANY: Final = "/login/companyCode"
_TYPO: Final = "the check digit of this tax id does not fit; look for a typo"
_NO_BRACKETS: Final = "must not hold < or >"


@dataclass(frozen=True, slots=True)
class InvoiceLimits:
    """The settings of the group "Invoices", under the same names and with the same defaults."""

    fractional_quantity: bool = False
    max_items: int = 2000
    max_decimal_places: int = 8
    max_number_chars: int = 16
    tax_id_pattern: str = USUAL_TAX_ID_PATTERN
    remark_max_chars: int = 230
    item_name_max_chars: int = 90
    spec_max_chars: int = 40
    unit_max_chars: int = 20
    email_max_chars: int = 50
    name_max_gbk_bytes: int = 100
    contact_max_gbk_bytes: int = 100


Findings = tuple[list[FieldError], list[CommandWarning]]


def check_invoice(invoice: Invoice, limits: InvoiceLimits) -> Findings:
    """Errors and warnings of one invoice; paths begin with `/invoice`."""
    errors: list[FieldError] = []
    _check_names(invoice, limits, errors)
    _check_tax_ids(invoice, limits, errors)
    _check_lengths(invoice, limits, errors)
    _check_items(invoice, limits, errors)
    warnings = [
        _warning("check_digit", _TYPO, f"/invoice/{member}")
        for member, tax_id in (
            ("buyerIndentification", invoice.buyerIndentification),
            ("sellerIndentification", invoice.sellerIndentification),
        )
        if not check_digit_fits(tax_id)
    ]
    return errors, warnings


def check_command(command: AnyCommand, limits: InvoiceLimits) -> Findings:
    """Errors and warnings of a command; paths point into its data."""
    if isinstance(command, IssueInvoice):
        return check_issue(command, limits)
    if isinstance(command, WithLogin) and command.login is not None:
        return [], [*_check_company_code(command.login), *check_login(command.login)]
    return [], []


def check_issue(command: IssueInvoice, limits: InvoiceLimits) -> Findings:
    """Errors and warnings of a whole `invoice.issue`."""
    errors, warnings = check_invoice(command.invoice, limits)
    if command.expectedTotal is not None:
        _check_expected_total(command.expectedTotal, command.invoice.total, errors, warnings)
    if command.login is not None:
        warnings += check_company(command.login, command.invoice.sellerIndentification)
        warnings += check_login(command.login)
        account = command.invoice.sellerLoginAccount
        if command.invoice.sellerLoginPassword is None and account not in (None, command.login.phone):
            message = "differs from the login's phone, and the login's password is sent with it"
            warnings.append(_warning("seller_account", message, "/invoice/sellerLoginAccount"))
    return errors, warnings


def check_company(login: Login, seller: str) -> list[CommandWarning]:
    """Whether the login is the seller's. Only a warning: the manual's own example has two different codes."""
    if login.companyCode == seller:
        return []
    differs = _warning("company_is_not_seller", "differs from the invoice's sellerIndentification", _COMPANY)
    return [differs, *_check_company_code(login)]


def check_login(login: Login) -> list[CommandWarning]:
    """What looks odd about a login. Never an error: firms move, and the vendor names no lists."""
    warnings: list[CommandWarning] = []
    if login.role not in ROLE_NAMES:
        message = "is not one of the tax bureau's known roles; it is sent as it is"
        warnings.append(_warning("unknown_role", message, "/login/role"))
    if login.area not in AREA_WORDS:
        message = "is not one of the 36 tax bureaus; it is sent as it is"
        warnings.append(_warning("unknown_area", message, "/login/area"))
        return warnings
    expected = area_of(login.companyCode)
    if expected is not None and expected != login.area:
        warnings.append(_area_warning(login.area, expected))
    return warnings


def _check_company_code(login: Login) -> list[CommandWarning]:
    if check_digit_fits(login.companyCode):
        return []
    return [_warning("check_digit", _TYPO, _COMPANY)]


def _area_warning(area: str, expected: str) -> CommandWarning:
    if {area, expected} == {"shanxi", "shaanxi"}:
        message = "shanxi (山西) and shaanxi (陕西) are often confused, and the companyCode names the other: CHECK THIS"
        return _warning("area_confused", message, "/login/area")
    message = f"the companyCode names another area, {expected}; right only if the firm has moved"
    return _warning("area_mismatch", message, "/login/area")


def _check_names(invoice: Invoice, limits: InvoiceLimits, errors: list[FieldError]) -> None:
    for member, name in (("buyerName", invoice.buyerName), ("sellerName", invoice.sellerName)):
        if "<" in name or ">" in name:
            errors.append(_error(f"/invoice/{member}", _NO_BRACKETS))
        _gbk_bytes(f"/invoice/{member}", name, limits.name_max_gbk_bytes, errors)


def _check_tax_ids(invoice: Invoice, limits: InvoiceLimits, errors: list[FieldError]) -> None:
    pattern = _compiled(limits.tax_id_pattern)
    message = "must be 15 to 20 letters and digits"
    if limits.tax_id_pattern != USUAL_TAX_ID_PATTERN:
        message = "does not look like a tax id (FAPIAO_TAX_ID_PATTERN)"
    if not pattern.fullmatch(invoice.sellerIndentification):
        errors.append(_error("/invoice/sellerIndentification", message))
    buyer, path = invoice.buyerIndentification, "/invoice/buyerIndentification"
    if buyer and not pattern.fullmatch(buyer):
        errors.append(_error(path, message))
    if invoice.buyerInvoiceType == 1:
        if invoice.buyerType == 1:
            errors.append(_error("/invoice/buyerType", "must be 0: a natural person gets no special invoice (专票)"))
        if not buyer:
            errors.append(_error(path, "is required for a special invoice (专票)"))
    elif invoice.buyerType == 0 and not buyer:
        errors.append(_error(path, "is required where the buyer is a company; for a person set buyerType to 1"))


def _check_lengths(invoice: Invoice, limits: InvoiceLimits, errors: list[FieldError]) -> None:
    _chars("/invoice/remark", invoice.remark, limits.remark_max_chars, errors)
    _chars("/invoice/buyerEmail", invoice.buyerEmail, limits.email_max_chars, errors)
    most = limits.contact_max_gbk_bytes
    together = (
        ("/invoice/buyerAddress", "buyerPhone", invoice.buyerAddress + invoice.buyerPhone),
        ("/invoice/buyerBank", "buyerBankAccount", invoice.buyerBank + invoice.buyerBankAccount),
        ("/invoice/sellerBank", "sellerBankAccount", invoice.sellerBank + invoice.sellerBankAccount),
    )
    for path, other, text in together:
        if _gbk_length(text, most) > most:
            errors.append(_error(path, f"must be at most {most} bytes in GBK together with {other}"))


def _check_items(invoice: Invoice, limits: InvoiceLimits, errors: list[FieldError]) -> None:
    items = invoice.invoiceItems
    if len(items) > limits.max_items:
        errors.append(_error("/invoice/invoiceItems", f"must be at most {limits.max_items} lines"))
        return
    for index, item in enumerate(items):
        _check_item(item, f"/invoice/invoiceItems/{index}", limits, errors)
    if not invoice.total > 0:
        errors.append(_error("/invoice/invoiceItems", "must come to more than zero in total"))


def _check_item(item: InvoiceItem, path: str, limits: InvoiceLimits, errors: list[FieldError]) -> None:
    if "<" in item.name or ">" in item.name:
        errors.append(_error(f"{path}/name", _NO_BRACKETS))
    _chars(f"{path}/name", item.name, limits.item_name_max_chars, errors)
    _chars(f"{path}/spec", item.spec, limits.spec_max_chars, errors)
    _chars(f"{path}/unit", item.unit, limits.unit_max_chars, errors)
    _number(f"{path}/quantity", item.quantity, limits, errors)
    _number(f"{path}/unitPrice", item.unitPrice, limits, errors)
    if not limits.fractional_quantity and item.quantity != item.quantity.to_integral_value():
        errors.append(_error(f"{path}/quantity", "must be whole (the worker can be set to accept fractions)"))


def _check_expected_total(
    expected: Decimal, total: Decimal, errors: list[FieldError], warnings: list[CommandWarning]
) -> None:
    if len(plain_number(expected).partition(".")[2]) > 2:
        errors.append(_error("/expectedTotal", "must have at most 2 decimal places"))
    elif expected < total - _CENT:
        message = "is less than the sum of the lines, and tax can only add to it"
        warnings.append(_warning("expected_total", message, "/expectedTotal"))


def _number(path: str, value: Decimal, limits: InvoiceLimits, errors: list[FieldError]) -> None:
    text = plain_number(value)
    if len(text) > limits.max_number_chars:
        errors.append(_error(path, f"must be at most {limits.max_number_chars} characters long, the point included"))
    elif len(text.partition(".")[2]) > limits.max_decimal_places:
        errors.append(_error(path, f"must have at most {limits.max_decimal_places} decimal places"))


def _chars(path: str, text: str, most: int, errors: list[FieldError]) -> None:
    if len(text) > most:
        errors.append(_error(path, f"must be at most {most} characters long"))


def _gbk_bytes(path: str, text: str, most: int, errors: list[FieldError]) -> None:
    if _gbk_length(text, most) > most:
        errors.append(_error(path, f"must be at most {most} bytes long in GBK (a Chinese character counts 2)"))


def _gbk_length(text: str, most: int) -> int:
    """Bytes in GB18030, GBK's superset; only an upper bound where even that is within `most`."""
    upper_bound = 4 * len(text)
    return upper_bound if upper_bound <= most else len(text.encode("gb18030", errors="replace"))


@lru_cache(maxsize=8)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _error(path: str, message: str) -> FieldError:
    return FieldError(path=path, message=message)


def _warning(code: str, message: str, path: str | None) -> CommandWarning:
    return CommandWarning(code=code, message=message, path=path)
