"""How refused logins are kept, the same on both stores."""

from datetime import datetime, timedelta

from worker.journal.rows import Row, at, at_or_none
from worker.journal.sealing import Sealer
from worker.records import AccountLogin, RefusedAccount

RENEWED_AT_ONCE = 500
"""Commands that take a new password in one transaction."""
_KEPT = timedelta(days=7)


def id_of(sealer: Sealer, login: AccountLogin) -> str:
    """What names this account with this password: nobody can guess the password from it without the key."""
    return sealer.digest(login.account, login.password, "look-up" if login.is_look_up else "")


def forgotten_before(now: datetime, suspend: timedelta) -> datetime:
    """Refusals older than this are of no use any more: a password that was tried once must not stay for ever."""
    return now - max(_KEPT, 2 * suspend)


def to_refused_account(row: Row) -> RefusedAccount:
    """A row of `account`."""
    return RefusedAccount(
        id=row["id"],
        company_code=row["company_code"],
        user_id=row["user_id"],
        is_look_up=bool(row["is_look_up"]),
        refusals=row["refusals"],
        suspended_until=at_or_none(row["suspended_until"]),
        refused_at=at(row["refused_at"]),
    )


def renewed(sealer: Sealer, row: Row, pointer: str, password: str) -> bytes | None:
    """The command's secrets with this password, sealed; None where that changes nothing, or they cannot be opened."""
    secrets, _ = sealer.opened(row["source"], row["id"], row["secrets"])
    if secrets.get(pointer) in {None, password}:
        return None
    return sealer.seal(row["source"], row["id"], {**secrets, pointer: password})
