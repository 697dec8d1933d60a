"""The AsyncAPI document is valid, whole, and says what the code says."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml as pyyaml
from hypothesis import given
from hypothesis import strategies as st

from contracts import caller
from contracts.asyncapi import document, yaml
from contracts.commands import COMMANDS
from contracts.schema_files import event_models
from worker.amqp.topology import Topology

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = document()
OPERATIONS = DOCUMENT["operations"]
QUERIES = {"query", "download", "items", "files", "stored", "check", "audit"}


def look_up(reference: str) -> Any:
    """What a reference inside the document points at."""
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step.replace("~1", "/").replace("~0", "~")]
    return found


def references(value: Any) -> Iterator[str]:
    """All references below."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def payload_validator(payload: dict[str, Any]) -> jsonschema.Draft202012Validator:
    """A validator for one payload, with the document's schemas at hand."""
    return jsonschema.Draft202012Validator(
        {**payload, "components": DOCUMENT["components"]}, format_checker=jsonschema.FormatChecker()
    )


def test_it_satisfies_asyncapis_own_schema() -> None:
    """The schema of AsyncAPI 3.0.0, AMQP bindings 0.3.0 included."""
    schema = json.loads((ROOT / "tests/golden/asyncapi/3.0.0-without-$id.json").read_text())
    validator = jsonschema.Draft7Validator(schema)

    assert [error.message for error in validator.iter_errors(DOCUMENT)] == []


def test_the_schema_would_refuse_a_wrong_binding() -> None:
    """So the test above can fail."""
    schema = json.loads((ROOT / "tests/golden/asyncapi/3.0.0-without-$id.json").read_text())
    wrong = json.loads(json.dumps(DOCUMENT))
    wrong["channels"]["commands"]["bindings"]["amqp"]["exchange"]["type"] = "quorum"

    assert not jsonschema.Draft7Validator(schema).is_valid(wrong)


def test_the_file_is_what_the_code_says_to_any_yaml_reader() -> None:
    """Our own writer, read by another's reader."""
    assert pyyaml.safe_load((ROOT / "contracts/asyncapi.yaml").read_text()) == DOCUMENT


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.sampled_from(["#a", "- b", "yes", "1.0"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
        max_leaves=12,
    )
)
def test_the_writer_is_understood_whatever_it_writes(value: Any) -> None:
    """Block style, plain words only where nobody could mistake them."""
    try:
        pyyaml.safe_load(json.dumps(value, ensure_ascii=False))
    except pyyaml.YAMLError:
        return  # a character that YAML does not have

    assert pyyaml.safe_load(yaml(value)) == value


def test_every_reference_leads_somewhere() -> None:
    """No dangling reference."""
    assert [reference for reference in references(DOCUMENT) if look_up(reference) is None] == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_names_messages_of_its_own_channel(name: str) -> None:
    """References go through the channel, as AsyncAPI 3 asks; into the reply's channel for the reply."""
    operation = OPERATIONS[name]
    for side in (operation, operation.get("reply")):
        if side:
            channel = side["channel"]["$ref"]
            assert side["messages"]
            assert all(message["$ref"].startswith(f"{channel}/messages/") for message in side["messages"])


@pytest.mark.parametrize("name", ["receiveCommand", "receiveQuery"])
def test_the_reply_goes_where_the_command_says(name: str) -> None:
    """By the property reply_to; the channel then has no address of its own."""
    reply = OPERATIONS[name]["reply"]

    assert reply["address"]["location"] == "$message.header#/replyTo"
    assert look_up(reply["channel"]["$ref"])["address"] is None


def test_every_message_of_the_code_is_in_the_document_and_no_other() -> None:
    """Commands in both forms, every event, and the dead letter."""
    names = {message["name"] for message in DOCUMENT["components"]["messages"].values()}
    commands = {str(command) for command in COMMANDS}

    assert names == commands | {f"{command}.plain" for command in commands} | {*event_models()} | {"dead letter"}


def test_the_channels_are_bound_as_the_worker_binds_its_queues() -> None:
    """Two queues; the routing keys of all commands, each on one of them."""
    topology = Topology("fapiao")
    queues = {queue.name: queue for queue in topology.queues}

    for name in ("commands", "queries"):
        channel = DOCUMENT["channels"][name]
        binding = channel["bindings"]["amqp"]
        queue = queues[binding["x-rabbitmq"]["queue"]]
        keys = channel.get("parameters", {}).get("commandType", {}).get("enum", [channel["address"]])
        assert binding["exchange"]["name"] == queue.exchange
        assert tuple(keys) == queue.routing_keys
        assert binding["x-rabbitmq"]["arguments"] == dict(queue.arguments)


@pytest.mark.parametrize(("name", "commands"), [("receiveCommand", {"issue"}), ("receiveQuery", QUERIES)])
def test_a_command_is_answered_with_its_own_events(name: str, commands: set[str]) -> None:
    """And with `command.rejected`, where its type says something else than its routing key."""
    answers = {look_up(look_up(message["$ref"])["$ref"])["name"] for message in OPERATIONS[name]["reply"]["messages"]}

    own = {event for event in event_models() if event.split(".")[1] in commands}
    assert answers == own | {"command.rejected"}


def test_every_event_is_sent_to_the_topic_and_in_the_reply() -> None:
    """The reply is a copy of the truth."""
    channels = DOCUMENT["channels"]

    assert channels["events"]["messages"].keys() == channels["replies"]["messages"].keys()
    assert channels["events"]["parameters"]["eventType"]["enum"] == [*event_models()]


def test_every_message_comes_back_by_its_correlation_id() -> None:
    """But for the dead letter, which answers nobody."""
    for name, message in DOCUMENT["components"]["messages"].items():
        if name != "DeadLetter":
            assert message["correlationId"]["location"] == "$message.header#/correlationId"


@pytest.mark.parametrize("name", [name for name in DOCUMENT["components"]["messages"] if name != "DeadLetter"])
def test_every_example_fits_its_payload(name: str) -> None:
    """One at least for each message."""
    message = DOCUMENT["components"]["messages"][name]
    validator = payload_validator(message["payload"])

    assert message["examples"]
    for example in message["examples"]:
        assert [error.message for error in validator.iter_errors(example["payload"])] == []


@pytest.mark.parametrize("word", ["prefixItems", "unevaluatedProperties", "$dynamicRef", "dependentSchemas", "$defs"])
def test_no_keyword_that_readers_of_asyncapi_may_not_know(word: str) -> None:
    """AsyncAPI's own dialect is a superset of draft 7."""
    assert f'"{word}"' not in json.dumps(DOCUMENT)


CALLERS = caller.document()


def test_the_callers_side_satisfies_asyncapis_own_schema_too() -> None:
    schema = json.loads((ROOT / "tests/golden/asyncapi/3.0.0-without-$id.json").read_text())

    assert [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(CALLERS)] == []


def test_callers_send_what_the_worker_receives_and_receive_what_it_sends() -> None:
    told = {
        name: (operation["action"], operation["channel"]["$ref"]) for name, operation in CALLERS["operations"].items()
    }

    assert told == {
        "publishOrder": ("send", OPERATIONS["receiveCommand"]["channel"]["$ref"]),
        "publishQuery": ("send", OPERATIONS["receiveQuery"]["channel"]["$ref"]),
        "hearEvents": ("receive", OPERATIONS["sendEvent"]["channel"]["$ref"]),
    }
    assert CALLERS["operations"]["publishOrder"]["reply"] == OPERATIONS["receiveCommand"]["reply"]


def test_callers_see_no_queue_of_the_operators_and_every_message_of_theirs() -> None:
    assert CALLERS["channels"].keys() == {"commands", "queries", "events", "replies"}
    assert CALLERS["components"]["messages"].keys() == DOCUMENT["components"]["messages"].keys() - {"DeadLetter"}
    for reference in references(CALLERS):
        found: Any = CALLERS
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
