"""A result sent twice is known by its address, as long as addresses tell invoices apart."""

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
