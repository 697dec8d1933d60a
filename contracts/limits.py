"""What an invoice may look like beyond its shape: lengths, characters, lines, decimals, and who needs a tax id.

Errors stop a command; warnings travel with it. The numbers are settings, for the vendor's document names none: the
defaults are those of the tax bureau's own template for many invoices at once. A message says what is wanted, how much
came, and which setting decides; it never repeats a value.
"""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import Final

from contracts.commands import AnyCommand, Invoice, InvoiceItem, IssueInvoice
from contracts.damage import damage, damage_of_name
from contracts.events import CommandWarning, FieldError
from contracts.gateway import plain_number
from contracts.members import Login, WithLogin
from contracts.taxpayer import AREA_WORDS, ROLE_NAMES, area_of, check_digit_fits, is_citizen_id

LARGE_FRAME_BYTES: Final = 7000
"""Above this an `invoice_info` may not fit the 8192 that a common server reads by default (trap 12)."""
USUAL_TAX_ID_PATTERN: Final = r"[0-9A-Z]{15,20}"
MOST_WARNINGS: Final = 50
"""Warnings of one code told of one command: two thousand gifts make no event of a megabyte."""
_FLOAT_PLACES: Final = 11
"""Decimal places that only a sum of binary floats has: 1234.5600000000001."""
CENT: Final = Decimal("0.01")
HIGHEST_WITH_TAX: Final = Decimal("1.17")
"""A total with tax, over the one without, at the highest rate that there was."""
_FEN: Final = 100
"""In a yuan."""
EXACT: Final = Context(prec=200, rounding=ROUND_HALF_UP)
"""Enough digits for any two numbers that a model lets pass: a product must neither be rounded nor refused."""
_COMPANY: Final = "/login/companyCode"
_BUYER: Final = "/invoice/buyerIndentification"
_SELLER: Final = "/invoice/sellerIndentification"
_TYPO: Final = "the check digit of this tax id does not fit; look for a typo"
_LENGTH_OF_TODAY: Final = 18
_LENGTHS_OF_TAX_IDS: Final = frozenset({15, 17, _LENGTH_OF_TODAY, 20})
"""In characters, of today and of the years before."""
_FOREIGN_ID: Final = re.compile(r"[0-9A-Z./&+*_]+", re.ASCII)
_STANDS_FOR_NONE: Final = re.compile(r"0+|NULL|NONE|NIL|NAN|UNDEFINED|N/?A", re.ASCII)
"""What programs and people write where a buyer has no tax id."""
_ITEMS: Final = "/invoice/invoiceItems"
_BY_A_SPREADSHEET: Final = re.compile(r"[1-9](?:\.[0-9]+)?E\+[0-9]{1,2}", re.ASCII | re.IGNORECASE)
_EMOJI: Final = re.compile("[\u2600-\u27bf\U0001f000-\U0001faff]")
_WRITTEN_IN_DIGITS: Final = ("buyerPhone", "buyerBankAccount", "sellerBankAccount")
_DIGITS_LOST: Final = (
    "is a number as spreadsheets shorten long ones (9.13E+17), and its digits are lost: format the column as text"
)
_OF_TODAY: Final = re.compile(r"9[123][0-9]{6}[0-9A-Z]+", re.ASCII)
"""How a company's tax id of today begins; it has eighteen characters."""


@dataclass(frozen=True, slots=True)
class InvoiceLimits:
    """The settings of the group "Invoices", under the same names and with the same defaults."""

    fractional_quantity: bool = False
    max_items: int = 2000
    max_decimal_places: int = 8
    max_number_chars: int = 16
    tax_id_pattern: str = USUAL_TAX_ID_PATTERN
    tax_id_max_chars: int = 26
    remark_max_chars: int = 230
    item_name_max_chars: int = 100
    spec_max_chars: int = 40
    unit_max_chars: int = 20
    email_max_chars: int = 72
    name_max_chars: int = 100
    address_max_chars: int = 100
    phone_max_chars: int = 100
    bank_max_chars: int = 100
    bank_account_max_chars: int = 100


Findings = tuple[list[FieldError], list[CommandWarning]]

_LENGTHS: Final = (
    ("buyerName", "name_max_chars"),
    ("sellerName", "name_max_chars"),
    ("buyerAddress", "address_max_chars"),
    ("buyerPhone", "phone_max_chars"),
    ("buyerEmail", "email_max_chars"),
    ("buyerBank", "bank_max_chars"),
    ("sellerBank", "bank_max_chars"),
    ("buyerBankAccount", "bank_account_max_chars"),
    ("sellerBankAccount", "bank_account_max_chars"),
    ("remark", "remark_max_chars"),
)
_NAMES: Final = frozenset({"buyerName", "sellerName", "name"})
_ITEM_LENGTHS: Final = (("name", "item_name_max_chars"), ("spec", "spec_max_chars"), ("unit", "unit_max_chars"))


def check_invoice(invoice: Invoice, limits: InvoiceLimits) -> Findings:
    """Errors and warnings of one invoice; paths begin with `/invoice`."""
    errors: list[FieldError] = []
    warnings: list[CommandWarning] = []
    for member, limit in _LENGTHS:
        text = getattr(invoice, member)
        if len(text) > getattr(limits, limit):
            errors.append(_too_long("/invoice", member, text, limits, limit))
        _undamaged("/invoice", member, text, errors)
        if member in _WRITTEN_IN_DIGITS and _BY_A_SPREADSHEET.fullmatch(text):
            errors.append(_error(f"/invoice/{member}", _DIGITS_LOST))
    _check_names(invoice, errors, warnings)
    _check_seller(invoice.sellerIndentification, limits, errors, warnings)
    _check_buyer(invoice, limits, errors, warnings)
    _check_items(invoice, limits, errors, warnings)
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
        _check_expected_total(command.expectedTotal, command.invoice, errors, warnings)
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


def named(limit: str) -> str:
    """The environment variable that sets a limit."""
    return f"FAPIAO_{limit.upper()}"


def line_amount(item: InvoiceItem) -> Decimal:
    """What a line comes to, to the cent, as its prices are read."""
    return EXACT.quantize(EXACT.multiply(item.quantity, item.unitPrice), CENT)


def number_fault(value: Decimal, limits: InvoiceLimits) -> str | None:
    """Why a quantity or price cannot be written where the bureau wants it; None where it can."""
    text = plain_number(value)
    places = len(text.partition(".")[2])
    if len(text) > limits.max_number_chars:
        most, setting = limits.max_number_chars, named("max_number_chars")
        wanted = f"must be at most {most} characters long, the point included ({setting}); it has {len(text)}"
        is_float = places >= _FLOAT_PLACES
        return f"{wanted}, as binary floats have: round it, or send decimals as text" if is_float else wanted
    if places > limits.max_decimal_places:
        most, setting = limits.max_decimal_places, named("max_decimal_places")
        return f"must have at most {most} decimal places ({setting}): round it; it has {places}"
    return None


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


def _check_names(invoice: Invoice, errors: list[FieldError], warnings: list[CommandWarning]) -> None:
    _no_brackets("/invoice/buyerName", invoice.buyerName, errors)
    _no_brackets("/invoice/sellerName", invoice.sellerName, errors)
    if invoice.buyerType == 1 and len(invoice.buyerName) == 1:
        message = "has one character, and the tax bureau is known to refuse a person's name of one: a scan for nothing"
        warnings.append(_warning("name_unusual", message, "/invoice/buyerName"))
    for member in ("buyerName", "sellerName"):
        if "?" in getattr(invoice, member):
            message = "holds a question mark, which programs write where their encoding lacks a character: compare it"
            warnings.append(_warning("name_unusual", message, f"/invoice/{member}"))
        if _EMOJI.search(getattr(invoice, member)):
            message = "holds an emoji, which no register has in a name: the tax bureau may refuse it, or leave it out"
            warnings.append(_warning("name_unusual", message, f"/invoice/{member}"))


def _check_seller(tax_id: str, limits: InvoiceLimits, errors: list[FieldError], warnings: list[CommandWarning]) -> None:
    if not _compiled(limits.tax_id_pattern).fullmatch(tax_id):
        errors.append(_error(_SELLER, f"must be {_tax_id_form(limits)}; it has {len(tax_id)} characters"))
    elif not check_digit_fits(tax_id):
        warnings.append(_warning("check_digit", _TYPO, _SELLER))


def _check_buyer(
    invoice: Invoice, limits: InvoiceLimits, errors: list[FieldError], warnings: list[CommandWarning]
) -> None:
    is_special, is_person = invoice.buyerInvoiceType == 1, invoice.buyerType == 1
    if is_special and is_person:
        message = "must be 0: a natural person gets no special invoice (专票, buyerInvoiceType 1)"
        errors.append(_error("/invoice/buyerType", message))
    tax_id = invoice.buyerIndentification
    if _STANDS_FOR_NONE.fullmatch(tax_id) and is_special:
        errors.append(_error(_BUYER, "looks like a word for none; a special invoice (专票) needs the buyer's own"))
    elif _STANDS_FOR_NONE.fullmatch(tax_id):
        message = "looks like a word for none: leave it out where the buyer has none, or it is printed on the invoice"
        warnings.append(_warning("tax_id_unusual", message, _BUYER))
    elif _BY_A_SPREADSHEET.fullmatch(tax_id):
        errors.append(_error(_BUYER, _DIGITS_LOST))
    elif tax_id:
        _check_buyer_id(tax_id, limits, errors, warnings)
        if tax_id == invoice.sellerIndentification:
            warnings.append(
                _warning("tax_id_unusual", "is the seller's own; right only for an invoice to itself", _BUYER)
            )
    elif is_special:
        message = "is required for a special invoice (专票); an ordinary one (buyerInvoiceType 0) can do without"
        errors.append(_error(_BUYER, message))
    elif not is_person:
        message = "is not given; right only for a company that has none (a foreign firm, an authority)"
        warnings.append(_warning("tax_id_unusual", message, _BUYER))


def _check_buyer_id(
    tax_id: str, limits: InvoiceLimits, errors: list[FieldError], warnings: list[CommandWarning]
) -> None:
    """A buyer may be foreign, or a person with a passport: what is no Chinese tax id passes with a warning."""
    if _compiled(limits.tax_id_pattern).fullmatch(tax_id):
        if not check_digit_fits(tax_id) and not is_citizen_id(tax_id):
            warnings.append(_warning("check_digit", _TYPO, _BUYER))
        elif len(tax_id) not in _LENGTHS_OF_TAX_IDS or (
            _OF_TODAY.fullmatch(tax_id) and len(tax_id) != _LENGTH_OF_TODAY
        ):
            length = f"has {len(tax_id)} characters, and a company's has {_LENGTH_OF_TODAY}"
            message = f"{length}: right only for a foreign buyer, else look for a typo"
            warnings.append(_warning("tax_id_unusual", message, _BUYER))
        return
    if len(tax_id) > limits.tax_id_max_chars:
        errors.append(_too_long("/invoice", "buyerIndentification", tax_id, limits, "tax_id_max_chars"))
    if not _FOREIGN_ID.fullmatch(tax_id):
        message = "must be letters, digits and the marks . / & + * _, as tax ids and passports have them"
        errors.append(_error(_BUYER, f"{message}; another character came. Leave it out where the buyer has none"))
    message = f"is not {_tax_id_form(limits)}; right only for a foreign buyer, or a person's passport. Sent as it is"
    warnings.append(_warning("tax_id_unusual", message, _BUYER))


def _tax_id_form(limits: InvoiceLimits) -> str:
    if limits.tax_id_pattern == USUAL_TAX_ID_PATTERN:
        return f"15 to 20 letters and digits ({named('tax_id_pattern')})"
    return f"a tax id as {named('tax_id_pattern')} wants it"


def _check_items(
    invoice: Invoice, limits: InvoiceLimits, errors: list[FieldError], warnings: list[CommandWarning]
) -> None:
    items = invoice.invoiceItems
    if len(items) > limits.max_items:
        setting = named("max_items")
        errors.append(_error(_ITEMS, f"must be at most {limits.max_items} lines ({setting}); it has {len(items)}"))
        return
    for index, item in enumerate(items):
        _check_item(item, f"{_ITEMS}/{index}", limits, errors)
        if line_amount(item) == 0:
            message = (
                "comes to 0.00, and the tax bureau is known to refuse such a line: a scan for nothing. "
                "Leave a gift out, or give it a part of another line's price"
            )
            warnings.append(_warning("line_without_amount", message, f"{_ITEMS}/{index}"))
    if not invoice.total > 0:
        errors.append(_error(_ITEMS, "must come to more than zero in total"))


def _check_item(item: InvoiceItem, path: str, limits: InvoiceLimits, errors: list[FieldError]) -> None:
    _no_brackets(f"{path}/name", item.name, errors)
    for member, limit in _ITEM_LENGTHS:
        text = getattr(item, member)
        if len(text) > getattr(limits, limit):
            errors.append(_too_long(path, member, text, limits, limit))
        _undamaged(path, member, text, errors)
    for member, value in (("quantity", item.quantity), ("unitPrice", item.unitPrice)):
        fault = number_fault(value, limits)
        if fault is not None:
            errors.append(_error(f"{path}/{member}", fault))
    if not limits.fractional_quantity and item.quantity != item.quantity.to_integral_value():
        message = f"must be whole, for the manual says integer ({named('fractional_quantity')} lets fractions pass)"
        errors.append(_error(f"{path}/quantity", f"{message}; a fraction came"))


def _check_expected_total(
    expected: Decimal, invoice: Invoice, errors: list[FieldError], warnings: list[CommandWarning]
) -> None:
    total, places_off = invoice.total, CENT * len(invoice.invoiceItems)
    places = len(plain_number(expected).partition(".")[2])
    if places > 2:
        errors.append(_error("/expectedTotal", f"must have at most 2 decimal places; it has {places}"))
    elif expected < total - CENT:
        message = "is less than the sum of the lines, and tax can only add to it"
        if total >= _FEN * expected / 2:
            message += "; all amounts are in yuan, and the prices may be in fen"
        warnings.append(_warning("expected_total", message, "/expectedTotal"))
    elif expected > EXACT.multiply(total, HIGHEST_WITH_TAX) + places_off:
        message = "is more than any tax makes of the lines; all amounts are in yuan, none in fen"
        warnings.append(_warning("expected_total", message, "/expectedTotal"))


def _too_long(above: str, member: str, text: str, limits: InvoiceLimits, limit: str) -> FieldError:
    message = f"must be at most {getattr(limits, limit)} characters long ({named(limit)}); it has {len(text)}"
    return _error(f"{above}/{member}", message)


def _undamaged(above: str, member: str, text: str, errors: list[FieldError]) -> None:
    found = damage_of_name(text) if member in _NAMES else damage(text)
    if found is not None:
        errors.append(_error(f"{above}/{member}", found))


def _no_brackets(path: str, text: str, errors: list[FieldError]) -> None:
    for mark in "<>":
        if mark in text:
            place = text.index(mark) + 1
            message = f"must not hold < or >, which the tax bureau refuses in names (one is at character {place})"
            errors.append(_error(path, message))
            return


@lru_cache(maxsize=8)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _error(path: str, message: str) -> FieldError:
    return FieldError(path=path, message=message)


def _warning(code: str, message: str, path: str) -> CommandWarning:
    return CommandWarning(code=code, message=message, path=path)
