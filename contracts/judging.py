"""The whole verdict on a command's data: every fault at once, every warning, and what would be sent.

Guarantees that a message with several faults is told all of them: where a member cannot be read, a harmless stand-in
takes its place, and the rest is judged as if it were good. Nothing that is said depends on a stand-in. Pure.

What is told of a good order has no password in it. The manual does not say whether a unit price includes tax, so both
readings of the total are told, for each usual tax rate; which one holds, the first real invoice shows
(`expectedTotalMatches`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal
from inspect import isclass
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from contracts.commands import COMMANDS, AnyCommand, CommandType, Invoice, InvoiceItem, IssueInvoice
from contracts.discounts import fold
from contracts.events import CheckedTotal, CommandWarning, DiscountFolded, FieldError
from contracts.explain import MOST_ERRORS, at_most, explain, pointer, sentence
from contracts.gateway import plain_number
from contracts.invoices import InvoiceToSend, ItemToSend
from contracts.limits import CENT, EXACT, MOST_WARNINGS, InvoiceLimits, check_command, line_amount
from contracts.members import SAME_AS, ComparisonFault
from contracts.tidying import tidy

_MOST_MENDED: Final = 4 * MOST_ERRORS
"""Faults (count) up to which the rest is judged as if it were good. No more than `MOST_ERRORS` are told, and to explain
each of fifty thousand members that nobody knows took the loop ten seconds."""
_MOST_ENTRIES: Final = 5000
"""Of a list: a longer one is not read at all."""
_ROUNDS: Final = 4
"""Rules of a whole object are looked at only once its members are good; nothing is nested deeper than this."""
_STAND_INS: Final[dict[str, Any]] = {
    "credential": "stand-in",
    "commandId": "-",
    "orderNo": "-",
    "invoiceNumber": "1" * 8,
    "startInvoiceDate": "0001-01-01",
    "endInvoiceDate": "9999-12-31",
    "queryType": 0,
    "invoiceItems": [{"name": "-", "quantity": 1, "unitPrice": 1}],
    "quantity": 1,
    "unitPrice": 1,
    "line": 1,
    "amount": "0.01",
    "buyerInvoiceType": 0,
    "buyerType": 0,
    "sellerIndentification": "1" * 15,
    "login": {"companyCode": "1" * 15, "phone": "-", "password": "-", "area": "-", "role": "-"},
}
"""By name, for members that must be given, or that others lean on; what else need not be there is left out
instead. None of them brings an error."""
_VENDORS: Final = {right: vendors for vendors, right in SAME_AS.items()}
_ANY_TEXT: Final = "-"

Steps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class JudgedData:
    """What became of the data. `command` is None exactly where there are errors."""

    command: AnyCommand | None
    errors: list[FieldError] = field(default_factory=list)
    warnings: list[CommandWarning] = field(default_factory=list)
    discounts_folded: list[DiscountFolded] = field(default_factory=list)


def judge(command_type: CommandType, data: dict[str, Any], limits: InvoiceLimits) -> JudgedData:
    """Judge the data of a command of this type."""
    if overlong := list(_overlong(data, max(_MOST_ENTRIES, 2 * limits.max_items))):
        return JudgedData(None, at_most(overlong))
    model = COMMANDS[command_type]
    tidied = tidy(model, data)
    faults: list[FieldError] = []
    command: AnyCommand | None
    try:
        command = model.model_validate(tidied.data)
    except ValidationError as error:
        if error.error_count() > _MOST_MENDED:
            return JudgedData(None, explain(error), tidied.warnings)
        command, faults = _mended(model, tidied.data, error.errors(include_url=False))
    errors, warnings, folded = _checked(command, limits)
    if faults:
        errors = faults + _independent(errors, faults)
    if errors:
        return JudgedData(None, at_most(list(dict.fromkeys(errors))), tidied.warnings)
    final, discounts = folded
    return JudgedData(final, [], [*tidied.warnings, *warnings], discounts)


def _overlong(value: Any, most: int, path: Steps = ()) -> Iterator[FieldError]:
    """Lists of the data, and of the objects in them, that are longer than any command's."""
    if isinstance(value, list) and len(value) > most:
        yield FieldError(path=pointer(path), message=f"must have at most {most} entries; it has {len(value)}")
    elif isinstance(value, dict) and len(path) < 2:
        for name, inner in value.items():
            if type(inner) is dict or type(inner) is list:  # few are
                yield from _overlong(inner, most, (*path, name))


def told(warnings: list[CommandWarning]) -> list[CommandWarning]:
    """Of each code the first `MOST_WARNINGS`; the rest of it is counted."""
    counts = Counter(warning.code for warning in warnings)
    if all(count <= MOST_WARNINGS for count in counts.values()):
        return warnings
    kept = [each for code in counts for each in [one for one in warnings if one.code == code][:MOST_WARNINGS]]
    return kept + [
        CommandWarning(code=code, path="", message=f"and {count - MOST_WARNINGS} more like this")
        for code, count in counts.items()
        if count > MOST_WARNINGS
    ]


def _checked(
    command: AnyCommand | None, limits: InvoiceLimits
) -> tuple[list[FieldError], list[CommandWarning], tuple[AnyCommand | None, list[DiscountFolded]]]:
    if command is None:
        return [], [], (None, [])
    folded: list[DiscountFolded] = []
    not_folded: list[FieldError] = []
    if isinstance(command, IssueInvoice) and command.discounts:
        command, folded, not_folded = fold(command, limits)
    errors, warnings = check_command(command, limits)
    return [*errors, *not_folded], warnings, (command, folded)


def _mended(
    model: type[BaseModel], data: dict[str, Any], found: Sequence[Any]
) -> tuple[AnyCommand | None, list[FieldError]]:
    """The command with stand-ins for what could not be read, or None where that was not enough; and the faults."""
    whole = deepcopy(data)
    faults: list[FieldError] = []
    for _ in range(_ROUNDS):
        said = [fault for fault in found if not _compares(fault, faults)]
        faults += _independent(
            [FieldError(path=pointer(fault["loc"]), message=sentence(fault)) for fault in said], faults
        )
        for fault in found:
            _stand_in(model, whole, fault["loc"], is_unknown=fault["type"] == "extra_forbidden")
        try:
            command: Any = model.model_validate(whole)
        except ValidationError as again:
            # Not kept: pydantic's errors take no part in the collection of cycles, and this one's traceback holds this
            # frame. Each message that is no good would stay in memory, whole.
            found = again.errors(include_url=False)
        else:
            return command, faults
    return None, faults


def _stand_in(model: type[BaseModel], whole: dict[str, Any], steps: Steps, *, is_unknown: bool) -> None:
    """Put something harmless where the fault is; what need not be there is taken out."""
    if not steps:
        whole.pop("login", None)
        whole["credential"] = "stand-in"
        return
    *way, last = steps
    part: Any = whole
    here: type[BaseModel] | None = model
    for step in way:
        try:
            part = part[step]
        except (KeyError, IndexError, TypeError):
            return
        here = _model_of(here, step) if isinstance(step, str) else here
    if isinstance(part, list) and isinstance(last, int):
        part[last] = _least(here) if here is not None else _harmless(str(way[-1]))
    elif isinstance(part, dict):
        _stand_in_for_member(here, part, _VENDORS.get(str(last), str(last)), str(last), is_unknown=is_unknown)


def _stand_in_for_member(
    model: type[BaseModel] | None, part: dict[str, Any], name: str, given: str, *, is_unknown: bool
) -> None:
    info = model.model_fields.get(name) if model is not None else None
    inner = _model_of(model, name)
    if is_unknown or info is None or not (info.is_required() or name in _STAND_INS):
        part.pop(given, None)
    elif name not in _STAND_INS and inner is not None:
        part[given] = _least(inner)
    else:
        part[given] = _harmless(name)


def _harmless(name: str) -> Any:
    return deepcopy(_STAND_INS.get(name, _ANY_TEXT))


def _least(model: type[BaseModel]) -> dict[str, Any]:
    """The least object of a model."""
    return {name: _harmless(name) for name, info in model.model_fields.items() if info.is_required()}


def _model_of(model: type[BaseModel] | None, name: str) -> type[BaseModel] | None:
    """The model of what is in this member, or of each entry of its list."""
    if model is None or name not in model.model_fields:
        return None
    return _within(model.model_fields[name].annotation)


def _within(annotation: Any) -> type[BaseModel] | None:
    if isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        found = _within(inner)
        if found is not None:
            return found
    return None


def _independent(errors: list[FieldError], faults: list[FieldError]) -> list[FieldError]:
    """Those that are not said of a stand-in: nothing at, above or below their path is one. (Which members are given
    may be said of one: it was, though it could not be read.)"""
    stood_in = {fault.path for fault in faults if fault.path}
    above = {upper for path in stood_in for upper in _uppers(path)}
    return [
        error
        for error in errors
        if error.path not in stood_in and error.path not in above and stood_in.isdisjoint(_uppers(error.path))
    ]


def _compares(fault: Mapping[str, Any], faults: list[FieldError]) -> bool:
    """Whether it is said of members of which one is a stand-in."""
    error = fault.get("ctx", {}).get("error")
    compared = error.members if isinstance(error, ComparisonFault) else ()
    return not {pointer((*fault["loc"], name)) for name in compared}.isdisjoint(each.path for each in faults)


def _uppers(path: str) -> list[str]:
    """Every path above this one, but for the whole message's."""
    steps = path.split("/")
    return ["/".join(steps[:length]) for length in range(2, len(steps))]


MASKED: Final = "***"
OF_THE_CREDENTIAL: Final = "(the credential's phone)"
"""Stands where only the worker that has the credential knows more."""
TAX_RATES: Final = ("0", "0.01", "0.03", "0.05", "0.06", "0.09", "0.13")
"""The rates in use, as fractions."""


def invoice_to_send(command: IssueInvoice) -> InvoiceToSend:
    """The data of `invoice_info`, with decimals exact and passwords masked."""
    invoice = command.invoice
    account = invoice.sellerLoginAccount or (command.login.phone if command.login is not None else OF_THE_CREDENTIAL)
    members = {name: getattr(invoice, name) for name in Invoice.model_fields if name != "invoiceItems"}
    items = [_item(item) for item in invoice.invoiceItems]
    secrets = {"sellerLoginAccount": account, "sellerLoginPassword": MASKED}
    return InvoiceToSend.model_validate({**members, **secrets, "invoiceItems": items})


def _item(item: InvoiceItem) -> ItemToSend:
    """Numbers as they are sent: without zeros that carry nothing."""
    quantity, price = (Decimal(plain_number(number)) for number in (item.quantity, item.unitPrice))
    return ItemToSend(name=item.name, quantity=quantity, spec=item.spec, unit=item.unit, unitPrice=price)


def lines_total(command: IssueInvoice) -> Decimal:
    """The sum of the lines, each rounded to the cent."""
    return sum((line_amount(item) for item in command.invoice.invoiceItems), Decimal(0))


def totals(command: IssueInvoice) -> list[CheckedTotal]:
    """The total under each reading: prices with tax, then without, by rate."""
    amounts = [line_amount(item) for item in command.invoice.invoiceItems]
    return [
        _total(amounts, Decimal(rate), command.expectedTotal, with_tax=with_tax)
        for with_tax in (True, False)
        for rate in TAX_RATES
    ]


def _total(amounts: list[Decimal], rate: Decimal, expected: Decimal | None, *, with_tax: bool) -> CheckedTotal:
    """Tax is rounded line by line, as the bureau does."""
    told = sum(amounts, Decimal(0))
    if with_tax:
        tax = sum((amount - EXACT.quantize(EXACT.divide(amount, 1 + rate), CENT) for amount in amounts), Decimal(0))
        amount = told - tax
    else:
        tax = sum((EXACT.quantize(EXACT.multiply(amount, rate), CENT) for amount in amounts), Decimal(0))
        amount = told
    whole = amount + tax
    return CheckedTotal(
        pricesIncludeTax=with_tax,
        taxRate=rate,
        totalAmount=EXACT.quantize(amount, CENT),
        totalTax=EXACT.quantize(tax, CENT),
        totalPriceAndTax=EXACT.quantize(whole, CENT),
        expectedTotalMatches=None if expected is None else whole == expected,
    )
