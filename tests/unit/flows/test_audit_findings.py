"""A listed invoice held against what the journal knows: which finding, or none, and what is said of it."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.audits import Finding, FindingKind
from contracts.envelope import dumps
from tests.builders import MOMENT, make_data, make_found, make_listed
from worker.flows.audit_findings import Standing, hold, missing
from worker.flows.audit_rows import listed_of, month_of, row_of
from worker.records import (
    BEIJING,
    UNDECIDED,
    AuditedInvoice,
    AuditOwner,
    AuditTwin,
    Dated,
    ListedInvoice,
    NumberedCommand,
)

K, S = FindingKind, Standing
COMPANY = "91330701MA2M37T86L"
DAY = MOMENT.date()
NUMBER = make_found()["countETicketNumbers"]
AUDITED_AT = MOMENT + timedelta(days=20)


def confirmed(**members: Any) -> bytes:
    """The event that confirmed the default invoice."""
    said = {
        "invoiceId": "1778",
        "invoiceNumber": NUMBER,
        "invoiceDate": MOMENT,
        "totalPriceAndTax": Decimal("226.00"),
    } | members
    return dumps({"time": MOMENT, "data": said})


def owner(**changes: Any) -> AuditOwner:
    """The default invoice's command, of the audit's own source."""
    known = AuditOwner(7, is_own=True, command_id="order-7", order_no="N-7", sent=make_data(), confirmed=confirmed())
    return replace(known, **changes)


def listed(of: AuditOwner | None = None, **members: Any) -> AuditedInvoice:
    """The default invoice, as the list has it now, and whose it is."""
    return AuditedInvoice(row_of(make_listed(**members), COMPANY, DAY, DAY), owner=of)


def kind_of(audited: AuditedInvoice) -> object:
    """What it is, and that what is told fits the contract."""
    held = hold(audited)
    if held.finding is not None:
        Finding.model_validate(held.finding)
        assert held.finding["kind"] is held.standing
    return held.standing


# ---- a command of this source ----------------------------------------------------------------------------


def test_an_invoice_that_is_listed_as_it_was_confirmed_is_matched() -> None:
    assert kind_of(listed(owner())) is S.MATCHED


def test_a_number_by_a_persons_word_says_nothing_of_what_the_list_told() -> None:
    """The registered name beside the tax id that was sent is no difference then, as where nothing was confirmed."""
    by_word = owner(confirmed=confirmed(invoiceId="", invoiceDate=None, totalPriceAndTax=None))
    for known in (by_word, owner(confirmed=None)):
        assert kind_of(listed(known, buyerName="别的登记名称有限公司")) is S.MATCHED
    assert kind_of(listed(owner(), buyerName="别的登记名称有限公司")) is K.DIFFERS


@pytest.mark.parametrize("status", ["已红冲-全额", "部分红冲", "已作废"])
def test_one_that_was_red_lettered_or_voided_since_has_changed(status: str) -> None:
    """Not where that was told when it was confirmed."""
    assert kind_of(listed(owner(), invoiceStatus=status)) is K.CHANGED
    known = owner(confirmed=confirmed(invoiceStatus=status))
    assert kind_of(listed(known, invoiceStatus=status)) is S.MATCHED


@pytest.mark.parametrize(
    ("members", "differing"),
    [
        ({"totalPriceAndTax": Decimal("227.00")}, "totalPriceAndTax"),
        ({"buyerIdentificationNumber": "91310000EXAMPLE023"}, "buyerIndentification"),
        ({"buyerIdentificationNumber": "", "buyerName": "另一家公司"}, "buyerName"),
        ({"invoiceDate": MOMENT + timedelta(days=3)}, "invoiceDate"),
    ],
)
def test_one_whose_total_buyer_or_date_is_another_differs(members: dict[str, Any], differing: str) -> None:
    audited = replace(listed(owner()), row=row_of(make_listed(**members), COMPANY, DAY, DAY + timedelta(days=9)))

    assert kind_of(audited) is K.DIFFERS
    (told,) = hold(audited).finding["differs"]  # type: ignore[index]
    assert told["member"] == differing


def test_what_differed_when_it_was_confirmed_differs_no_more() -> None:
    """The register's name for the buyer was told then."""
    corrected = "ABC有限责任公司"
    differs = [{"member": "buyerName", "sent": "ABC公司", "listed": corrected}]
    assert kind_of(listed(owner(confirmed=confirmed(differs=differs)), buyerName=corrected)) is S.MATCHED
    assert kind_of(listed(owner(confirmed=confirmed(differs=differs)), buyerName="第三家")) is K.DIFFERS


@pytest.mark.parametrize("forgotten", [{"sent": b"{}", "confirmed": None}, {"sent": None, "confirmed": None}])
def test_what_was_forgotten_with_its_age_is_not_guessed_at(forgotten: dict[str, Any]) -> None:
    """A total that is another than was sent may have been confirmed so."""
    assert kind_of(listed(owner(**forgotten), totalPriceAndTax=Decimal(5))) is S.MATCHED


def test_another_reading_of_the_same_date_is_no_other_date() -> None:
    day = datetime(MOMENT.year, MOMENT.month, MOMENT.day, tzinfo=MOMENT.tzinfo)
    invoice = replace(make_listed(), dated=Dated(day, day - timedelta(hours=8), day + timedelta(hours=24)))
    assert kind_of(AuditedInvoice(row_of(invoice, COMPANY, DAY, DAY), owner=owner())) is S.MATCHED


def test_one_that_this_audit_found_is_told_as_such() -> None:
    """Unless another command has it by now."""
    assert kind_of(replace(listed(owner()), claim=7)) is K.UNNUMBERED
    assert kind_of(replace(listed(owner()), claim=8)) is S.MATCHED


def test_two_orders_of_one_content_are_a_double_where_the_second_was_suspected_of_it() -> None:
    twin = AuditTwin("1", "1", is_owned=True, command_id="order-6")
    assert kind_of(replace(listed(owner()), twin=twin)) is S.MATCHED

    suspected = owner(warnings=dumps([{"code": "duplicate_suspected", "path": "", "message": ""}]))
    held = hold(replace(listed(suspected), twin=twin))
    assert held.standing is K.DOUBLE
    assert held.finding is not None
    assert held.finding["double"] == {"invoiceNumber": "1", "commandId": "order-6"}


# ---- nobody's, and another's -----------------------------------------------------------------------------


def test_of_another_sources_invoice_nothing_is_told() -> None:
    """Whatever became of it."""
    held = hold(listed(AuditOwner(9, is_own=False), invoiceStatus="已作废"))
    assert (held.standing, held.finding) == (S.THEIRS, None)


def test_one_that_no_command_has_is_unknown_and_whose_it_may_be_is_not_guessed() -> None:
    assert kind_of(listed()) is K.UNKNOWN
    assert kind_of(replace(listed(), claim=UNDECIDED)) is S.UNDECIDED
    assert kind_of(replace(listed(), claim=7)) is S.UNDECIDED
    assert kind_of(listed(countETicketNumbers=None)) is S.UNDECIDED


def test_of_two_that_are_alike_one_at_least_is_a_double() -> None:
    """The one that no command has; of two such, the second."""
    assert kind_of(replace(listed(), twin=AuditTwin("9" * 20, "9" * 20, is_owned=True))) is K.DOUBLE
    assert kind_of(replace(listed(), twin=AuditTwin("9" * 20, "9" * 20, is_owned=False))) is K.UNKNOWN
    assert kind_of(replace(listed(), twin=AuditTwin("1", "1", is_owned=False))) is K.DOUBLE


# ---- missing ---------------------------------------------------------------------------------------------


def numbered(**changes: Any) -> NumberedCommand:
    """A confirmed command that the list lacks."""
    known = NumberedCommand(7, MOMENT, True, NUMBER, False, "order-7", "N-7", confirmed())
    return replace(known, **changes)


def test_beijings_time_with_an_offset_of_zero_is_read_alike_before_and_after_it_would_be_tomorrow() -> None:
    """A look-up reads it as Beijing's while it would be hours from now; an audit of the month cannot know that."""
    evening = MOMENT.astimezone(BEIJING).replace(hour=23)
    known = owner(confirmed=confirmed(invoiceDate=evening))

    assert kind_of(listed(known, invoiceDate=evening + timedelta(hours=8))) == S.MATCHED
    assert kind_of(listed(known, invoiceDate=evening + timedelta(hours=9))) == K.DIFFERS


def test_a_confirmed_command_that_the_list_lacks_is_missing() -> None:
    told = missing(numbered(), DAY, DAY, AUDITED_AT)
    assert told == {"kind": K.MISSING, "commandId": "order-7", "orderNo": "N-7", "invoiceNumber": NUMBER}
    assert missing(numbered(is_listed=True), DAY, DAY, AUDITED_AT) is False
    assert missing(numbered(is_own=False), DAY, DAY, AUDITED_AT) is False


def test_one_that_is_dated_beside_the_period_need_not_be_listed() -> None:
    """Whenever it was submitted; by the event, or by what a look-up stored."""
    late = confirmed(invoiceDate=MOMENT + timedelta(days=1))
    assert missing(numbered(confirmed=late), DAY, DAY, AUDITED_AT) is False
    assert missing(numbered(confirmed=None, dated=MOMENT + timedelta(days=1)), DAY, DAY, AUDITED_AT) is False


def test_what_was_confirmed_after_the_list_was_begun_or_tells_no_date_cannot_be_called_missing() -> None:
    """A person may have given it a number that was issued later."""
    assert missing(numbered(), DAY, DAY, MOMENT - timedelta(seconds=1)) is True
    assert missing(numbered(confirmed=None), DAY, DAY, AUDITED_AT) is True
    assert missing(numbered(confirmed=None, submitted_at=MOMENT - timedelta(days=5)), DAY, DAY, AUDITED_AT) is False


# ---- rows ------------------------------------------------------------------------------------------------

texts = st.none() | st.text(max_size=20)
amounts = st.none() | st.decimals("-9999.99", "9999.99", places=2)
moments = st.integers(0, 2_500_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, MOMENT.tzinfo))
invoices = st.builds(
    ListedInvoice,
    gateway_id=st.just("1"),
    number=texts,
    buyer_id=texts,
    buyer_name=texts,
    note=texts,
    dated=st.none() | st.builds(Dated, moments, moments, moments),
    total=amounts,
    total_without_tax=amounts,
    total_tax=amounts,
    is_positive=st.none() | st.booleans(),
    status=texts,
    query_type=st.sampled_from([None, 0, 1]),
    told=st.just({"id": "1"}),
)


@given(invoices)
def test_what_is_kept_comes_back_as_it_was(invoice: ListedInvoice) -> None:
    row = row_of(invoice, COMPANY, date(2000, 1, 1), date(2050, 1, 1))
    assert listed_of(row) == invoice
    assert (row.identity, row.number) == (invoice.identity, invoice.number)


@given(
    st.booleans(),
    st.sampled_from([None, "正常", "已作废"]),
    st.sampled_from([None, UNDECIDED, 7]),
    st.sampled_from([None, AuditTwin("1", "1", is_owned=True), AuditTwin("9" * 20, None, is_owned=False)]),
    st.sampled_from([None, owner(), owner(confirmed=None), owner(sent=None), AuditOwner(9, is_own=False)]),
    st.sampled_from([Decimal("226.00"), Decimal("1.00"), None]),
)
def test_every_invoice_has_one_standing_and_a_finding_exactly_where_it_is_a_kind(
    has_number: bool,
    status: str | None,
    claim: int | None,
    twin: AuditTwin | None,
    known: AuditOwner | None,
    total: Decimal | None,
) -> None:
    """Nothing is unknown that a command has or may have; nothing is said of another source's."""
    found = {"invoiceStatus": status, "totalPriceAndTax": total}
    if not has_number:
        found["countETicketNumbers"] = None
    audited = replace(listed(known, **found), claim=claim, twin=twin)
    held = hold(audited)

    assert (held.finding is not None) is isinstance(held.standing, FindingKind)
    if known is None:
        assert held.standing in {K.UNKNOWN, K.DOUBLE, S.UNDECIDED}
        assert (held.standing is S.UNDECIDED) is (claim is not None or not has_number)
    elif not known.is_own:
        assert held.standing is S.THEIRS
    else:
        assert held.standing not in {K.UNKNOWN, K.MISSING, S.THEIRS, S.UNDECIDED}
        assert held.finding is None or held.finding["commandId"] == "order-7"


def test_a_day_is_beijings_and_a_gateway_that_ignores_a_filter_adds_nothing_to_the_period() -> None:
    evening = make_listed(invoiceDate=datetime(2026, 1, 31, 16, 0, tzinfo=MOMENT.tzinfo))
    assert month_of(evening) == "2026-02"
    assert not row_of(evening, COMPANY, date(2026, 1, 1), date(2026, 1, 31)).is_in_period
    assert row_of(evening, COMPANY, date(2026, 2, 1), date(2026, 2, 28)).is_in_period
    assert not row_of(make_listed(), "91310000EXAMPLE023", DAY, DAY).is_in_period
    assert row_of(make_listed(invoiceDate=None), COMPANY, DAY, DAY).is_in_period


@pytest.mark.parametrize(
    ("members", "is_alike"),
    [
        ({"countETicketNumbers": "1" * 20, "invoiceDate": MOMENT + timedelta(days=2)}, True),
        ({"buyerName": "ABC 公司"}, True),
        ({"note": "SO-2"}, False),
        ({"buyerIdentificationNumber": "91310000EXAMPLE023"}, False),
        ({"totalPriceAndTax": Decimal("226.01")}, False),
        ({"invoiceType": "数电票（增值税专用发票）"}, False),
    ],
)
def test_two_are_alike_where_the_list_tells_them_apart_by_number_and_date_alone(
    members: dict[str, Any], is_alike: bool
) -> None:
    first = row_of(make_listed(), COMPANY, DAY, DAY).alike
    assert (row_of(make_listed(**members), COMPANY, DAY, DAY).alike == first) is is_alike


@pytest.mark.parametrize(
    "members",
    [
        {"invoiceStatus": "已作废"},
        {"isInvoicePositive": False},
        {"totalPriceAndTax": None, "totalTax": None},
        {"buyerIdentificationNumber": "", "buyerName": ""},
    ],
)
def test_what_is_dead_red_or_told_too_little_of_is_no_double(members: dict[str, Any]) -> None:
    assert row_of(make_listed(**members), COMPANY, DAY, DAY).alike is None
