"""Answers to HTTP look-ups that are packed, although nobody asked for it: over real sockets."""

import gzip

import pytest

from tests.conformance.gateway_peer import details_of
from tests.conformance.http_peer import answer, http_peer
from worker.errors import Permanent, Transient
from worker.gateway.rest import MAX_BODY_BYTES

ID = "1778381047770263553"


def gzipped(body: bytes, times: int = 1) -> bytes:
    for _ in range(times):
        body = gzip.compress(body)
    encoding = ", ".join(["gzip"] * times)
    return answer(200, body, f"Content-Encoding: {encoding}")


@pytest.mark.parametrize(("times", "fault", "says"), [(1, Permanent, "longer than"), (3, Transient, "not asked for")])
async def test_an_answer_that_is_packed_is_not_unpacked_beyond_its_bound(
    times: int, fault: type[Exception], says: str
) -> None:
    """Packed three times, a gigabyte has a few hundred bytes."""
    bomb = gzipped(b" " * (MAX_BODY_BYTES + 1), times)
    async with http_peer(bomb) as (url, _), details_of(url, http_attempts=1) as details:
        with pytest.raises(fault, match=says):
            await details.items(ID)


async def test_an_answer_that_is_packed_although_nobody_asked_for_it_is_read() -> None:
    body = b'{"code":0,"data":[{"invoiceBasicInfoId":1778381047770263553,"quantity":1}]}'
    async with http_peer(gzipped(body)) as (url, _), details_of(url) as details:
        assert len(await details.items(ID)) == 1


@pytest.mark.parametrize(
    ("body", "says"), [(b"{}", "not packed as it says"), (gzip.compress(b"{}", mtime=0)[:-9], "cut off")]
)
async def test_an_answer_that_is_not_packed_as_it_says_is_asked_for_again(body: bytes, says: str) -> None:
    bent = answer(200, body, "Content-Encoding: gzip")
    async with http_peer(bent, bent) as (url, peer), details_of(url, http_attempts=2) as details:
        with pytest.raises(Transient, match=says):
            await details.items(ID)

    assert len(peer.heard) == 2
