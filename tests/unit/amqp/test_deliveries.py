"""Acknowledgements: each delivery once, none that is not done, as few frames as possible."""

from hypothesis import given
from hypothesis import strategies as st

from worker.amqp.deliveries import AcknowledgementBook


def book_of(count: int) -> AcknowledgementBook:
    book = AcknowledgementBook()
    for tag in range(1, count + 1):
        book.delivered(tag)
    return book


def test_a_whole_prefix_is_one_acknowledgement() -> None:
    """`multiple` covers everything up to the tag."""
    assert book_of(50).settle(range(1, 51)) == [(50, True)]


def test_a_hole_is_never_covered() -> None:
    """Delivery 3 is still being worked on."""
    book = book_of(5)

    assert book.settle([1, 2, 4, 5]) == [(2, True), (4, False), (5, False)]
    assert book.settle([3]) == [(3, False)]


def test_nothing_is_acknowledged_twice() -> None:
    """The broker would close the channel over it."""
    book = book_of(2)
    book.settle([1])

    assert book.settle([1, 2, 2, 99]) == [(2, False)]
    assert book.settle([2]) == []


@given(st.integers(1, 30), st.data())
def test_what_is_acknowledged_is_what_was_done(count: int, data: st.DataObject) -> None:
    """Whatever the order, the broker's view (open deliveries) matches what is left to do."""
    book, left = book_of(count), set(range(1, count + 1))
    while left:
        done = data.draw(st.sets(st.sampled_from(sorted(left)), min_size=1))
        broker = set(left)
        for tag, multiple in book.settle(done):
            covered = {open_tag for open_tag in broker if open_tag == tag or (multiple and open_tag < tag)}
            assert tag in covered
            broker -= covered
        left -= done
        assert broker == left
    assert len(book) == 0
