"""The order in which a server is looked for, and the sentence when there is none."""

import itertools

import pytest

from deploy.provisioning import CannotProvisionError, choice
from deploy.provisioning.choice import Machine, Way

FACTS = list(itertools.product([True, False], repeat=4))


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: "".join("01"[fact] for fact in facts))
def test_the_first_way_that_is_open_is_taken(facts: tuple[bool, bool, bool, bool]) -> None:
    """Address given, installed, container, Debian's package: in this order, whatever else is there."""
    if not any(facts):
        with pytest.raises(CannotProvisionError):
            choice.choose(Machine(*facts), "RabbitMQ", "FAPIAO_AMQP_URL")
        return
    order = (Way.GIVEN, Way.INSTALLED, Way.CONTAINER, Way.PACKAGE)
    assert choice.choose(Machine(*facts), "RabbitMQ", "FAPIAO_AMQP_URL") is order[facts.index(True)]


def test_without_any_way_one_sentence_says_what_to_do() -> None:
    """It names the server, the setting and the two things to install."""
    with pytest.raises(CannotProvisionError) as caught:
        choice.choose(Machine(False, False, False, False), "RabbitMQ", "FAPIAO_AMQP_URL")
    sentence = str(caught.value)
    assert "RabbitMQ" in sentence
    assert "FAPIAO_AMQP_URL" in sentence
    assert "Docker" in sentence
    assert sentence.count("\n") == 0


def test_a_given_address_is_used_as_it_is_and_never_closed() -> None:
    """A broker of the user's own is neither started nor stopped."""
    said: list[str] = []
    server = choice.obtain_rabbitmq(said.append, {"FAPIAO_AMQP_URL": "amqp://somewhere/"})
    assert server.url() == "amqp://somewhere/"
    server.close()
    assert said == ["RabbitMQ: the address given."]
