"""Where settings come from: the environment, `.env` and the secrets directory; read at the start, and again where a
secret may have been rotated since.

Guarantees that a setting at fault is named, never its value; that a name which is none is told with the nearest that
is one; and that a rotated address or header is in use from the next connection on, as certificates are. Knows nothing
of what the settings mean.
"""

import difflib
import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from pydantic import ValidationError
from pydantic_settings import SettingsError
from typing_extensions import override

from worker import secrecy
from worker.addresses import passwords_in
from worker.errors import ConfigurationError
from worker.settings import Settings
from worker.stamps import Stamp, stamp_of

log = structlog.get_logger()

PREFIX: Final = "FAPIAO_"
SECRETS_DIR: Final = "FAPIAO_SECRETS_DIR"
_BESIDE: Final = frozenset({SECRETS_DIR, "FAPIAO_CRASH_AT", "FAPIAO_CRASH_LOG"})
"""Names that are no setting and mean something."""
_SERVICE_LINK: Final = re.compile(r"_(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$")
"""What Kubernetes puts into every pod of a namespace for a Service whose name begins with `fapiao`."""
_NAMED: Final = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*=", re.MULTILINE)
"""What a line of `.env` names."""
_FIELD: Final = re.compile(r'field "(\w+)"')


def load() -> Settings:
    """The settings, checked. Raises `ConfigurationError` that names each variable at fault, never its value."""
    secrets = os.environ.get(SECRETS_DIR)
    if secrets and not Path(secrets).is_dir():
        raise ConfigurationError(f"{SECRETS_DIR} names {secrets}, which is no directory.")
    try:
        return Settings(_secrets_dir=secrets) if secrets else Settings()
    except ValidationError as error:
        faults = "; ".join(
            "".join(f"{PREFIX}{str(name).upper()}: " for name in fault["loc"][:1])
            + fault["msg"].removeprefix("Value error, ")
            for fault in error.errors()
        )
    except SettingsError as error:  # a value that should be JSON, and is none; or a mounted file
        names, why = _FIELD.findall(str(error)), error.__cause__
        unread = f"cannot be read ({type(why).__name__})" if isinstance(why, OSError | UnicodeDecodeError) else ""
        faults = f"{PREFIX}{names[0].upper()}: {unread or 'must be JSON'}" if names else "one of them cannot be read"
    except (OSError, UnicodeDecodeError) as error:
        faults = f".env or a file of {SECRETS_DIR} cannot be read ({type(error).__name__})"
    raise ConfigurationError(f"The settings cannot be used: {faults}. `fapiao-worker settings` explains.")


@dataclass(frozen=True, slots=True)
class UnknownName:
    """A name that looks like a setting and is none."""

    name: str
    place: str
    """Where it stands: the environment, .env, or the secrets directory."""
    nearest: str | None
    """The setting that was perhaps meant."""

    @override
    def __str__(self) -> str:
        meant = f"; perhaps {self.nearest} was meant" if self.nearest else ""
        return f"{self.name} ({self.place}) is no setting, and is ignored{meant}"


def unknown_names() -> list[UnknownName]:
    """Every such name. What Kubernetes itself puts into the environment is none."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | _BESIDE
    found = []
    for name, place in _names():
        if name.upper() in known or _SERVICE_LINK.search(name.upper()):
            continue
        near = difflib.get_close_matches(name.upper().replace("-", "_"), known, 1, 0.8)
        found.append(UnknownName(name, place, near[0] if near else None))
    return found


def _names() -> Iterator[tuple[str, str]]:
    """Names that begin with the prefix, in whatever case, and where."""
    places: dict[str, Iterable[str]] = {"environment": os.environ}
    try:
        if (file := Path(".env")).is_file():
            places[".env"] = _NAMED.findall(file.read_text(encoding="utf-8"))
        if secrets := os.environ.get(SECRETS_DIR):
            places[SECRETS_DIR] = [path.name for path in Path(secrets).iterdir()]
    except (OSError, UnicodeDecodeError):
        pass  # told by `load`
    for place, names in places.items():
        for name in sorted(names):
            if name.upper().replace("-", "_").startswith(PREFIX):
                yield name, place


class MountedSettings:
    """The settings that may be rotated under a running worker, as they are now: addresses of broker and database with
    their passwords, and what the gateway is shown beside a login. Asked whenever a connection is opened."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._told: str | None = None
        self._seen: Seen | None = None

    def brokers(self) -> list[str]:
        """In the order given."""
        return self._now().amqp_urls

    def database(self) -> str:
        """With its password."""
        return self._now().database_url.get_secret_value()

    def gateway_headers(self) -> dict[str, str]:
        """For each handshake and request."""
        return {name: value.get_secret_value() for name, value in self._now().gateway_headers.items()}

    def _now(self) -> Settings:
        """What cannot be read, not be used, or is set no more leaves the earlier ones in use: no default is meant."""
        secrets = os.environ.get(SECRETS_DIR)
        if secrets is None:
            return self._settings  # the environment of a process does not change
        seen = _look_at(Path(secrets))
        if seen is not None and seen == self._seen:
            return self._settings
        try:
            fresh = load()
        except ConfigurationError as fault:
            if str(fault) != self._told:
                log.warning("settings_unusable", reason=str(fault), advice="connections go on with the earlier ones")
            self._told = str(fault)
            return self._settings
        self._seen = seen
        if gone := [name for name in _ROTATED if name in self._settings.model_fields_set - fresh.model_fields_set]:
            told = [f"{PREFIX}{name.upper()}" for name in gone]
            log.warning("settings_gone", settings=told, advice="connections go on with the earlier ones")
        names = [
            name for name in _ROTATED if name not in gone and getattr(fresh, name) != getattr(self._settings, name)
        ]
        if names:
            self._settings = self._settings.model_copy(update={name: getattr(fresh, name) for name in names})
            secrecy.guard(self, _secrets_of(self._settings))
            log.info("settings_read_anew", settings=[f"{PREFIX}{name.upper()}" for name in names])
        return self._settings


_ROTATED: Final = ("amqp_url", "database_url", "gateway_headers")
_SETTLED_NS: Final = 1_000_000_000
Seen = dict[str, Stamp | None]


def _look_at(folder: Path) -> Seen | None:
    """The stamps of the folder's files. None where they cannot be seen, or one was written so lately that it may be
    again within its time stamp."""
    try:
        found = {path.name: stamp_of(path) for path in folder.iterdir()}
    except OSError:
        return None
    now = time.time_ns()
    is_settled = all(stamp is not None and now - stamp.written_ns >= _SETTLED_NS for stamp in found.values())
    return found if is_settled else None


def _secrets_of(settings: Settings) -> list[str]:
    urls = [*settings.amqp_urls, settings.database_url.get_secret_value()]
    headers = [value.get_secret_value() for value in settings.gateway_headers.values()]
    return [secret for url in urls for secret in passwords_in(url)] + headers
