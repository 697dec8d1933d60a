"""Programs for tests: the installed one, else Debian's, else a sentence that says what to do."""

from pathlib import Path

import pytest

from deploy.provisioning import CannotProvisionError, packages, tools


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all there is of the search path."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(packages, "POLICY", tmp_path / "policy")
    monkeypatch.setattr(tools, "SERVERS", str(tmp_path / "sbin"))
    return tmp_path


def _program(path: Path, text: str = "") -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_the_installed_one_is_taken(path: Path) -> None:
    _program(path / "promtool")
    said: list[str] = []

    assert tools.promtool(said.append) == str(path / "promtool")
    assert said == []


def test_else_debians_is_installed_and_its_server_stays_stopped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "can_install", lambda: True)
    installs = f'case "$*" in *prometheus*) : >{path}/promtool; /bin/chmod +x {path}/promtool;; esac'
    _program(path / "apt-get", installs)
    said: list[str] = []

    assert tools.promtool(said.append) == str(path / "promtool")
    assert said[0] == "Installing Debian's package prometheus with apt-get (its service prometheus is not started)."


def test_else_one_sentence_says_what_to_do(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "can_install", lambda: False)

    with pytest.raises(CannotProvisionError, match="install Prometheus"):
        tools.promtool(lambda _: None)


def test_a_server_that_is_not_on_the_search_path_is_found_where_debian_keeps_servers(path: Path) -> None:
    (path / "sbin").mkdir()
    _program(path / "sbin" / "pgbouncer")

    assert tools.pgbouncer(print) == str(path / "sbin" / "pgbouncer")


def test_a_pooler_that_cannot_be_had_is_one_sentence(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "can_install", lambda: False)

    with pytest.raises(CannotProvisionError, match="pgbouncer is missing: install PgBouncer"):
        tools.pgbouncer(print)


def test_a_language_that_is_all_there_installs_nothing(path: Path) -> None:
    _program(path / "go")
    said: list[str] = []

    tools.toolchain(tools.Toolchain("Go", ("go",), (path / "go",), ("golang-go",)), said.append)
    assert said == []


def test_a_language_that_lacks_a_library_gets_debians_packages(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "can_install", lambda: True)
    _program(path / "php")
    _program(path / "apt-get", f'case "$*" in *install*php-amqplib*) : >{path}/autoload.php;; esac')
    said: list[str] = []

    tools.toolchain(tools.Toolchain("PHP", ("php",), (path / "autoload.php",), ("php-amqplib",)), said.append)
    assert said == ["Installing Debian's package php-amqplib with apt-get."]


def test_a_language_that_cannot_be_had_is_one_sentence(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "can_install", lambda: False)

    with pytest.raises(CannotProvisionError, match="tools for Java are missing: install Debian's packages default-jdk"):
        tools.toolchain(tools.JAVA, print)
