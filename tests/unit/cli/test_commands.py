"""The list of commands, which is written down so that nothing need be imported to show it."""

import pytest

from worker.cli import COMMANDS, load


@pytest.mark.parametrize("name", COMMANDS)
def test_it_says_of_each_command_what_its_own_help_begins_with(name: str) -> None:
    command = load(name)

    begins = (command.help or "").partition("\n\n")[0].replace("\n", " ")
    assert COMMANDS[name].says == begins


@pytest.mark.parametrize(("group", "inner"), [("dead", "list"), ("db", "upgrade"), ("contracts", "export")])
def test_groups_keep_their_commands(group: str, inner: str) -> None:
    assert inner in load(group).commands


@pytest.mark.parametrize("name", COMMANDS)
def test_a_paragraph_of_its_help_is_one_line_for_the_terminal_to_break(name: str) -> None:
    """Where the source's lines were kept, half of them were left ragged on a terminal of 80 columns."""
    command = load(name)
    for each in (command, *getattr(command, "commands", {}).values()):
        assert "\n" not in (each.help or "").replace("\n\n", "")
