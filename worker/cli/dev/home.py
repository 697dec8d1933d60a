"""The folder `.fapiao`: what `dev` keeps from one day to the next, and who runs on it.

Guarantees: one `dev` at a time per folder, for as long as anything that it started still runs; nobody but its owner
reads it; git ignores it. Other commands that are called in the same folder find the running `dev` by it.
"""

import base64
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from worker.cli.terminal import Stop
from worker.settings import Settings

FOLDER: Final = ".fapiao"
_ENDING_SECONDS: Final = 20.0
"""How long what a killed `dev` started may take to end: the broker stops in good order."""


class Home:
    """The folder of one `dev`."""

    def __init__(self, place: Path) -> None:
        self.directory = place.absolute() / FOLDER
        self._lock = -1

    @property
    def database(self) -> Path:
        """The journal's file."""
        return self.directory / "fapiao.db"

    @property
    def clock(self) -> Path:
        """Where the sandbox keeps how far ahead its clock is, and the worker reads it."""
        return self.directory / "clock.json"

    @property
    def held(self) -> tuple[int, ...]:
        """The lock's file descriptor while it is held, for guards to inherit."""
        return () if self._lock < 0 else (self._lock,)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder while inside. Raises `Stop` where a `dev` runs."""
        try:
            self.directory.mkdir(mode=0o700, exist_ok=True)
            (self.directory / ".gitignore").write_text("*\n")
            self._lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Stop(f"Cannot write to {self.directory} ({error.strerror}): go to a folder of your own.") from None
        try:
            self._take_lock()
            yield
        finally:
            os.close(self._lock)
            self._lock = -1

    def _take_lock(self) -> None:
        deadline = time.monotonic() + _ENDING_SECONDS
        while not _lock(self._lock):
            note = self._read_note()
            if _runs(note.get("pid")):
                raise Stop(
                    f"It runs here already (process {note['pid']}): broker {note.get('broker')}, sandbox "
                    f"{note.get('sandbox')}, worker {note.get('worker')}. Use that, end it, or take another folder."
                )
            if time.monotonic() > deadline:
                raise Stop(f"Something of an earlier `dev` still runs on {self.directory}: end it first.")
            time.sleep(0.2)

    def tell(self, note: dict[str, Any]) -> None:
        """Write down who runs here and where its parts are."""
        file = self.directory / "dev.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps({"pid": os.getpid(), **note}, indent=1))

    def untell(self) -> None:
        """Nobody runs here any more; what was declared on whose broker stays known."""
        self.tell({**self._read_note(), "pid": None})

    def last_broker(self) -> tuple[str, str] | None:
        """Broker (without a password) and prefix of the `dev` before."""
        note = self._read_note()
        return (str(note["broker"]), str(note["prefix"])) if {"broker", "prefix"} <= note.keys() else None

    def running(self) -> dict[str, Any] | None:
        """The note of the `dev` that runs on this folder now; without a `pid` while it starts or ends."""
        try:
            lock = os.open(self.directory / "lock", os.O_RDWR)
        except OSError:
            return None
        try:
            return None if _lock(lock) else self._read_note()
        finally:
            os.close(lock)

    def journal_key(self) -> str:
        """The key that seals passwords in this folder's journal, made once."""
        file = self.directory / "journal.key"
        with suppress(FileExistsError):
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as made:
                made.write(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
        return file.read_text().strip()

    def _read_note(self) -> dict[str, Any]:
        try:
            note = json.loads((self.directory / "dev.json").read_text())
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}


def beside(settings: Settings) -> dict[str, SecretStr | str | None] | None:
    """What points a command at the `dev` that runs in this folder; None where none does, or where the settings name
    another database, prefix or broker."""
    if settings.model_fields_set & {"database_url", "prefix"}:
        return None
    home = Home(Path.cwd())
    note = home.running()
    if note is None:
        return None
    if not note.get("pid"):
        raise Stop(
            "A `fapiao-worker dev` is just starting, or ending, in this folder: wait until it says how to go on."
        )
    found: dict[str, SecretStr | str | None] = {"database_url": SecretStr(note["database"]), "prefix": note["prefix"]}
    if "sandbox" in note:
        found |= {"gateway_url": "ws" + note["sandbox"].removeprefix("http"), "gateway_http_url": None}
    if "vault_url" not in settings.model_fields_set and "vault" in note:
        found["vault_url"] = note["vault"]
    if "amqp_url" not in settings.model_fields_set and "amqpUrl" in note:
        return {**found, "amqp_url": SecretStr(note["amqpUrl"])}
    from worker.amqp.connections import Address

    return found if Address(settings.amqp_urls[0]).label == note["broker"] else None


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _runs(pid: Any) -> bool:
    if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
