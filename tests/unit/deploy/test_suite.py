"""The words of `tests/run`, and what it says where there is no Docker engine."""

import os
from pathlib import Path

import pytest

from deploy.provisioning import CannotProvisionError
from tests import suite


@pytest.mark.parametrize(
    ("words", "split"),
    [
        ("", ([], [], False)),
        ("unit checks", (["unit", "checks"], [], False)),
        ("integration -- -k restart -x", (["integration"], ["-k", "restart", "-x"], False)),
        ("fast -- -x", (["fast"], ["-x"], False)),
        ("--docker", ([], [], True)),
        ("--docker integration scenarios -- -x", (["integration", "scenarios"], ["-x"], True)),
    ],
)
def test_parts_come_before_words_for_pytest(words: str, split: tuple[list[str], list[str], bool]) -> None:
    """`--docker` stands first; what follows `--` is not looked at."""
    assert suite.split(words.split()) == split


def test_docker_without_an_engine_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is skipped and nothing runs: the run ends there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("TEST_DOCKER", raising=False)
    with pytest.raises(CannotProvisionError, match="--docker needs a Docker engine"):
        suite.check_docker([], docker=True)
    assert "TEST_DOCKER" not in os.environ


def test_leaving_the_image_tests_out_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """A run of everything names what it is not; asking for the part without an engine is an error."""
    suite.check_docker([], docker=False)
    assert "tests/images is left out" in capsys.readouterr().out
    with pytest.raises(CannotProvisionError, match="tests/run --docker images"):
        suite.check_docker(["images/test_compose.py"], docker=False)
    suite.check_docker(["unit"], docker=False)
    assert capsys.readouterr().out == ""
