"""Where in the vault a file is: `<seller>/<yyyy>/<mm>/<number>.<type>`. Pure.

Guarantees that the same file of the same invoice always has the same key, and that no key leads out of its folder.
"""

import re
from datetime import datetime, timedelta, timezone
from typing import Final
from urllib.parse import quote

from worker.records import DueFile

_BEIJING: Final = timezone(timedelta(hours=8))
_PLAIN_TYPE: Final = re.compile(r"[a-z0-9]{1,10}")


def key_of(file: DueFile) -> str:
    """The month is Beijing's, as on the invoice. What no file's name should hold is percent-encoded."""
    day: datetime = file.invoice_date.astimezone(_BEIJING)
    kind = file.type if _PLAIN_TYPE.fullmatch(file.type) else "bin"
    return f"{_part(file.seller_id)}/{day:%Y}/{day:%m}/{_part(file.number)}.{kind}"


def _part(text: str) -> str:
    """`quote` leaves dots as they are; a part of dots alone would be another folder."""
    quoted = quote(text, safe="")
    return quoted.replace(".", "%2E") if not quoted.strip(".") else quoted
