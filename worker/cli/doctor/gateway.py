"""`doctor` on the gateway, the clock and the credentials.

Asks the gateway plain HTTP questions, never for a WebSocket: a second socket of a `userId` would take the replies of
the first. The answer's `Date` is compared with our clock, for time decides what reconciliation can find.
"""

import asyncio
import json
import os
import ssl
import stat
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from contracts.gateway_query import ITEM_PATH
from contracts.members import Login
from worker.addresses import at
from worker.cli.doctor.diagnosis import Diagnosis, fail, ok, warn
from worker.clock import SystemClock
from worker.errors import ConfigurationError
from worker.gateway.credentials import headers_of
from worker.settings import Settings
from worker.tls import gateway_tls, insecurities

CLOCK_TOLERANCE_SECONDS: Final = 30.0


async def check_gateway(settings: Settings) -> Sequence[Diagnosis]:
    """Whether the gateway answers at all, whether its HTTP look-ups do, and whether our clocks agree."""
    shown = _shown(settings.gateway_url)
    try:
        status, told = await asyncio.to_thread(_ask, settings, _http(settings.gateway_url), "/")
    except ConfigurationError as error:
        return [fail("gateway", str(error), "look at the file that the setting names")]
    except (OSError, HTTPException) as error:
        return [fail("gateway", f"{shown} does not answer ({_reason(error)})", _what_to_look_at(error))]
    if status in {401, 403}:
        return [warn("gateway", f"{shown} answers {status}", "look at FAPIAO_GATEWAY_HEADERS"), _clock(told)]
    return [ok("gateway", f"{shown} answers (HTTP {status})"), await _look_ups(settings), _clock(told)]


def _what_to_look_at(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "look at its certificate's dates and names, this machine's clock, and FAPIAO_GATEWAY_CA_FILE"
    return "look at FAPIAO_GATEWAY_URL, DNS, firewall"


async def _look_ups(settings: Settings) -> Diagnosis:
    """The items of an invoice that nobody has: harmless, and answered where items and files are."""
    base = settings.gateway_http_url or _http(settings.gateway_url)
    shown = f"{_shown(base)}{ITEM_PATH}"
    try:
        status, _ = await asyncio.to_thread(_ask, settings, base, f"{ITEM_PATH}/0")
    except (OSError, HTTPException) as error:
        return fail("look-ups", f"{shown} does not answer ({_reason(error)})", "look at FAPIAO_GATEWAY_HTTP_URL")
    if status in {401, 403}:
        return warn("look-ups", f"{shown} answers {status}", "look at FAPIAO_GATEWAY_HEADERS")
    if status >= HTTPStatus.BAD_REQUEST:
        return warn("look-ups", f"{shown} answers {status}: are items and files there?", "see FAPIAO_GATEWAY_HTTP_URL")
    return ok("look-ups", f"{shown} answers (HTTP {status})")


async def check_tls(settings: Settings) -> Sequence[Diagnosis]:
    """What the settings leave unprotected."""
    return [warn("tls", sentence, "set it for as long as you look for a fault") for sentence in insecurities(settings)]


async def check_credentials(settings: Settings) -> Sequence[Diagnosis]:
    """Whether every file of `FAPIAO_CREDENTIALS_DIR` is a login that only the worker can read."""
    if settings.credentials_dir is None:
        return [ok("credentials", "FAPIAO_CREDENTIALS_DIR is not set: commands bring their login")]
    return check_directory(Path(settings.credentials_dir))


def check_directory(directory: Path) -> list[Diagnosis]:
    """Read each login; values are never shown."""
    try:
        files = sorted(file for file in directory.iterdir() if file.is_file() and not file.name.startswith("."))
    except OSError as error:
        return [
            fail("credentials", f"cannot list {directory} ({error.strerror})", "mount the Secret, or unset the setting")
        ]
    findings = [fault for file in files for fault in _faults(file)]
    return findings or [ok("credentials", f"{len(files)} logins in {directory}")]


def _faults(file: Path) -> list[Diagnosis]:
    try:
        Login.model_validate(json.loads(file.read_bytes()))
    except ValidationError as error:
        members = sorted({str(fault["loc"][0]) for fault in error.errors() if fault["loc"]})
        return [fail("credentials", f"{file.name} is no login: {', '.join(members)}", "see contracts/README.md, login")]
    except (OSError, ValueError) as error:
        return [fail("credentials", f"{file.name} cannot be read as JSON ({type(error).__name__})", "write it again")]
    # A mounted Secret is a link to a file that only the pod sees; its mode says nothing.
    if not file.is_symlink() and stat.S_IMODE(file.stat().st_mode) & stat.S_IRWXO:
        return [warn("credentials", f"everybody may read {file.name}", f"chmod 600 {os.fspath(file)}")]
    return []


def _ask(settings: Settings, base: str, path: str) -> tuple[int, Mapping[str, str]]:
    parts = urlsplit(base)
    host, port, timeout = parts.hostname or "", parts.port, settings.connect_timeout_seconds
    connection = (
        HTTPSConnection(host, port, timeout=timeout, context=gateway_tls(settings).context())
        if parts.scheme == "https"
        else HTTPConnection(host, port, timeout=timeout)
    )
    headers = dict(headers_of(settings)())
    try:
        connection.request("GET", parts.path.rstrip("/") + path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders())
    finally:
        connection.close()


def _clock(told: Mapping[str, str]) -> Diagnosis:
    dates = [value for name, value in told.items() if name.lower() == "date"]
    return check_clock(dates[0] if dates else None, SystemClock().now())


def check_clock(date: str | None, now: datetime) -> Diagnosis:
    """Compare our clock with the `Date` of an HTTP answer (whole seconds)."""
    try:
        theirs = parsedate_to_datetime(date or "").astimezone(UTC)
    except ValueError:
        return ok("clock", "not compared: the gateway tells no time")
    skew = (now - theirs).total_seconds()
    if abs(skew) > CLOCK_TOLERANCE_SECONDS:
        return warn("clock", f"{skew:+.0f} s against the gateway", "synchronise this machine's clock (NTP)")
    return ok("clock", f"within {max(1.0, abs(skew)):.0f} s of the gateway's")


def _http(gateway_url: str) -> str:
    """ws to http, wss to https."""
    return "http" + gateway_url.removeprefix("ws")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _shown(address: str) -> str:
    """Without what may be a secret in it."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{at(parts.hostname or '', parts.port)}{parts.path}"
