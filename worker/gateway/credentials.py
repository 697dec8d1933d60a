"""What the gateway is shown: headers, in every handshake and request, and logins by name, from a directory of JSON
files (a mounted Secret). These are read anew each time, so a rotated Secret needs no restart. Guarantees that no name
leads out of the directory and that no message repeats a file's content.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import ValidationError

from contracts.envelope import loads
from contracts.failures import FailureCode
from contracts.members import Login
from contracts.taxpayer import area_word, role_name
from worker.errors import Permanent
from worker.ports import LoginFields
from worker.settings import Settings

AskHeaders = Callable[[], Mapping[str, str]]
"""Names and values as they are now: a token among them may have been rotated."""


def headers_of(settings: Settings) -> AskHeaders:
    """Those of the settings, for ever."""
    headers = {name: value.get_secret_value() for name, value in settings.gateway_headers.items()}
    return lambda: headers


MAX_FILE_BYTES = 16 * 1024
_ATTEMPTS = 2
"""While a mount is being swapped, its links lead nowhere for a moment."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
"""As the contract has it: no separator, no hidden file, nothing that a file system refuses."""


class CredentialDirectory:
    """`FAPIAO_CREDENTIALS_DIR`: a file per login, `<name>` or `<name>.json`, with the members of `login`."""

    def __init__(self, directory: str | None) -> None:
        self._directory = Path(directory) if directory else None

    def load(self, name: str) -> LoginFields:
        """Raises `Permanent(credential_missing)`; the message names the credential and what to do."""
        if self._directory is None:
            raise _missing(name, "FAPIAO_CREDENTIALS_DIR is not set")
        try:
            login = Login.model_validate(loads(self._read(self._directory, name)))
        except ValidationError as fault:
            members = ", ".join(sorted({str(error["loc"][0]) for error in fault.errors() if error["loc"]}))
            raise _missing(name, f"its file is no login; look at: {members or 'its shape'}") from None
        except (ValueError, RecursionError):
            raise _missing(name, "its file is not JSON") from None
        return LoginFields(
            company_code=login.companyCode,
            phone=login.phone,
            password=login.password,
            area=area_word(login.area),
            role=role_name(login.role),
            company_name=login.companyName or None,
        )

    def _read(self, directory: Path, name: str) -> bytes:
        if not _NAME.fullmatch(name):
            raise _missing(name, "it is no name of a file")
        for _ in range(_ATTEMPTS):
            for candidate in (directory / f"{name}.json", directory / name):
                content = _content(directory, candidate, name)
                if content is not None:
                    return content
        raise _missing(name, "there is no such file")


def _content(directory: Path, candidate: Path, name: str) -> bytes | None:
    """What the file holds, None where there is none. A mounted Secret is links within its own directory; one that
    leads elsewhere is refused."""
    try:
        # Resolved each time, and the directory with it: a mount swaps what its links lead to.
        target = candidate.resolve(strict=True)
        if not target.is_relative_to(directory.resolve(strict=True)) or not target.is_file():
            return None
        with target.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return None
    except (OSError, RuntimeError) as fault:  # the latter for links in a circle, before Python 3.13
        raise _missing(name, f"its file cannot be read ({getattr(fault, 'strerror', None) or 'links'})") from fault
    if len(content) > MAX_FILE_BYTES:
        raise _missing(name, f"its file is longer than {MAX_FILE_BYTES} bytes")
    return content


def _missing(name: str, why: str) -> Permanent:
    return Permanent(
        FailureCode.CREDENTIAL_MISSING,
        f"The credential {name!r} cannot be had: {why}. Put a JSON login of that name into FAPIAO_CREDENTIALS_DIR.",
    )
