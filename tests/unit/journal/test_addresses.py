"""Which store an address names."""

import pytest

from worker.errors import ConfigurationError
from worker.journal import sqlite_path


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///fapiao.db", "fapiao.db"),
        ("sqlite:////var/lib/fapiao.db", "/var/lib/fapiao.db"),
        ("sqlite:///with%20space.db", "with space.db"),
    ],
)
def test_three_slashes_are_relative_and_four_absolute(url: str, path: str) -> None:
    assert sqlite_path(url) == path


@pytest.mark.parametrize("url", ["sqlite://fapiao.db", "sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_what_names_no_file_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="sqlite:///"):
        sqlite_path(url)
