"""The contract's files, made once for all tests that are about writing them."""

import functools

import pytest

from contracts import export

made = functools.cache(export.rendered)
"""Do not change what it returns. That they are the same each time, `test_export` shows."""


@pytest.fixture
def made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever exports writes these."""
    monkeypatch.setattr(export, "rendered", made)
