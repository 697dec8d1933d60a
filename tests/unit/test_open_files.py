"""The limit of open files is raised, and lanes are as many as fit."""

import resource
from collections.abc import Callable

import pytest

from worker.service import ENOUGH, RESERVE, make_room
from worker.settings import Settings

Set = Callable[[int, int], list[tuple[int, int]]]


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Set:
    """A kernel with these limits; what is set is noted."""

    def use(soft: int, hard: int) -> list[tuple[int, int]]:
        done: list[tuple[int, int]] = []
        monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
        monkeypatch.setattr(resource, "setrlimit", lambda _, pair: done.append(pair))
        return done

    return use


def settings(max_lanes: int) -> Settings:
    return Settings(_env_file=None, max_lanes=max_lanes, database_pool_size=8, http_concurrency=8)


def test_a_soft_limit_is_raised_as_far_as_is_of_use(limits: Set) -> None:
    done = limits(1024, 1_048_576)
    assert make_room(settings(1000)).max_lanes == 1000
    assert done == [(ENOUGH, 1_048_576)]

    done = limits(1024, resource.RLIM_INFINITY)
    assert make_room(settings(100_000)).max_lanes == 100_000
    assert done == [(100_000 + RESERVE + 16, resource.RLIM_INFINITY)]


def test_a_limit_that_is_high_enough_stays(limits: Set) -> None:
    done = limits(1_048_576, 1_048_576)
    assert make_room(settings(1000)).max_lanes == 1000
    assert done == []


@pytest.mark.parametrize(("hard", "lanes"), [(1024, 1024 - RESERVE - 16), (10, 1)])
def test_where_the_hard_limit_is_low_there_are_fewer_lanes(
    limits: Set, hard: int, lanes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    limits(min(hard, 256), hard)
    assert make_room(settings(1000)).max_lanes == lanes
    assert "lanes_limited" in "".join(capsys.readouterr())
