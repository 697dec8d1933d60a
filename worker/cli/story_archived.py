"""`archived` told to a person: what is in the vault, what differs, what could not be had. Pure."""

from typing import Any

from worker.cli.story_parts import first_lines
from worker.cli.terminal import said


def archived(data: dict[str, Any]) -> list[str]:
    """`invoice.issue.archived` and `invoice.query.archived`."""
    kept, missing = data.get("files") or [], data.get("missing") or []
    files = said(f"{len(kept)} file{'' if len(kept) == 1 else 's'} in the vault", f"已存入保管库 {len(kept)} 个文件")
    lacking = said(f", {len(missing)} could not be had", f"，{len(missing)} 个未能取得") if missing else ""
    others = [each for each in kept if each.get("differs")]
    return [
        files + lacking,
        *first_lines([*map(_missing, missing), *map(_differs, others), *map(_kept, kept)], _more),
    ]


def _missing(file: dict[str, Any]) -> str:
    return said("missing", "缺少") + f"  {file.get('invoiceNumber')}.{file.get('type')}  {file.get('reason')}"


def _differs(file: dict[str, Any]) -> str:
    members = ", ".join(str(each.get("member")) for each in file["differs"])
    return f"{file.get('vaultKey')}  " + said(f"says another {members} than the list", f"与清单不符：{members}")


def _kept(file: dict[str, Any]) -> str:
    return f"{file.get('type', '')!s:<4} {file.get('vaultKey')}"


def _more(count: int) -> str:
    return said(f"… and {count} more", f"…… 还有 {count} 条")
