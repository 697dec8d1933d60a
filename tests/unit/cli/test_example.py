"""`example`: samples that can be sent as they are."""

import json

import pytest

from contracts.commands import COMMANDS, CommandType
from worker.cli.outgoing import read_command

from .conftest import Run


@pytest.mark.parametrize("type_", CommandType)
def test_each_is_a_good_command_under_an_id_of_its_own(run: Run, type_: CommandType) -> None:
    first, second = (run("example", str(type_)).stdout for _ in range(2))

    order = read_command(first.encode())
    COMMANDS[type_].model_validate(json.loads(first)["data"])
    assert order.type == type_
    assert order.id != read_command(second.encode()).id


def test_bare_data_are_for_programs_that_make_the_envelope_themselves(run: Run) -> None:
    data = json.loads(run("example", "--data").stdout)

    COMMANDS[CommandType.ISSUE].model_validate(data)
    assert data["orderNo"]
