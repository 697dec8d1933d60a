"""Secrets at rest: AES-256-GCM, bound to the command they belong to; and the rotation of keys.

Guarantees that what `Sealer.seal` returns tells nothing without a key, and opens for the same command only. A sealed
value names its key, so keys can be rotated: the first encrypts, all decrypt. `reseal_all` works in short transactions,
so that workers go on meanwhile, and answers honestly: `is_complete` only where no secret of another key is left. Knows
nothing of the database: each store hands in its own steps.

Sealed value: one byte 1, four bytes of key id, twelve of nonce, the ciphertext with its tag.
"""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import orjson
import structlog
from pydantic import SecretStr

from worker.errors import ConfigurationError, SecretsUnreadable
from worker.records import FINAL, CommandState, Resealing, SecretsFault

log = structlog.get_logger()

KEY_BYTES = 32
KEY_ID_BYTES = 4
_NONCE_BYTES = 12
_VERSION = b"\x01"
_HEAD = len(_VERSION) + KEY_ID_BYTES


class Sealer:
    """Seals and opens the secrets of commands."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys` are 32 bytes each; the first one seals. Raises `ConfigurationError` without any."""
        # Loaded by who has a key: whoever only looks into the journal has none, and it takes longer than the look.
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        if not keys:
            raise ConfigurationError("FAPIAO_JOURNAL_KEYS is empty: passwords cannot be kept without a key")
        self._unreadable = (InvalidTag, ValueError)
        self._sealing_id = _key_id(keys[0])
        self._digest_key = hashlib.sha256(b"fapiao journal digest key\n" + keys[0]).digest()
        self._ciphers = {_key_id(key): AESGCM(key) for key in reversed(keys)}

    @property
    def key_ids(self) -> frozenset[bytes]:
        """The ids of all keys that can open."""
        return frozenset(self._ciphers)

    @property
    def sealing_id(self) -> bytes:
        """The id of the key that seals."""
        return self._sealing_id

    @property
    def head(self) -> bytes:
        """How everything that this key seals begins."""
        return _VERSION + self._sealing_id

    def seal(self, source: str, command_id: str, secrets: Mapping[str, str]) -> bytes | None:
        """Encrypt a command's secrets; None if it has none."""
        if not secrets:
            return None
        nonce = os.urandom(_NONCE_BYTES)
        clear = orjson.dumps(dict(secrets))
        sealed = self._ciphers[self._sealing_id].encrypt(nonce, clear, _bound_to(source, command_id))
        return self.head + nonce + sealed

    def open(self, source: str, command_id: str, sealed: bytes | None) -> dict[str, str]:
        """Decrypt. Raises `SecretsUnreadable` if the key is not there, or the value was damaged or sealed for another
        command."""
        if sealed is None:
            return {}
        cipher = self._ciphers.get(sealed[len(_VERSION) : _HEAD])
        if cipher is None or sealed[: len(_VERSION)] != _VERSION:
            message = "a command's secrets were sealed with a key that FAPIAO_JOURNAL_KEYS lacks"
            raise SecretsUnreadable(message, is_key_missing=True)
        nonce, body = sealed[_HEAD : _HEAD + _NONCE_BYTES], sealed[_HEAD + _NONCE_BYTES :]
        try:
            clear = cipher.decrypt(nonce, body, _bound_to(source, command_id))
        except self._unreadable as error:
            message = "a command's secrets do not belong to it, or were damaged"
            raise SecretsUnreadable(message, is_key_missing=False) from error
        secrets: dict[str, str] = orjson.loads(clear)
        return secrets

    def opened(self, source: str, command_id: str, sealed: bytes | None) -> tuple[dict[str, str], SecretsFault | None]:
        """As `open`, with the fault as a value: one command that cannot log in is no reason to end a worker."""
        try:
            return self.open(source, command_id, sealed), None
        except SecretsUnreadable as fault:
            # Without the traceback: it happens at each try, and the sentence says it all.
            log.error(  # noqa: TRY400
                "secrets_unreadable", command_id=command_id, command_source=source, reason=str(fault)
            )
            return {}, SecretsFault(str(fault), is_passing=fault.is_key_missing)

    def reseal(self, source: str, command_id: str, sealed: bytes) -> bytes | None:
        """The same secrets, sealed with the first key; None where they cannot be opened, or there are none."""
        return self.seal(source, command_id, self.opened(source, command_id, sealed)[0])

    def digest(self, *parts: str) -> str:
        """A digest in hex that nobody can guess at without the first key. After a rotation it is another one."""
        return hmac.new(self._digest_key, "\0".join(parts).encode(), hashlib.sha256).hexdigest()

    def check(self, key_ids: Sequence[bytes]) -> None:
        """Raises `ConfigurationError` if all of these keys are missing: then it is the setting that is wrong. Where
        some are, this may be a replica that was not given the new key yet: what that key sealed waits."""
        missing = set(key_ids) - self.key_ids
        if not missing:
            return
        message = (
            f"unfinished commands hold secrets sealed with {len(missing)} key(s) that FAPIAO_JOURNAL_KEYS lacks: "
            "put the old keys after the new one until those commands have ended"
        )
        if missing == set(key_ids):
            raise ConfigurationError(message)
        log.error("journal_keys_missing", reason=message)


def parse_keys(texts: Sequence[SecretStr]) -> list[bytes]:
    """Read urlsafe-base64 keys. Raises `ConfigurationError` for one that is not 32 bytes; never shows it."""
    keys = []
    for number, text in enumerate(texts, 1):
        try:
            key = base64.b64decode(text.get_secret_value().encode(), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise ConfigurationError(f"key {number} of FAPIAO_JOURNAL_KEYS is not urlsafe base64") from error
        if len(key) != KEY_BYTES:
            raise ConfigurationError(f"key {number} of FAPIAO_JOURNAL_KEYS has {len(key)} bytes, not {KEY_BYTES}")
        keys.append(key)
    return keys


def keys_beside(database: Path, configured: Sequence[SecretStr]) -> list[bytes]:
    """The keys for an SQLite file: those configured, then the one in `<file>.key`, if it is there.

    With neither, makes that file, readable by its owner only, and says so in the log.
    """
    keys = parse_keys(configured)
    keyfile = database.with_name(database.name + ".key")
    if keyfile.exists():
        keys += _read_keyfile(keyfile)
    elif not keys:
        keys = [_new_keyfile(keyfile)]
    return keys


def _read_keyfile(keyfile: Path) -> list[bytes]:
    try:
        return parse_keys([SecretStr(keyfile.read_text(encoding="ascii").strip())])
    except OSError as error:
        raise ConfigurationError(
            f"cannot read the key file {keyfile}: {error.strerror}; give it to the user that the worker runs as"
        ) from error
    except (UnicodeDecodeError, ConfigurationError) as error:
        raise ConfigurationError(
            f"the key file {keyfile} holds no key: bring it back from a backup, or remove it where the journal is new"
        ) from error


def _new_keyfile(keyfile: Path) -> bytes:
    key = os.urandom(KEY_BYTES)
    unfinished = keyfile.with_name(f"{keyfile.name}.{os.getpid()}")
    try:
        _write(unfinished, key, os.O_TRUNC)
        _name(unfinished, keyfile, key)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write the key file {keyfile}: {error.strerror}; set FAPIAO_JOURNAL_KEYS"
        ) from error
    finally:
        with suppress(OSError):  # also where there is no such folder
            unfinished.unlink()
    log.warning(
        "journal_key_made",
        keyfile=str(keyfile),
        advice="it lies beside the data it protects: set FAPIAO_JOURNAL_KEYS in production, and back it up",
    )
    return key


def _name(unfinished: Path, keyfile: Path, key: bytes) -> None:
    """Whole or not at all, however this process ends, and never over another's."""
    try:
        os.link(unfinished, keyfile)
    except FileExistsError:
        raise
    except OSError:  # the file system has no links
        _write(keyfile, key, os.O_EXCL)


def _write(path: Path, key: bytes, how: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.urlsafe_b64encode(key) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"fapiao journal key id\n" + key).digest()[:KEY_ID_BYTES]


def _bound_to(source: str, command_id: str) -> bytes:
    return f"{source}\n{command_id}".encode()


BATCH: Final = 500
"""Commands in one transaction (count)."""
_PASSES: Final = 5
"""A command that moves from state to state meanwhile may be missed by one pass; one that another worker seals again
with an old key is missed by each."""

RESEALED: Final = (*(state for state in CommandState if state not in FINAL), CommandState.COMPLETED)
"""Ended commands have secrets only where they are completed and their invoice is still sought."""

Step = Callable[[CommandState, int, int], Awaitable[tuple[int, int | None]]]
"""State, key to begin after, limit: how many were sealed anew, and the key to go on after, if any."""


async def reseal_all(sealer: Sealer, step: Step, key_ids: Callable[[], Awaitable[Collection[bytes]]]) -> Resealing:
    """Seal anew until nothing is left that another key sealed, or until that no longer helps."""
    count = 0
    for _ in range(_PASSES):
        for state in RESEALED:
            count += await _reseal_state(step, state)
        if set(await key_ids()) <= {sealer.sealing_id}:
            return Resealing(count, sealer.sealing_id.hex(), is_complete=True)
    return Resealing(count, sealer.sealing_id.hex(), is_complete=False)


async def _reseal_state(step: Step, state: CommandState) -> int:
    count, after = 0, 0
    while True:
        done, last = await step(state, after, BATCH)
        count += done
        if last is None:
            return count
        after = last
