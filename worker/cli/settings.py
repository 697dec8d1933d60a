"""`settings`: every setting with its meaning, default and present value, secrets masked."""

import json
import re
from datetime import timedelta
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from worker.cli.terminal import explained, load_settings, say, say_json
from worker.durations import UNIT_SECONDS
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
    """A value that may be shown, as JSON: the password of an address is masked, any other secret is gone. A schedule is
    one text, as it is written in the environment."""
    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        return _PASSWORD.sub(rf"\1:{MASK}@", text) if "://" in text else MASK
    if isinstance(value, dict):
        return {name: masked(inner) for name, inner in value.items()}
    if isinstance(value, tuple) and all(isinstance(delay, timedelta) for delay in value):
        return ",".join(map(_delay, value))
    if isinstance(value, list | tuple):
        return [masked(inner) for inner in value]
    return sorted(value) if isinstance(value, frozenset) else value


def _default(field: FieldInfo) -> Any:
    return field.get_default(call_default_factory=True)


def _delay(delay: timedelta) -> str:
    """In the largest unit that it is whole in: 2m, not 120s."""
    seconds = delay.total_seconds()
    for unit, length in sorted(UNIT_SECONDS.items(), key=lambda entry: -entry[1]):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"


def _text(value: Any) -> str:
    """The value as it is written in the environment: lists of texts by commas, other lists and objects as JSON."""
    if value is None or value in ([], {}):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) and all(isinstance(inner, str) for inner in value):
        return ",".join(value)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return f"{value:g}" if isinstance(value, float) else str(value)
