"""A result sent twice is known by its address, as long as addresses tell invoices apart."""

import pytest

from contracts.envelope import loads
from tests.builders import make_data, make_invoice, make_result
from tests.lane_fakes import After, Script, Stage
from tests.unit.lanes.test_runner import S, begin, waiting
from tests.virtual_time import in_virtual_time
from worker.lanes.services import InvoiceAddresses


def test_the_same_address_for_an_order_alike_is_a_repeat() -> None:
    addresses = InvoiceAddresses()
    addresses.settled("lane-1", "print", "http://files/1.pdf")

    assert addresses.is_repeat("lane-1", "print", "http://files/1.pdf")


def test_another_address_another_order_or_another_lane_is_none() -> None:
    addresses = InvoiceAddresses()
    addresses.settled("lane-1", "print", "http://files/1.pdf")

    assert not addresses.is_repeat("lane-1", "print", "http://files/2.pdf")
    assert not addresses.is_repeat("lane-1", "other", "http://files/1.pdf")
    assert not addresses.is_repeat("lane-2", "print", "http://files/1.pdf")
    assert not addresses.is_repeat("lane-1", "print", None)


def test_the_same_to_the_letter_is_the_same_result_as_long_as_addresses_tell() -> None:
    addresses = InvoiceAddresses()
    addresses.settled("lane-1", "print", "http://files/1.pdf", {"buyerName": "A"})

    assert addresses.is_said_again("http://files/1.pdf", {"buyerName": "A"})
    assert not addresses.is_said_again("http://files/1.pdf", {"buyerName": "B"})
    assert not addresses.is_said_again("http://files/2.pdf", {"buyerName": "A"})
    addresses.settled("lane-1", "other", "http://files/1.pdf", {"buyerName": "B"})
    assert not addresses.is_said_again("http://files/1.pdf", {"buyerName": "B"})


def test_an_address_that_two_orders_share_tells_nothing_from_then_on() -> None:
    addresses = InvoiceAddresses()
    addresses.settled("lane-1", "print", "http://files/same.pdf")
    addresses.settled("lane-2", "print", "http://files/same.pdf")

    assert not addresses.are_telling
    assert not addresses.is_repeat("lane-1", "print", "http://files/same.pdf")


def test_the_memory_is_bounded_and_forgets_the_oldest() -> None:
    addresses = InvoiceAddresses(kept=2)
    for number in range(3):
        addresses.settled("lane-1", "print", f"http://files/{number}.pdf")

    assert not addresses.is_repeat("lane-1", "print", "http://files/0.pdf")
    assert addresses.is_repeat("lane-1", "print", "http://files/2.pdf")


def test_without_an_address_or_a_fingerprint_nothing_is_remembered() -> None:
    addresses = InvoiceAddresses()
    addresses.settled("lane-1", None, "http://files/1.pdf")
    addresses.settled("lane-1", "print", None)

    assert not addresses.is_repeat("lane-1", None, "http://files/1.pdf")
    assert not addresses.is_repeat("lane-1", "print", None)


@pytest.mark.parametrize("other", ["http://pdf.example/2.pdf", None])
@in_virtual_time
async def test_result_that_comes_twice_does_not_settle_the_twin_that_follows(other: str | None) -> None:
    """Same buyer, items and remark: only the address tells the two results apart."""
    first, second = make_result(invoice_url="http://pdf.example/1.pdf"), make_result(invoice_url=other)
    stage = Stage(scripts=[Script(submissions=[[first], [first, After(60, second)]])])
    runner = await begin(stage, waiting(1, fingerprint="f"), waiting(2, fingerprint="f"))
    stage.services.lease.length_seconds = 600

    await runner.serve()

    assert [(key, reason) for key, reason, _ in stage.journal.strays] == [(2, "repeated")]
    assert loads(stage.journal.events[2][-1].body)["data"]["invoiceUrl"] == other


@in_virtual_time
async def test_gateway_that_names_one_address_for_all_settles_orders_that_differ() -> None:
    other = make_invoice(remark="2")
    stage = Stage(scripts=[Script(submissions=[[make_result()], [make_result(other)]])])
    second = waiting(2, fingerprint="g", data=make_data(invoice=other))
    runner = await begin(stage, waiting(1, fingerprint="f"), second)

    await runner.serve()

    assert {stage.journal.state_of(key) for key in (1, 2)} == {S.COMPLETED}


@in_virtual_time
async def test_result_without_the_remark_is_known_for_a_repeat_after_a_restart() -> None:
    """The gateway leaves the remark out, so the first order's result echoes all of the second, which has none."""
    said = make_result(make_invoice(remark=""))
    with_remark = waiting(1, fingerprint="f", data=make_data(invoice=make_invoice(remark="SO-1")))
    stage = Stage(scripts=[Script(submissions=[[said]]), Script(submissions=[[said]])])
    await (await begin(stage, with_remark)).serve()
    assert stage.journal.state_of(1) is S.COMPLETED

    stage.services.addresses = InvoiceAddresses()  # another process knows what the journal has
    runner = await begin(stage, waiting(2, fingerprint="g"))
    stage.services.lease.length_seconds = 600
    await runner.serve()

    assert stage.journal.state_of(2) is S.IN_DOUBT
    assert [(key, reason) for key, reason, _ in stage.journal.strays] == [(2, "repeated")]
