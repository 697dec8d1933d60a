"""`sandbox`: the stand-in for the vendor's gateway, with every option it has.

Guarantees that there is one list of options: the fields of `SandboxOptions`, each with its words there.
"""

import inspect
from dataclasses import Field, fields
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final, get_type_hints

import typer

from worker.cli.serve import on_uvloop
from worker.cli.terminal import USAGE, Stop, explained, note
from worker.sandbox.house import SandboxOptions

_PORT: Final = 8090
_HIGHEST_PORT: Final = 65_535
"""Of a higher one the system takes the rest without a word."""
_SHORTER: Final = {"auto_scan_seconds": "auto-scan", "ledger_path": "ledger", "clock_path": "clock"}
_SWITCHES: Final = {
    "naive_unregister": "--naive-unregister/--careful-unregister",
    "notice_per_page": "--notice-per-page/--notice-at-end",
}


class Qr(StrEnum):
    """When the sandbox asks for a face scan."""

    ALWAYS = "always"
    AUTO = "auto"
    NEVER = "never"


def sandbox(**given: Any) -> None:
    """Run a stand-in for the vendor's gateway, with a page at /. Nothing issued there is a tax invoice."""
    with explained():
        try:
            from worker.sandbox.server import ready_line
            from worker.sandbox.server import run as run_sandbox
        except ModuleNotFoundError as error:
            raise Stop(f"The sandbox needs {error.name}: pip install 'fapiao-worker[sandbox]'.") from None

        def announce(running: Any) -> None:
            print(ready_line(running), flush=True)
            note(f"The sandbox listens: {running.http_url}/  FAPIAO_GATEWAY_URL={running.url}")

        options = SandboxOptions(**{**given, "qr": given["qr"].value})
        try:
            on_uvloop(run_sandbox(options, announce))
        except ValueError as error:
            raise Stop(f"{error}.", USAGE) from None
        except OSError as error:
            if error.filename is not None:
                raise Stop(f"Cannot open {error.filename} ({error.strerror}).", USAGE) from None
            place = f"{options.host}:{options.port}"
            raise Stop(f"Cannot listen on {place} ({error.strerror}): choose another --port.", USAGE) from None


def _parameter(option: Field[Any], kind: Any) -> inspect.Parameter:
    """One field as typer reads it from a signature."""
    flag = _SWITCHES.get(option.name) or f"--{_SHORTER.get(option.name, option.name).replace('_', '-')}"
    words: dict[str, Any] = {"help": option.metadata["help"], "metavar": option.metadata.get("metavar")}
    default: Any = option.default
    if option.name == "port":
        default, words["max"] = _PORT, _HIGHEST_PORT
    if option.name == "qr":
        kind, default = Qr, Qr(default)
    elif kind is date:
        words["parser"] = date.fromisoformat
        default = default.isoformat()
    elif "least" in option.metadata:
        words["min"] = option.metadata["least"]
    # Apart, for in 80 columns the longest names would be cut in the table of all.
    if option.name in _SWITCHES:
        words["rich_help_panel"] = "Habits"
    elif option.name.endswith("_delay_seconds"):
        words["rich_help_panel"] = "Slowness"
    told = typer.Option(flag, **words)
    return inspect.Parameter(
        option.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, told]
    )


def _take_options() -> None:
    """Give the command its signature: typer knows no other way to be told of options."""
    kinds = get_type_hints(SandboxOptions)
    parameters = [_parameter(option, kinds[option.name]) for option in fields(SandboxOptions)]
    sandbox.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    sandbox.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}


_take_options()
