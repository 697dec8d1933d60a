"""Where in the vault a file is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.vault.files import NUMBER, SELLER, due
from worker.vault.archivist import key_of


def test_the_month_is_beijings() -> None:
    assert key_of(due("pdf")) == f"{SELLER}/2026/12/{NUMBER}.pdf"


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"seller_id": "../../etc"}, "..%2F..%2Fetc/2026/12/26332000000000000042.pdf"),
        ({"seller_id": ".."}, "%2E%2E/2026/12/26332000000000000042.pdf"),
        ({"number": "a/b"}, f"{SELLER}/2026/12/a%2Fb.pdf"),
        ({"kind": "p/../f"}, f"{SELLER}/2026/12/{NUMBER}.bin"),
    ],
)
def test_what_a_stranger_wrote_leads_nowhere_else(changes: dict[str, str], key: str) -> None:
    assert key_of(due(changes.pop("kind", "pdf"), **changes)) == key


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30), st.text(max_size=12))
def test_a_key_is_always_four_parts_inside_the_vault(seller: str, number: str, kind: str) -> None:
    parts = key_of(due(kind, seller_id=_encodable(seller), number=_encodable(number))).split("/")
    assert len(parts) == 4
    assert not {"", ".", ".."} & set(parts)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
