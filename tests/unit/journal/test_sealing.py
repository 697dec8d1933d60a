"""Secrets at rest: sealed for one command, opened by any key that is there."""

import base64
import os
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from structlog.testing import capture_logs

from worker.errors import ConfigurationError
from worker.journal.sealing import Sealer, keys_beside, parse_keys

OLD, NEW = b"o" * 32, b"n" * 32
SECRETS = {"/login/password": "pässwörd 密码", "/invoice/sellerLoginPassword": "two"}


def encoded(key: bytes) -> SecretStr:
    return SecretStr(base64.urlsafe_b64encode(key).decode())


@given(st.dictionaries(st.text(), st.text(), min_size=1), st.text(), st.text())
def test_what_is_sealed_opens_again(secrets: dict[str, str], source: str, command_id: str) -> None:
    sealer = Sealer([NEW])
    assert sealer.open(source, command_id, sealer.seal(source, command_id, secrets)) == secrets


def test_no_secrets_need_no_sealing() -> None:
    sealer = Sealer([NEW])
    assert sealer.seal("s", "a", {}) is None
    assert sealer.open("s", "a", None) == {}


def test_nothing_is_to_be_read_in_it_and_no_two_are_alike() -> None:
    sealer = Sealer([NEW])
    first, second = sealer.seal("s", "a", SECRETS), sealer.seal("s", "a", SECRETS)
    assert first is not None
    assert first != second
    for secret in SECRETS.values():
        assert secret.encode() not in first
    assert b"password" not in first


@pytest.mark.parametrize(("source", "command_id"), [("s", "b"), ("t", "a"), ("s\na", "")])
def test_it_opens_for_its_own_command_only(source: str, command_id: str) -> None:
    sealer = Sealer([NEW])
    with pytest.raises(ConfigurationError, match="do not belong"):
        sealer.open(source, command_id, sealer.seal("s", "a", SECRETS))


def test_a_damaged_one_does_not_open() -> None:
    sealer = Sealer([NEW])
    sealed = sealer.seal("s", "a", SECRETS)
    assert sealed is not None
    with pytest.raises(ConfigurationError, match="damaged"):
        sealer.open("s", "a", sealed[:-1] + bytes([sealed[-1] ^ 1]))


def test_the_first_key_seals_and_all_open() -> None:
    before, rotated, after = Sealer([OLD]), Sealer([NEW, OLD]), Sealer([NEW])
    assert rotated.open("s", "a", before.seal("s", "a", SECRETS)) == SECRETS
    assert after.open("s", "a", rotated.seal("s", "a", SECRETS)) == SECRETS
    with pytest.raises(ConfigurationError, match="FAPIAO_JOURNAL_KEYS"):
        after.open("s", "a", before.seal("s", "a", SECRETS))


def test_keys_in_use_that_are_missing_are_told() -> None:
    sealed = Sealer([OLD]).seal("s", "a", SECRETS)
    assert sealed is not None
    Sealer([NEW, OLD]).check([sealed[1:5]])
    with pytest.raises(ConfigurationError, match="old keys"):
        Sealer([NEW]).check([sealed[1:5]])


def test_without_a_key_there_is_no_sealer() -> None:
    with pytest.raises(ConfigurationError, match="FAPIAO_JOURNAL_KEYS"):
        Sealer([])


def test_keys_are_read_and_a_bad_one_is_never_shown() -> None:
    assert parse_keys([encoded(OLD), encoded(NEW)]) == [OLD, NEW]
    for bad in ("not base64 at all!", encoded(b"short").get_secret_value(), "ключ"):
        with pytest.raises(ConfigurationError, match="key 2 of FAPIAO_JOURNAL_KEYS") as caught:
            parse_keys([encoded(OLD), SecretStr(bad)])
        assert bad not in str(caught.value)


class TestKeyFile:
    def test_without_keys_one_is_made_for_its_owner_alone_and_the_log_says_so(self, tmp_path: Path) -> None:
        with capture_logs() as logs:
            (key,) = keys_beside(tmp_path / "j.db", [])
        file = tmp_path / "j.db.key"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert [entry["log_level"] for entry in logs] == ["warning"]
        assert file.read_text().strip() not in str(logs)
        assert keys_beside(tmp_path / "j.db", []) == [key]

    def test_one_that_is_killed_while_it_is_written_is_not_there(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An empty one would keep the worker from starting for ever."""
        with monkeypatch.context() as patched:
            patched.setattr(os, "fdopen", lambda *_: sys.exit())
            with pytest.raises(SystemExit):
                keys_beside(tmp_path / "j.db", [])
        assert not (tmp_path / "j.db.key").exists()

        (key,) = keys_beside(tmp_path / "j.db", [])
        assert keys_beside(tmp_path / "j.db", []) == [key]
        assert [file.name for file in tmp_path.iterdir()] == ["j.db.key"]

    def test_where_the_file_system_has_no_links_it_is_made_all_the_same(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(*_: object) -> None:
            raise PermissionError

        monkeypatch.setattr(os, "link", refused)
        (key,) = keys_beside(tmp_path / "j.db", [])
        assert keys_beside(tmp_path / "j.db", []) == [key]
        assert [file.name for file in tmp_path.iterdir()] == ["j.db.key"]

    def test_configured_keys_seal_and_the_file_still_opens(self, tmp_path: Path) -> None:
        (made,) = keys_beside(tmp_path / "j.db", [])
        assert keys_beside(tmp_path / "j.db", [encoded(NEW)]) == [NEW, made]

    def test_with_keys_none_is_made(self, tmp_path: Path) -> None:
        assert keys_beside(tmp_path / "j.db", [encoded(NEW)]) == [NEW]
        assert list(tmp_path.iterdir()) == []

    def test_a_place_that_cannot_be_written_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="FAPIAO_JOURNAL_KEYS"):
            keys_beside(tmp_path / "missing" / "j.db", [])

    def test_one_that_cannot_be_read_is_told_as_such(self, tmp_path: Path) -> None:
        (tmp_path / "j.db.key").mkdir()
        with pytest.raises(
            ConfigurationError, match=r"cannot read the key file .*j\.db\.key: Is a directory; give it to"
        ):
            keys_beside(tmp_path / "j.db", [])

    @pytest.mark.parametrize("body", [b"", b"\xff", b"no key"])
    def test_one_that_holds_no_key_is_named_and_not_the_setting(self, tmp_path: Path, body: bytes) -> None:
        (tmp_path / "j.db.key").write_bytes(body)
        with pytest.raises(ConfigurationError, match=r"the key file .*j\.db\.key holds no key"):
            keys_beside(tmp_path / "j.db", [])
