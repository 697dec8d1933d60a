"""Faults on demand: their names, how a person asks for them, and the book of those armed from outside.

Pure. A fault is asked for by a magic value in what the client sends, or armed for the next exchanges of a
``userId`` through the control endpoints. Both ways name the same table, ``FAULTS``.
"""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from worker.sandbox.alterations import REWRITINGS, REWRITTEN

Phase = Literal["handshake", "login", "invoice", "query", "download", "items", "files"]
ANY_USER: Final = "*"
MAGIC_VALUE: Final = re.compile(r"#fault=([a-z0-9_]+)(?:=([0-9]+(?:\.[0-9]+)?))?")
PASSWORDS: Final = {"refuse-login": "login_refused", "silent-login": "login_silent"}
"""Passwords that need no ``#fault=``, for people who read the README only once."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of the table. ``value`` is the meaning and default of ``=number``, where there is one."""

    phases: tuple[Phase, ...]
    effect: str
    value: float | None = None


_HANDSHAKE: Final[tuple[Phase, ...]] = ("handshake",)
_LOGIN: Final[tuple[Phase, ...]] = ("login", "query")
_INVOICE: Final[tuple[Phase, ...]] = ("invoice",)
_STATUS: Final[tuple[Phase, ...]] = ("login", "invoice", "query", "download")
_QUERY: Final[tuple[Phase, ...]] = ("query",)
_DOWNLOAD: Final[tuple[Phase, ...]] = ("download",)
_ITEMS: Final[tuple[Phase, ...]] = ("items",)
_FILES: Final[tuple[Phase, ...]] = ("files",)
_HTTP: Final[tuple[Phase, ...]] = ("items", "files")
_ROWS: Final[tuple[Phase, ...]] = ("query", "items", "files")
_MONEY: Final[tuple[Phase, ...]] = ("query", "items")

FAULTS: Final[Mapping[str, Fault]] = {
    "handshake_401": Fault(_HANDSHAKE, "the handshake is answered with 401"),
    "handshake_403": Fault(_HANDSHAKE, "the handshake is answered with 403"),
    "handshake_503": Fault(_HANDSHAKE, "the handshake is answered with 503"),
    "handshake_refuse": Fault(_HANDSHAKE, "the connection is cut without an answer to the handshake"),
    "login_refused": Fault(_LOGIN, 'login is answered with "0"'),
    "login_silent": Fault(_LOGIN, "login is never answered"),
    "login_slow": Fault(_LOGIN, "login is answered after so many seconds", 5.0),
    "login_reason": Fault(_LOGIN, "login is answered with a sentence that says why it is refused"),
    "login_dropped": Fault(_LOGIN, "the socket is cut instead of an answer to login"),
    "no_qr": Fault(_INVOICE, "no scan is asked for, whatever the options say"),
    "qr_unavailable": Fault(_INVOICE, '`invoice_qrcode` "0" instead of a QR; not issued'),
    "qr_failed": Fault(_INVOICE, 'a QR, then `invoice_qrcode` "0", then nothing; not issued'),
    "qr_failed_then_new": Fault(_INVOICE, 'a QR, `invoice_qrcode` "0", and a second QR that works'),
    "qr_never_scanned": Fault(_INVOICE, "a QR that cannot be confirmed, then nothing; not issued"),
    "two_qrs": Fault(_INVOICE, "a second QR supersedes the first; only the second works"),
    "qr_bare_base64": Fault(_INVOICE, "the QR is base64 without `data:image/png;base64,`"),
    "qr_text": Fault(_INVOICE, "the QR's text is sent, not an image"),
    "qr_svg": Fault(_INVOICE, "the QR is an SVG, not a PNG"),
    "qr_reason": Fault(_INVOICE, "`invoice_qrcode` carries a sentence instead of a QR; not issued"),
    "refused": Fault(_INVOICE, '`invoice_pdf` "0"; not issued'),
    "refused_with_reason": Fault(_INVOICE, "`invoice_pdf` carries a sentence that says why; not issued"),
    "refused_with_code": Fault(_INVOICE, "`invoice_pdf` carries an object with `code` and `msg`; not issued"),
    "refused_but_issued": Fault(_INVOICE, '`invoice_pdf` "0", although it was issued'),
    "slow": Fault(_INVOICE, "issuing takes so many seconds longer", 5.0),
    "silent": Fault(_INVOICE, "no answer; not issued"),
    "silent_after_issuing": Fault(_INVOICE, "issued, but never answered"),
    "dropped_before_result": Fault(_INVOICE, "the socket is cut; not issued"),
    "dropped_after_issuing": Fault(_INVOICE, "issued, then the socket is cut instead of the answer"),
    "result_twice": Fault(_INVOICE, "the result comes twice"),
    "result_late": Fault(_INVOICE, "issued at once, the result comes so many seconds later", 3.0),
    "other_user": Fault(_INVOICE, "a result with another `sendToId` comes before the right one"),
    "other_invoice": Fault(_INVOICE, "another buyer's result under the right `sendToId`, then nothing; not issued"),
    "other_invoice_first": Fault(_INVOICE, "another buyer's result under the right `sendToId`, then our own"),
    "garbage": Fault(_INVOICE, "text that is not JSON, then the right result"),
    "garbage_only": Fault(_INVOICE, "issued, but the answer is text that is not JSON"),
    "oversized_frame": Fault(_INVOICE, "issued, but the answer is a text frame of so many MiB", 5.0),
    "binary_frame": Fault(_INVOICE, "the result comes as a binary frame"),
    "draft": Fault(_INVOICE, '`isDrafts` "1": saved, not issued'),
    "numeric_status": Fault(_STATUS, "statuses are the numbers 1 and 0"),
    "boolean_status": Fault(_STATUS, "statuses are true and false"),
    "null_failure": Fault(_STATUS, "a failure is null"),
    "numeric_send_to_id": Fault(_STATUS, "`sendToId` is a number, if it consists of digits"),
    "wrong_type_word": Fault(_INVOICE, "the result says `login` as its type"),
    "result_as_json_text": Fault(_INVOICE, "the result's data is JSON inside a string"),
    "nested_data": Fault(_INVOICE, "the result is wrapped in one more `data`"),
    "items_as_list": Fault(_INVOICE, "`invoiceItems` is a list, not text"),
    "items_empty": Fault(_INVOICE, "`invoiceItems` is empty text"),
    "integers_for_flags": Fault(_INVOICE, "flags and `vipId` are numbers"),
    "url_with_curly_quotes": Fault(_INVOICE, "the URL is wrapped in curly quotes, as in the manual"),
    "missing_echo_fields": Fault(_INVOICE, "only seller, buyer name, items and the URL come back"),
    "no_echo": Fault(_INVOICE, "only the URL and `isDrafts` come back"),
    "extra_fields": Fault(_INVOICE, "members come back that the manual does not know"),
    "listed_late": Fault(_INVOICE, "queries tell of the invoice only so many seconds after it was issued", 2.0),
    "never_listed": Fault(_INVOICE, "queries never tell of the invoice"),
    **{
        f"{part}_{name}": Fault(_INVOICE, f"{REWRITTEN[part]} {rewriting.effect}")
        for name, rewriting in REWRITINGS.items()
        for part in rewriting.parts
    },
    "query_refused": Fault(_QUERY, '`query_invoice` "0" instead of the page'),
    "query_silent": Fault(_QUERY, "no page and no notice"),
    "query_slow": Fault(_QUERY, "the page comes after so many seconds", 5.0),
    "query_dropped": Fault(_QUERY, "the socket is cut instead of the page"),
    "query_dropped_after_page": Fault(_QUERY, "the page comes, then the socket is cut instead of the notice"),
    "query_login_told": Fault(_QUERY, '`login` "1" comes before the page'),
    "query_other_send_to": Fault(_QUERY, "another company's page with another `sendToId` comes before the right one"),
    "query_garbage": Fault(_QUERY, "text that is not JSON, then the page"),
    "query_garbage_only": Fault(_QUERY, "text that is not JSON, then nothing"),
    "query_twice": Fault(_QUERY, "the page comes twice"),
    "query_binary": Fault(_QUERY, "page and notice come as binary frames"),
    "query_filters_ignored": Fault(_QUERY, "all invoices of the company are told, whatever the condition says"),
    "page_typed_login": Fault(_QUERY, "the page says `login` as its type, as in the manual's example"),
    "page_nested": Fault(_QUERY, "the page is wrapped in so many more `data`; 1 is the manual's example", 1.0),
    "page_paging_outside": Fault(_QUERY, "the rows are one `data` deeper than `total` and the like"),
    "page_as_json_text": Fault(_QUERY, "the page is JSON inside a string"),
    "page_oversized": Fault(_QUERY, "the page's first `note` is so many MiB long", 5.0),
    "paging_empty_last": Fault(_QUERY, "one page more is announced than there is; it is empty"),
    "paging_repeats": Fault(_QUERY, "every page is the first, and another always follows"),
    "paging_has_next_always": Fault(_QUERY, "`hasNext` is always true"),
    "paging_has_next_never": Fault(_QUERY, "`hasNext` is always false"),
    "paging_no_has_next": Fault(_QUERY, "`hasNext` is missing"),
    "paging_total_page_wrong": Fault(_QUERY, "`totalPage` is so much", 1.0),
    "paging_total_wrong": Fault(_QUERY, "`total` is so much", 1.0),
    "paging_text": Fault(_QUERY, "`total`, `currentPage`, `totalPage`, `hasNext` are text"),
    "paging_missing": Fault(_QUERY, "`total`, `currentPage`, `totalPage`, `hasNext` are missing"),
    "rows_shift": Fault(_QUERY, "so many new invoices appear at the top with every further page", 1.0),
    "rows_twice": Fault(_ROWS, "every row comes twice"),
    "rows_foreign": Fault(_QUERY, "another company's invoices are among the rows"),
    "rows_mixed_empty": Fault(_MONEY, "what is not known is null, empty or missing in turn"),
    "rows_extra_members": Fault(_ROWS, "rows have members that the manual does not know"),
    "rows_ids_text": Fault(_ROWS, "ids are text"),
    "rows_vip_text": Fault(_QUERY, "`vipId` is text"),
    "rows_dates_seconds": Fault(_QUERY, "`invoiceDate` is seconds"),
    "rows_dates_digits": Fault(_QUERY, "`invoiceDate` is milliseconds as text"),
    "rows_dates_text": Fault(_QUERY, "`invoiceDate` is `yyyy-MM-dd HH:mm:ss`"),
    "rows_dates_day": Fault(_QUERY, "`invoiceDate` is `yyyy-MM-dd`"),
    "rows_dates_iso": Fault(_QUERY, "`invoiceDate` is ISO with offset"),
    "rows_dates_array": Fault(_QUERY, "`invoiceDate` is a list: year, month, day, hour, minute, second"),
    "rows_dates_array_nanos": Fault(_QUERY, "`invoiceDate` is such a list with nanoseconds behind"),
    "rows_dates_fraction": Fault(_QUERY, "`invoiceDate` is ISO with a fraction and without offset"),
    "rows_dates_slashes": Fault(_QUERY, "`invoiceDate` is `yyyy/MM/dd HH:mm:ss`"),
    "rows_dates_chinese": Fault(_QUERY, "`invoiceDate` is `yyyy年MM月dd日`"),
    "rows_dates_english": Fault(_QUERY, "`invoiceDate` is like `Nov 29, 2026 3:24:35 PM`"),
    "rows_dates_java": Fault(_QUERY, "`invoiceDate` is like `Sun Nov 29 15:24:35 CST 2026`"),
    "rows_money_separated": Fault(_QUERY, "amounts are text with thousands separators"),
    "rows_money_marked": Fault(_QUERY, "amounts are text with ￥ before, 元 behind and separators"),
    "rows_money_text": Fault(_MONEY, "amounts are text"),
    "rows_money_noisy": Fault(_MONEY, "amounts have the last digits of a sum of binary floats"),
    "rows_totals_disagree": Fault(_MONEY, "`totalPriceAndTax` is one yuan more than amount and tax"),
    "download_fails": Fault(_DOWNLOAD, "the download fails so many times, the notice included, then succeeds", 1.0),
    "download_never": Fault(_DOWNLOAD, "the download fails, and so does every retry"),
    "download_two_dates": Fault(_DOWNLOAD, "two failures are told at once, with two dates"),
    "download_garbage": Fault(_DOWNLOAD, 'the notice is neither "1" nor a date'),
    "download_zero": Fault(_DOWNLOAD, 'the notice is "0"'),
    "download_silent": Fault(_DOWNLOAD, "no notice comes"),
    "download_late": Fault(_DOWNLOAD, "the notice comes so many seconds later", 3.0),
    "download_before_page": Fault(_DOWNLOAD, "the notice comes before its page"),
    "download_twice": Fault(_DOWNLOAD, "the notice comes twice"),
    "download_dropped": Fault(_DOWNLOAD, "the socket is cut instead of the notice"),
    "http_401": Fault(_HTTP, "the look-up is answered with 401"),
    "http_403": Fault(_HTTP, "the look-up is answered with 403"),
    "http_429": Fault(
        _HTTP, "the look-up is answered with 429 and so many seconds of `Retry-After`; 0 leaves it out", 1.0
    ),
    "http_500": Fault(_HTTP, "the look-up is answered with 500"),
    "http_503": Fault(_HTTP, "the look-up is answered with 503, with `Retry-After` if a number is given"),
    "http_cut": Fault(_HTTP, "the connection is cut without an answer"),
    "http_slow": Fault(_HTTP, "the look-up is answered after so many seconds", 5.0),
    "http_not_json": Fault(_HTTP, "the look-up is answered with 200 and HTML"),
    "http_code_200": Fault(_HTTP, "`code` is 200, not 0"),
    "http_business_error": Fault(_HTTP, "HTTP 200 with `code` 500 and a `msg`"),
    "http_data_null": Fault(_HTTP, "`data` is null"),
    "http_redirect": Fault(_HTTP, "a redirect to another host; following it is counted"),
    "items_none": Fault(_ITEMS, "the list of items is empty"),
    "items_foreign": Fault(_ITEMS, "another invoice's items are among the rows"),
    "items_rates_fractions": Fault(_ITEMS, "`taxRate` is 0.01, not 1%"),
    "items_rates_words": Fault(_ITEMS, "`taxRate` is 免税, 不征税 or \\*\\*\\*"),
    "files_none": Fault(_FILES, "the list of files is empty"),
    "files_types_missing": Fault(_FILES, "only the first type that was asked for is there"),
    "files_foreign": Fault(_FILES, "another invoice's files are among the rows"),
    "files_urls_relative": Fault(_FILES, "`url` has no host"),
    "files_urls_spaced": Fault(_FILES, "`url` has a space and Chinese in it"),
    "files_types_odd": Fault(_FILES, "`type` is in capitals, every second one with a dot before it"),
}

Asked = Mapping[str, float]
"""Fault names with their number (the table's default, or 0)."""


def asked_in(*texts: str) -> dict[str, float]:
    """Read the magic values in these texts; names that are not in the table are left alone."""
    found = {}
    for text in texts:
        for name, value in MAGIC_VALUE.findall(text) if "#fault=" in text else ():
            if name in FAULTS:
                found[name] = float(value) if value else FAULTS[name].value or 0.0
    return found


def unheard(phases: Collection[Phase], *texts: str) -> list[str]:
    """What asks for nothing in these texts: a name that no fault has, or one that is heard elsewhere."""
    found = []
    for name, _ in MAGIC_VALUE.findall(" ".join(texts)):
        if name not in FAULTS:
            heard = [known for known, fault in FAULTS.items() if not set(phases).isdisjoint(fault.phases)]
            close = difflib.get_close_matches(name, heard, n=1)
            found.append(f"no fault is named {name}" + (f"; did you mean {close[0]}?" if close else ""))
        elif set(phases).isdisjoint(FAULTS[name].phases):
            found.append(f"{name} is not heard here: it is a fault of {', '.join(FAULTS[name].phases)}")
    return found


def asked_by_password(password: str) -> dict[str, float]:
    """Read the login faults that a password asks for, in words or as a magic value."""
    word = PASSWORDS.get(password)
    return {word: 0.0} if word else asked_in(password)


def asked_by_user_id(user_id: str) -> str | None:
    """Name the handshake fault of a ``userId`` such as ``deny-401-anything``, or ``None``."""
    if not user_id.startswith("deny-"):
        return None
    name = "handshake_" + user_id.removeprefix("deny-").split("-")[0]
    return name if name in FAULTS else None


@dataclass(slots=True)
class Armed:
    """A fault armed from outside: for one ``userId`` or all (``*``), so many times more."""

    user_id: str
    name: str
    value: float
    times: int


class FaultBook:
    """The faults armed from outside. Each use takes one of the times; the last removes it."""

    def __init__(self) -> None:
        self._armed: list[Armed] = []

    def arm(self, name: str, user_id: str = ANY_USER, times: int = 1, value: float | None = None) -> Armed:
        """Arm ``name`` for the next ``times`` phases it belongs to. Raises ``ValueError`` if it is unknown."""
        if name not in FAULTS:
            raise ValueError("there is no fault of this name; the table has them all")
        if times < 1:
            raise ValueError("times must be 1 or more")
        armed = Armed(user_id, name, FAULTS[name].value or 0.0 if value is None else value, times)
        self._armed.append(armed)
        return armed

    def take(self, user_id: str, phase: Phase) -> dict[str, float]:
        """Take what applies to this phase of this user now; counts it as used."""
        if not self._armed:
            return {}
        due = [a for a in self._armed if a.user_id in (user_id, ANY_USER) and phase in FAULTS[a.name].phases]
        for armed in due:
            armed.times -= 1
        self._armed = [armed for armed in self._armed if armed.times > 0]
        return {armed.name: armed.value for armed in due}

    def clear(self, name: str | None = None) -> None:
        """Disarm one fault for everybody, or all."""
        self._armed = [] if name is None else [armed for armed in self._armed if armed.name != name]

    def __iter__(self) -> Iterator[Armed]:
        return iter(tuple(self._armed))
