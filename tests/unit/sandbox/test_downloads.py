"""A failed download is known by its user and its date text, byte for byte (traps 73 and 74)."""

from worker.sandbox.vendor import ALWAYS, Downloads


def test_a_failure_is_known_to_its_user_in_exactly_its_bytes() -> None:
    downloads = Downloads()
    downloads.fail("u", "2024-04-12 10:10:10")
    assert downloads.knows("u", "2024-04-12 10:10:10")
    assert not downloads.knows("v", "2024-04-12 10:10:10")
    assert not downloads.knows("u", "2024-04-12T10:10:10")
    downloads.forget()
    assert not downloads.knows("u", "2024-04-12 10:10:10")


def test_retries_fail_as_often_as_told_then_succeed_for_good() -> None:
    downloads = Downloads()
    downloads.fail("u", "d", more=2)
    assert [downloads.retry("u", "d") for _ in range(5)] == [False, False, True, True, True]
    downloads.fail("u", "never", more=ALWAYS)
    assert not any(downloads.retry("u", "never") for _ in range(1000))
