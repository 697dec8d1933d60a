"""A gateway that does not answer is probed by few, and seldom."""

import pytest

from worker.lanes.breaker import OPENS_AFTER, SEVERAL, GatewayBreaker


def closed(*, failures: int = OPENS_AFTER, chance: float = 1.0) -> GatewayBreaker:
    gate = GatewayBreaker(probes=2)
    for _ in range(failures):
        gate.failed("u", 0.0, chance, concerns_all=True)
    return gate


def test_open_gate_lets_all_through() -> None:
    assert GatewayBreaker(probes=2).may_begin(64, 0.0) == 64


def test_single_failures_do_not_close_it() -> None:
    gate = GatewayBreaker(probes=2)
    for _ in range(10):
        gate.failed("u", 0.0, 1.0, concerns_all=True)
        gate.failed("v", 0.0, 1.0, concerns_all=True)
        gate.succeeded()

    assert gate.is_open
    assert gate.may_begin(64, 0.0) == 64
    assert gate.seconds_closed(0.0) == 0


def test_row_of_failures_closes_it_for_a_while() -> None:
    gate = closed()

    assert not gate.is_open
    assert gate.may_begin(64, 0.0) == 0
    assert gate.seconds_closed(0.0) == 0.5
    assert gate.may_begin(64, 0.5) == 2
    assert gate.may_begin(1, 0.5) == 1


@pytest.mark.parametrize(
    ("failures", "chance", "seconds"),
    [(3, 1.0, 0.5), (3, 0.0, 0.25), (4, 1.0, 1.0), (5, 1.0, 2.0), (8, 1.0, 15.0), (10_000, 1.0, 15.0), (8, 0.0, 7.5)],
)
def test_pause_doubles_up_to_the_longest_with_jitter(failures: int, chance: float, seconds: float) -> None:
    assert closed(failures=failures, chance=chance).seconds_closed(0.0) == seconds


def test_probes_that_were_let_through_have_time_to_fail() -> None:
    """Or all lanes would get through two by two, while the first still wait for their handshake."""
    gate = closed()

    gate.probed(0.5)

    assert gate.may_begin(64, 0.5) == 0
    assert gate.may_begin(64, 1.0) == 2


def test_probes_of_an_open_gate_close_nothing() -> None:
    gate = GatewayBreaker(probes=2)

    gate.probed(0.0)

    assert gate.may_begin(64, 0.0) == 64


def test_first_success_opens_it_for_all() -> None:
    gate = closed(failures=50)

    gate.succeeded()

    assert gate.is_open
    assert gate.may_begin(64, 0.0) == 64


# ---- what may be some users' own trouble ---------------------------------------------------------------


def meets(gate: GatewayBreaker, *users: str, at: float = 0.0) -> GatewayBreaker:
    for user in users:
        gate.failed(user, at, 1.0, concerns_all=False)
    return gate


def test_one_user_whose_handshakes_are_dropped_closes_it_for_nobody() -> None:
    gate = meets(GatewayBreaker(probes=2), *["bad"] * 1000)

    assert gate.is_open
    assert gate.may_begin(64, 0.0) == 64


def test_several_users_that_meet_the_same_close_it() -> None:
    gate = meets(GatewayBreaker(probes=2), *map(str, range(SEVERAL)))

    assert not gate.is_open
    assert gate.may_begin(64, 0.0) == 0


def test_few_users_in_trouble_close_nothing_while_others_connect() -> None:
    gate = GatewayBreaker(probes=2)
    for _ in range(100):
        meets(gate, *map(str, range(SEVERAL - 1)))
        assert gate.is_open
        gate.succeeded()


def test_where_it_may_be_some_users_own_trouble_the_others_wait_two_seconds_at_most() -> None:
    gate = meets(GatewayBreaker(probes=2), *(str(number % 50) for number in range(10_000)))

    assert 0 < gate.seconds_closed(0.0) <= 2
    assert gate.may_begin(64, 2.0) == 2
