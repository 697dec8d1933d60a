"""Models that the usual generators make of the bundle read our messages and write ones that we take."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest

from contracts import example_files
from contracts.commands import CommandType
from contracts.envelope import loads
from contracts.schema_files import component_name
from deploy.provisioning import generators
from tests.generated import languages
from tests.generated.languages import Messages
from tests.unit.intake.messages import RULES, plain
from tests.unit.intake.verdicts import accepted
from worker.intake.admission import admit
from worker.records import CommandState

pytestmark = pytest.mark.xdist_group("generated")

Trip = Callable[[generators.Generators, Path, Messages], Messages]
TRIPS: tuple[Trip, ...] = (languages.typescript, languages.java, languages.go, languages.python)


def messages() -> dict[str, list[str]]:
    """Every example by its type: commands as CloudEvents, events as they are and as a later version may have them."""
    found: dict[str, list[str]] = {}
    for name, message in {**example_files.commands(), **example_files.events()}.items():
        if not name.endswith(".plain"):
            found.setdefault(component_name(message["type"]), []).append(_text(message))
    for event in example_files.events().values():
        code = {"code": "added_later"} if "code" in event["data"] else {}
        later = {**event, "addedlater": "x", "data": {**event["data"], **code, "addedLater": {"a": 1}}}
        found[component_name(event["type"])].append(_text(later))
    return found


def _text(message: dict[str, Any]) -> str:
    return json.dumps(message, ensure_ascii=False)


@pytest.fixture(scope="module")
def tools() -> generators.Generators:
    """The generators and compilers; what is missing is installed, or is an error."""
    return generators.provision(Path(__file__).resolve().parents[2], print)


@pytest.fixture(scope="module")
def models(tools: generators.Generators, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where quicktype has written the models of its languages."""
    out = tmp_path_factory.mktemp("models")
    languages.quicktype(tools, out)
    return out


@pytest.fixture(scope="module", params=TRIPS, ids=lambda trip: trip.__name__)
def written(request: pytest.FixtureRequest, tools: generators.Generators, models: Path) -> Messages:
    """The examples as the models of one language write them."""
    trip: Trip = request.param
    return trip(tools, models, messages())


def pairs(written: Messages, kinds: set[str]) -> Iterator[tuple[str, str]]:
    """Each message of some types, before and after."""
    for kind, given in messages().items():
        if kind in kinds:
            yield from zip(given, written[kind], strict=True)


COMMANDS = {component_name(command) for command in CommandType}
EVENTS = {component_name(event["type"]) for event in example_files.events().values()}


def test_commands_written_by_models_are_admitted_as_the_same(written: Messages) -> None:
    """Whatever the language makes of what is absent: null, "", or nothing."""
    told = list(pairs(written, COMMANDS))
    assert len(told) == len(CommandType) + 2  # and the manual's own
    for before, after in told:
        first, again = (accepted_or_checked(text.encode()) for text in (before, after))
        assert _same(loads(again.data), loads(first.data))
        assert again.fingerprint == first.fingerprint
        assert again.secrets == first.secrets
        assert [event.body for event in again.events] == [event.body for event in first.events]


def accepted_or_checked(body: bytes) -> Any:
    """The command that came of it; a check is over at once."""
    incoming = plain(body, content_type="application/cloudevents+json", message_id=None)
    command = admit(incoming, RULES).command
    assert command is not None
    assert command.state in {CommandState.WAITING, CommandState.COMPLETED}, command.events
    return command if command.state is CommandState.COMPLETED else accepted(incoming)


def test_events_are_read_whole_and_what_a_later_version_adds_breaks_nothing(written: Messages) -> None:
    told = list(pairs(written, EVENTS))
    assert len(told) == 2 * len(example_files.events())
    for before, after in told:
        assert _holds(json.loads(after), json.loads(before)), f"{before}\n{after}"


def _holds(after: Any, before: Any) -> bool:
    """Whether all that we publish is there again; members that the models do not know may be gone, and null too."""
    if isinstance(before, dict):
        known = {name: inner for name, inner in before.items() if inner is not None and not name.startswith("added")}
        return isinstance(after, dict) and all(_holds(after.get(name), inner) for name, inner in known.items())
    if isinstance(before, list):
        return isinstance(after, list) and len(after) == len(before) and all(map(_holds, after, before))
    return bool(_meant(after) == _meant(before))


def _same(one: Any, other: Any) -> bool:
    return _holds(one, other) and _holds(other, one)


def _meant(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    try:
        return Decimal(str(value))
    except InvalidOperation:
        pass
    try:
        return datetime.fromisoformat(str(value)).astimezone(UTC)
    except ValueError:
        return value


def test_quicktype_writes_csharp_as_well(models: Path) -> None:
    """No compiler for it is on Debian: tried by hand, as the guide says."""
    text = (models / "csharp" / "Models.cs").read_text()

    assert [kind for kind in sorted(COMMANDS | EVENTS) if f"public partial class {kind}" not in text] == []


@pytest.mark.parametrize("part", ["CommandWarning", "FieldError", "InvoiceItem", "Login"])
def test_a_part_is_one_type_however_many_messages_have_it(models: Path, part: str) -> None:
    text = (models / "typescript" / "models.ts").read_text()

    assert text.count(f"interface {part} ") == 1
    assert f"interface {part}1 " not in text
    assert f"interface {part}Element " not in text
