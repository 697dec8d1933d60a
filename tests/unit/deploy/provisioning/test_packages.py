"""Debian packages: announced, without starting a service, and only where that is possible."""

import os
from pathlib import Path

import pytest

from deploy.provisioning import CannotProvisionError, packages


def _fake_apt(folder: Path, body: str) -> Path:
    """An apt-get on the path that notes what it was asked, and under which policy."""
    notes = folder / "notes"
    script = folder / "apt-get"
    script.write_text(f'#!/bin/sh\necho "$@" >>{notes}\ncat {folder}/policy >>{notes} 2>/dev/null\n{body}\n')
    script.chmod(0o755)
    return notes


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose apt-get and policy lie in a folder of the test's own."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(packages, "POLICY", tmp_path / "policy")
    return tmp_path


def test_it_says_what_it_installs_and_no_service_may_start_meanwhile(machine: Path) -> None:
    """Debian's scripts ask the policy, which says no; afterwards it is gone again."""
    notes = _fake_apt(machine, "")
    said: list[str] = []
    packages.install(["rabbitmq-server"], "rabbitmq-server", said.append)
    assert (
        said[0]
        == "Installing Debian's package rabbitmq-server with apt-get (its service rabbitmq-server is not started)."
    )
    asked = notes.read_text().splitlines()
    assert asked[0] == "update -q"
    assert "install -q -y --no-install-recommends rabbitmq-server" in asked
    assert asked.count("exit 101") == 2
    assert not (machine / "policy").exists()


def test_a_policy_that_is_there_already_stays_as_it_is(machine: Path) -> None:
    """It belongs to the machine's owner."""
    _fake_apt(machine, "")
    (machine / "policy").write_text("theirs\n")
    packages.install(["postgresql"], "postgresql", lambda _: None)
    assert (machine / "policy").read_text() == "theirs\n"


def test_a_failure_is_one_sentence_with_the_last_words_of_apt(machine: Path) -> None:
    """And the policy is removed all the same."""
    _fake_apt(machine, 'case "$1" in install) echo "E: Unable to locate package" >&2; exit 100;; esac')
    with pytest.raises(CannotProvisionError, match="apt-get could not install postgresql: E: Unable to locate package"):
        packages.install(["postgresql"], "postgresql", lambda _: None)
    assert not (machine / "policy").exists()


@pytest.mark.parametrize(("user", "has_apt", "can"), [(0, True, True), (0, False, False), (1000, True, False)])
def test_only_root_on_a_machine_with_apt_may_install(
    machine: Path, monkeypatch: pytest.MonkeyPatch, user: int, has_apt: bool, can: bool
) -> None:
    """Nobody is asked for a password."""
    if has_apt:
        _fake_apt(machine, "")
    monkeypatch.setenv("PATH", str(machine))
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert packages.can_install() is can
