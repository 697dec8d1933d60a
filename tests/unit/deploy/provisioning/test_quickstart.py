"""`deploy/quickstart` around the demo: what it passes on, what it returns, what it leaves behind."""

from pathlib import Path

import pytest

from deploy.provisioning import CannotProvisionError, choice, environment, quickstart


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A provisioned machine whose `fapiao-worker` notes its arguments and its broker."""
    script = tmp_path / "fapiao-worker"
    script.write_text(f'#!/bin/sh\necho "$FAPIAO_AMQP_URL $*" >{tmp_path}/notes\nexit 3\n')
    script.chmod(0o755)
    monkeypatch.setattr(environment, "provision", lambda *_, **__: tmp_path / "python")
    monkeypatch.setattr(choice, "obtain_rabbitmq", lambda _: choice.GivenServer("amqp://given/"))
    return tmp_path / "notes"


def test_options_and_exit_code_are_the_demos(demo: Path) -> None:
    """So the quickstart can be used where the demo can."""
    assert quickstart.main(["--keep", "--timeout", "9"]) == 3
    assert demo.read_text() == "amqp://given/ demo --keep --timeout 9\n"


def test_what_is_missing_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 69, as for an unavailable service."""

    def provision(*_: object, **__: object) -> Path:
        raise CannotProvisionError("No RabbitMQ here: do this.")

    monkeypatch.setattr(environment, "provision", provision)
    assert quickstart.main([]) == 69
    assert capsys.readouterr().out == "deploy/quickstart: No RabbitMQ here: do this.\n"


def test_help_provisions_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """It must be harmless to ask."""
    assert quickstart.main(["--help"]) == 0
    assert "--keep" in capsys.readouterr().out
