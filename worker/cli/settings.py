"""`settings`: every setting with its meaning, default and present value, secrets masked."""

import re
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from worker.cli.terminal import explained, load_settings, say, say_json
from worker.settings import Settings

_PASSWORD = re.compile(r"(://[^:/@\s]*):[^\s,]*@")
MASK = "***"


def settings(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List every setting: FAPIAO_* variables, also from .env and from files in FAPIAO_SECRETS_DIR."""
    with explained():
        entries = describe(load_settings())
    if as_json:
        say_json(entries)
        return
    for entry in entries:
        changed = entry["value"] != entry["default"]
        say(f"{entry['name']}={_text(entry['value'])}", style="good" if changed else "strong")
        say(f"    {entry['meaning']}")
        if changed:
            say(f"    default: {_text(entry['default'])}", style="faint")


def describe(current: Settings) -> list[dict[str, Any]]:
    """Name, meaning, default and value of every setting, in the order of the class."""
    return [
        {
            "name": f"FAPIAO_{name.upper()}",
            "meaning": field.description or "",
            "default": masked(_default(field)),
            "value": masked(getattr(current, name)),
        }
        for name, field in Settings.model_fields.items()
    ]


def masked(value: Any) -> Any:
    """A value that may be shown: the password of an address is masked, any other secret is gone."""
    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        return _PASSWORD.sub(rf"\1:{MASK}@", text) if "://" in text else MASK
    if isinstance(value, dict):
        return {name: masked(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [masked(inner) for inner in value]
    return value


def _default(field: FieldInfo) -> Any:
    return field.get_default(call_default_factory=True)


def _text(value: Any) -> str:
    if value is None or value in ([], {}):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
