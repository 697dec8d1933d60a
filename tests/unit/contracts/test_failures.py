"""Codes are for ever: callers branch on them."""

from contracts.failures import RETRYABLE, FailureCode, RejectionCode

FAILURES = """login_refused login_suspended qr_failed qr_expired issue_refused not_issued saved_as_draft query_refused
download_failed gateway_unauthorized gateway_forbidden gateway_unavailable gateway_timeout protocol_error
credential_missing deadline_exceeded http_error cancelled internal_error"""
REJECTIONS = """malformed unknown_type invalid too_large id_missing id_reused reply_to_refused busy order_reused
order_taken duplicate"""


def test_no_failure_code_was_ever_removed() -> None:
    """Add new ones to the end of this list; never take one away."""
    assert [str(code) for code in FailureCode] == FAILURES.split()


def test_no_rejection_code_was_ever_removed() -> None:
    """As above."""
    assert [str(code) for code in RejectionCode] == REJECTIONS.split()


def test_only_what_never_reached_the_tax_bureau_may_be_sent_again_as_it_is() -> None:
    """A second invoice cannot be undone."""
    after_submission = {FailureCode.ISSUE_REFUSED, FailureCode.NOT_ISSUED, FailureCode.SAVED_AS_DRAFT}
    assert not RETRYABLE & (after_submission | {FailureCode.QR_FAILED, FailureCode.QR_EXPIRED})
