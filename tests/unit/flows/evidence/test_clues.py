"""Whoever could claim an invoice is found by its clues: held against the comparison itself, over many pairs."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.builders import make_invoice, make_item
from tests.examples import examples
from tests.lane_store import is_found_by
from tests.unit.flows.submissions import fit, issued, listed, make_submitted, subject
from worker.flows.evidence.clues import clues_of, probing
from worker.flows.evidence.members import Weight
from worker.flows.evidence.subjects import Listed, in_one_go

COMPANY, ANOTHER = "91330701MA2DFB848M", "91330701MA2DFB848X"
amounts = st.sampled_from([Decimal(each) for each in ("0.01", "88", "100", "100.4", "100.005", "113", "117", "226")])
maybe = st.one_of(st.none(), amounts)


@settings(max_examples=examples(800), deadline=None)
@given(
    price=amounts,
    lines=st.sampled_from([1, 2, 40, 60]),
    expected=maybe,
    total=maybe,
    without=maybe,
    code=st.sampled_from(["", COMPANY, "330701MA2DFB848", COMPANY + "00", "9133O701MA2DFB848M"]),
    quantity=st.sampled_from([1, 30]),
    told_code=st.sampled_from([None, COMPANY, ANOTHER, "9133****848M", "MA2DFB848"]),
    remark=st.sampled_from(["", "SO-1", "SO-1 "]),
    note=st.sampled_from([None, "SO-1", "SO-1 销方开户银行:招商银行", "SO-2"]),
    prints_bank=st.booleans(),
    is_issued=st.booleans(),
)
@example(Decimal(100), 1, Decimal(113), Decimal(113), Decimal(88), "", 1, COMPANY, "", None, False, True)
@example(Decimal(100), 1, None, Decimal("100.4"), Decimal(88), COMPANY, 30, COMPANY, "", None, False, False)
def test_whoever_could_claim_an_invoice_is_found(
    price: Decimal,
    lines: int,
    expected: Decimal | None,
    total: Decimal | None,
    without: Decimal | None,
    code: str,
    quantity: int,
    told_code: str | None,
    remark: str,
    note: str | None,
    prints_bank: bool,
    is_issued: bool,
) -> None:
    item = make_item(quantity=Decimal(quantity), unitPrice=price / lines / quantity)
    order = make_invoice(
        remark=remark, buyerIndentification=code, buyerBankShow=int(prints_bank), invoiceItems=[item] * lines
    )
    sought = (issued if is_issued else subject)(invoice=order, expected_total=expected)
    row = replace(
        listed(1, buyerIdentificationNumber=told_code, note=note),
        total=total,
        total_without_tax=without,
        total_tax=None,
    )
    worth = fit(sought, row)
    probes = in_one_go(probing([Listed.of(row)]))

    if worth is None or worth.weight is Weight.AGAINST:
        return
    assert probes is None or is_found_by(probes, make_submitted(1, invoice=order, expected_total=expected))


def test_what_no_index_can_compare_is_open() -> None:
    one = (Decimal(1), Decimal(100))
    assert clues_of(COMPANY, "SO-1", [one], None, prints_bank=False).total == 10_000
    assert clues_of(COMPANY, "SO-1", [one], None, prints_bank=True).total is None
    assert clues_of(COMPANY, "", [one], None, prints_bank=True).total == 10_000
    assert clues_of(COMPANY, "", [one] * 51, Decimal(7), prints_bank=False).total is None
    assert clues_of("330106199001011234", "", [one], None, prints_bank=False).buyer == ""
    assert clues_of(COMPANY.lower(), "", [one], None, prints_bank=False).buyer == COMPANY


def test_probes_of_neighbours_are_one_and_common_remarks_are_none() -> None:
    rows = [
        Listed.of(listed(n, note="谢谢惠顾", totalPriceAndTax=Decimal(100), totalAmount=Decimal("88.5"), totalTax=None))
        for n in range(30)
    ]
    probes = in_one_go(probing(rows))

    assert probes is not None
    assert len(probes.totals) == 2
    assert probes.marks == ()
    assert (
        in_one_go(
            probing([*rows, Listed.of(replace(rows[0].invoice, total=None, total_without_tax=None, total_tax=None))])
        )
        is None
    )
