"""What the vendor writes another way: each operation, the usual rewritings, and behaviours from JSON."""

from datetime import datetime
from typing import Any

import pytest

from worker.sandbox.alterations import (
    REWRITINGS,
    Behaviour,
    Behaviours,
    Rewrite,
    Saying,
    altered,
    asked_changes,
)
from worker.sandbox.books.ledger import CHINA
from worker.sandbox.faults import FAULTS

AT = datetime(2026, 11, 29, 7, 24, 35, tzinfo=CHINA)


@pytest.mark.parametrize(
    ("value", "change", "becomes"),
    [
        ("张晓明", ("append", "（个人）"), "张晓明（个人）"),
        ("张晓明", ("prepend", "受票方:"), "受票方:张晓明"),
        ("a", ("set", None), None),
        ("a\nb", ("replace", "\n", "<br/>"), "a<br/>b"),
        ("abcdef", ("cut", 3), "abc"),
        ("A&B", ("html",), "A&amp;B"),
        ("Co., Ltd.", ("upper",), "CO., LTD."),
        ("A B\nC", ("unspaced",), "ABC"),
        ("91330701MA2DFB848M", ("asterisks",), "9133**********848M"),
        ("上海𬭚光", ("bmp", "?"), "上海?光"),
        ("谢谢🎉惠顾", ("utf8mb3",), "谢谢"),
        (1, ("time", "%Y-%m-%d %H:%M:%S", -8), "2026-11-28 23:24:35"),
        (1, ("now_array",), [2026, 11, 29, 7, 24, 35]),
        (1, ("now_array", 5), [2026, 11, 29, 7, 24, 35, 5]),
        (1, ("upper",), 1),
    ],
)
def test_an_operation_changes_its_member_alone(value: Any, change: tuple[Any, ...], becomes: Any) -> None:
    operation, *arguments = change
    told = altered({"it": value, "other": "o"}, [Rewrite("it", operation, tuple(arguments))], AT)
    assert told == {"it": becomes, "other": "o"}


def test_a_member_that_is_not_there_stays_away_unless_it_is_set() -> None:
    assert altered({}, [Rewrite("it", "upper")], AT) == {}
    assert altered({}, [Rewrite("it", "set", (1,))], AT) == {"it": 1}
    assert altered({"it": 1}, [Rewrite("it", "drop")], AT) == {}


def test_a_usual_rewriting_is_asked_for_by_name_and_knows_the_lists_own_words() -> None:
    assert [each.member for each in asked_changes({"echo_unspaced": 0.0}, "echo")] == ["buyerName", "remark"]
    assert [each.member for each in asked_changes({"listed_unspaced": 0.0}, "listed")] == ["buyerName", "note"]
    assert not list(asked_changes({"echo_unspaced": 0.0}, "listed"))


def test_every_rewriting_stands_in_the_table_of_faults() -> None:
    names = {f"{part}_{name}" for name, rewriting in REWRITINGS.items() for part in rewriting.parts}
    assert names <= FAULTS.keys()


def test_a_behaviour_is_read_from_json() -> None:
    behaviour = Behaviour.read(
        {"row": [["note", "cut", 3]], "answer": {"frames": [[0.2, "invoice_pdf", "没有额度"]]}, "logins": ["0"]}
    )
    assert behaviour.row == (Rewrite("note", "cut", (3,)),)
    assert behaviour.frames == (Saying(0.2, "invoice_pdf", "没有额度"),)
    assert not behaviour.is_issued


@pytest.mark.parametrize("nonsense", [[], {"rows": []}, {"row": [["note", "fold"]]}, {"answer": 1}, {"logins": 1}])
def test_a_behaviour_that_makes_no_sense_is_refused(nonsense: Any) -> None:
    with pytest.raises(ValueError, match=r"behaviour|operation"):
        Behaviour.read(nonsense)


def test_logins_are_answered_in_order_and_then_as_usual() -> None:
    behaviours = Behaviours()
    behaviours.set("u", Behaviour(logins=("0", "没有权限")))
    assert [behaviours.take_login("u") for _ in range(3)] == [("0",), ("没有权限",), None]
    assert behaviours.take_login("other") is None
    behaviours.set("u", Behaviour(row=(Rewrite("note", "upper"),)))
    behaviours.clear()
    assert behaviours.of("u") == Behaviour()
