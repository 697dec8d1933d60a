"""Secrets of a Compose project: made once, shared by those who need them, never half of a pair."""

from pathlib import Path

import pytest

from deploy import compose_secrets
from worker.settings import Settings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The three folders, empty."""
    for name in ("broker", "database", "worker"):
        (tmp_path / name).mkdir()
    return tmp_path


def _contents(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.glob("*/*")}


def test_what_it_makes_fits_together_and_is_what_the_worker_reads(root: Path) -> None:
    """The worker's settings come from its folder as they are; broker and database know the same passwords."""
    assert compose_secrets.main(root) == 0
    settings = Settings(_secrets_dir=root / "worker", _env_file=None)
    password = (root / "database" / "password").read_text()
    assert settings.database_url.get_secret_value() == f"postgresql://fapiao:{password}@postgres:5432/fapiao"
    configured = dict(line.split(" = ") for line in (root / "broker" / "rabbitmq.conf").read_text().splitlines())
    assert settings.amqp_urls == [f"amqp://fapiao:{configured['default_pass']}@rabbitmq:5672/"]
    assert len(settings.journal_keys) == 1
    assert password != configured["default_pass"]


def test_it_leaves_what_is_there(root: Path) -> None:
    """A second start, and files of the operator's own."""
    (root / "worker" / "fapiao_journal_keys").write_text("mine")
    assert compose_secrets.main(root) == 0
    before = _contents(root)
    assert before["worker/fapiao_journal_keys"] == "mine"
    assert compose_secrets.main(root) == 0
    assert _contents(root) == before


def test_half_of_a_pair_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A new password on one side alone would lock the worker out."""
    (root / "database" / "password").write_text("mine")
    assert compose_secrets.main(root) == 1
    assert "worker/fapiao_database_url must be given too" in capsys.readouterr().out
    assert not (root / "worker" / "fapiao_database_url").exists()
