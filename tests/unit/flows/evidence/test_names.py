"""Names of buyers without a tax id: what may be the same party, and what surely is."""

import pytest

from worker.flows.evidence.names import is_whole, name_likeness
from worker.texts import Likeness, Text

SAME, AKIN, UNCLEAR, DIFFERENT, UNTOLD = Likeness


def told(ours: str, theirs: str) -> tuple[Likeness, bool]:
    sent, came = (Text.of_name(each, is_person=False) for each in (ours, theirs))
    return name_likeness(sent, came), is_whole(sent, came)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("John O'Brien-Smith", "JOHN OBRIEN SMITH"),
        ("欧阳娜娜·买买提", "欧阳娜娜买买提"),
        ("上海𬭚光科技有限公司", "上海?光科技有限公司"),
        ("Café Müller", "Cafe Muller"),
        ("張曉明", "张晓明"),
        ("张晓明", "张*明"),
        ("杭州示例科技有限公司", "（杭州）示例科技有限公司"),
        ("Example Co., Ltd.", "Example Co Ltd"),
    ],
)
def test_a_name_that_lost_marks_or_single_characters_is_whole(ours: str, theirs: str) -> None:
    assert told(ours, theirs) == (AKIN, True)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("张三", "张三丰"),
        ("张三", "小张三"),
        ("示例有限公司", "示例有限公司上海分公司"),
        ("示例有限公司", "杭州示例有限公司"),
        ("杭州示例科技有限公司", "杭州示例科技有限责任公司"),
        ("杭州示例科技有限公司", "杭州市示例科技股份有限公司"),
        ("杭州示例科技有限公司", "示例科技（杭州）有限公司"),
        ("John Smith", "SMITH JOHN"),
        ("Example Limited", "Example Co., Ltd."),
        ("Example GmbH", "New Example GmbH"),
    ],
)
def test_a_name_that_holds_more_or_is_put_another_way_may_be_anothers(ours: str, theirs: str) -> None:
    assert told(ours, theirs) == (AKIN, False)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("山﨑商事有限公司", "山崎商事有限公司"),
        ("张玥婷", "张悦婷"),
        ("张悦婷", "张玥婷"),
        ("张玥婷", "张YUE婷"),
        ("李喆明", "李（吉吉）明"),
        ("刘㐱水", "刘珍水"),
        ("Café Müller GmbH", "Cafe Mueller GmbH"),
    ],
)
def test_a_rare_character_may_be_written_as_a_usual_one_and_may_be_anothers(ours: str, theirs: str) -> None:
    assert told(ours, theirs) == (UNCLEAR, False)


@pytest.mark.parametrize(
    ("ours", "theirs", "is_lost"),
    [
        ("王玥", "王喆", False),
        ("王玥", "王悦", False),
        ("王玥", "王", False),
        ("张伟", "张伟喆", False),
        ("张伟喆", "张伟", False),
        ("陈𬭚", "陈錞", False),
        ("杭州㵟水公司", "杭州瀅水公司", False),
        ("张伟喆", "张伟?", True),
        ("张伟喆", "张伟□", True),
        ("张伟𬭚", "张伟", True),
        ("杭州瀅水公司", "杭州滢水公司", True),
    ],
)
def test_of_names_that_differ_in_rare_characters_only_a_lost_one_leaves_the_same(
    ours: str, theirs: str, is_lost: bool
) -> None:
    """No register loses a character of GBK without a trace: the other name is another party's."""
    close, has_all = told(ours, theirs)
    assert has_all is is_lost
    assert close is AKIN or (close is UNCLEAR and not is_lost)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("张三", "李四"),
        ("玥婷商贸", "悦庭商贸"),
        ("张王", "王张"),
        ("张晓明", "张晓民"),
        ("杭州12号店", "杭州21号店"),
        ("杭州示例科技有限公司", "杭州样本科技有限公司"),
        ("Example GmbH", "Sample GmbH"),
    ],
)
def test_another_name_is_anothers(ours: str, theirs: str) -> None:
    assert told(ours, theirs)[0] is DIFFERENT
