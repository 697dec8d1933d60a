"""Texts compared as people compare them: by kinds of rewriting, not by the texts that were seen."""

import html
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker import texts
from worker.texts import Likeness, Text, code_likeness, folded, folded_code, folded_remark

SAME, AKIN, UNCLEAR, DIFFERENT, UNTOLD = Likeness


def likeness(ours: str, theirs: str) -> Likeness:
    return texts.likeness(Text(ours), Text(theirs))


def name_likeness(ours: str, theirs: str, *, is_person: bool) -> Likeness:
    return texts.likeness(Text.of_name(ours, is_person=is_person), Text.of_name(theirs, is_person=is_person))


def remark_likeness(ours: str, theirs: str, *, prints_bank: bool) -> Likeness:
    return texts.remark_likeness(Text.of_remark(ours), Text.of_remark(theirs), prints_bank=prints_bank)


ORDINARY = st.text(st.sampled_from("订单号杭州示例科技有限公司ABCxyz0123456789:;,-_()/&· ·é《》“”'\n"), max_size=30)
"""Of what names and remarks are made of."""


def full_width(text: str) -> str:
    return "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in text)


UNSEEN: dict[str, Callable[[str], str]] = {
    "full width": full_width,
    "upper case": str.upper,
    "lower case": str.lower,
    "no blanks": lambda text: "".join(text.split()),
    "blanks doubled": lambda text: text.replace(" ", "  "),
    "tabs": lambda text: text.replace(" ", "\t"),
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "ideographic spaces": lambda text: text.replace(" ", "\u3000"),
    "line feeds as CR LF": lambda text: text.replace("\n", "\r\n"),
    "line feeds as breaks": lambda text: text.replace("\n", "<br/>"),
    "line feeds as escaped breaks": lambda text: text.replace("\n", "&lt;br&gt;"),
    "escaped": html.escape,
    "escaped twice": lambda text: html.escape(html.escape(text)),
    "escaped by number": lambda text: "".join(f"&#{ord(each)};" if ord(each) > 127 else each for each in text),
    "escaped by hexadecimal number": lambda text: "".join(f"&#x{ord(each):x};" for each in text),
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "composed": lambda text: unicodedata.normalize("NFC", text),
    "a mark at its beginning": lambda text: "\ufeff" + text,
    "zero-width spaces": "\u200b".join,
    "soft hyphens": "\u00ad".join,
    "direction marks": lambda text: f"\u202d{text}\u202c",
    "other dots": lambda text: text.replace("·", "•"),
    "katakana dots": lambda text: text.replace("·", "\u30fb"),
    "full stops": lambda text: text.replace("·", "."),
    "other dashes": lambda text: text.replace("-", "—"),
    "minus signs": lambda text: text.replace("-", "−"),
    "other brackets": lambda text: text.replace("(", "〔").replace(")", "〕"),
    "square brackets": lambda text: text.replace("(", "[").replace(")", "]"),
    "corner quotes": lambda text: text.replace("“", "「").replace("”", "」"),
    "straight quotes": lambda text: text.replace("“", '"').replace("”", '"'),
    "presentation forms": lambda text: text.replace("(", "\ufe35").replace(")", "\ufe36").replace(",", "\ufe10"),
    "ideographic commas": lambda text: text.replace(",", "、"),
}


@pytest.mark.parametrize("rewriting", UNSEEN)
@example(text="- -")
@given(text=ORDINARY)
def test_what_people_do_not_see_or_mind_makes_no_difference(rewriting: str, text: str) -> None:
    rewritten = UNSEEN[rewriting](text)
    assert folded(rewritten) == folded(text)
    assert likeness(text, rewritten) is SAME


@given(st.text(max_size=40), st.text(max_size=40))
def test_comparing_never_fails(ours: str, theirs: str) -> None:
    for told in (
        likeness(ours, theirs),
        name_likeness(ours, theirs, is_person=True),
        remark_likeness(ours, theirs, prints_bank=False),
        code_likeness(ours, theirs),
    ):
        assert told in Likeness


@given(st.text(max_size=40))
def test_a_text_is_the_same_as_itself(text: str) -> None:
    assert likeness(text, text) is SAME


@pytest.mark.parametrize("private", range(0xE815, 0xE865))
def test_private_use_characters_of_gbk_are_the_characters_that_they_stand_for(private: int) -> None:
    """Held against what Python knows of GB 18030-2000; where that has the private use area itself, by the standard of
    2005 it has a character all the same."""
    trail = private - 0xE815 + 0x50
    known = bytes([0xFE, trail if trail < 0x7F else trail + 1]).decode("gb18030")
    assert folded(chr(private)) != chr(private)
    if not "\ue000" <= known <= "\uf8ff":
        assert folded(chr(private)) == folded(known)


@pytest.mark.parametrize(("private", "usual"), [("\ue7c7", "ḿ"), ("\ue5e5", ""), ("\ue81e", "龴"), ("\ue76c", "€")])
def test_other_private_use_characters_of_gbk(private: str, usual: str) -> None:
    assert folded(private) == folded(usual)


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        ("订单SO-4001 🎉 谢谢惠顾", "订单SO-4001 ", AKIN),
        ("订单SO-4001 🎉 谢谢惠顾", "订单SO-4001 ?? 谢谢惠顾", AKIN),
        ("订单SO-4001 🎉 谢谢惠顾", "订单SO-4001  谢谢惠顾", AKIN),
        ("订单SO-4001 🎉 谢谢惠顾", "订单SO-4001 \ufffd", AKIN),
        ("上海𬭚光科技有限公司", "上海?光科技有限公司", AKIN),
        ("上海𬭚光科技有限公司", "上海□光科技有限公司", AKIN),
        ("上海𬭚光科技有限公司", "上海光科技有限公司", AKIN),
        ("杭州示例科技有限公司滨江分公司", "杭州示例科技有限公司滨", AKIN),
        ("杭州示例科技有限公司滨江分公司", "杭州示例科技有限公司…", AKIN),
        ("杭州示例科技有限公司滨江分公司", "杭州示例科技...", AKIN),
        ("杭州示例科技有限公司", "杭州****有限公司", AKIN),
        ("张晓明", "张*明", AKIN),
        ("张晓明", "张**", AKIN),
        ("张晓明", "李*明", DIFFERENT),
        ("张晓明", "***", UNTOLD),
        ("张晓明", "张晓民", DIFFERENT),
        ("Café Müller", "Cafe Muller", AKIN),
        ("Café Müller", "Caf? M?ller", AKIN),
        ("合同—甲", "合同?甲", AKIN),
        ("谢谢惠顾。", "谢谢惠顾", AKIN),
        ("订单 1", "订单 12", UNCLEAR),
        ("SO-3001", "SO-3001-2", UNCLEAR),
        ("SO-300123", "SO-3001", UNCLEAR),
        ("SO-1-2", "SO-12", DIFFERENT),
        ("订单1", "订单2", DIFFERENT),
        ("杭州示例科技有限公司", "杭州样本科技有限公司", DIFFERENT),
        ("于洪后勤台", "於洪後勤臺", AKIN),
        ("黄為民", "黄为民", AKIN),
        ("温", "溫", AKIN),
        ("群峰真", "羣峯眞", AKIN),
        ("黄說民", "黄?民", AKIN),
        ("于洪", "俞洪", DIFFERENT),
        ("第1行\n第2行", "第1行\\r\\n第2行", AKIN),
        ("甲“乙”丙", '甲\\"乙\\"丙', AKIN),
        ("A公司", "\\u0041\\u516c\\u53f8", AKIN),
        ("A+B公司", "A%2BB%E5%85%AC%E5%8F%B8", AKIN),
        ("50%折扣", "50%25折扣", AKIN),
        ("杭州示例科技有限公司", "杭州示例..公司", AKIN),
        ("杭州示例科技有限公司", "杭州■■■■有限公司", AKIN),
        ("杭州示例科技有限公司", "杭州xxxx有限公司", UNCLEAR),
        ("张三", "张×", UNCLEAR),
        ("张三", "张某", UNCLEAR),
        ("张三", "李某", DIFFERENT),
        ("SO-1001", "SO-1xx1", UNCLEAR),
        ("客户王玥", "客户王喆", UNCLEAR),
        ("客户王玥", "客户王喆\n收款人:李四", UNCLEAR),
        ("客户王玥", "客户王玥\n收款人:李喆", AKIN),
        ("客户王玥 订单1", "客户王? 订单1", AKIN),
        ("客户王玥 订单1", "客户王月 订单1", UNCLEAR),
        ("客户王玥 订单1", "客户王月 订单2", DIFFERENT),
    ],
)
def test_what_a_register_cannot_take_leaves_texts_akin(ours: str, theirs: str, told: Likeness) -> None:
    assert likeness(ours, theirs) is told


@pytest.mark.parametrize(
    ("ours", "theirs", "prints_bank", "told"),
    [
        ("订单号:SO-1", "订单号:SO-1\n收款人:李四 复核人:王五", False, AKIN),
        ("订单号:SO-1", "订单号:SO-1 销方开户银行:招商银行 账号:98765", False, AKIN),
        ("订单号:SO-1", "订单号:SO-1 销方开户银行:招商银行 账号:98765", True, SAME),
        ("订单号:SO-1", "订单号:SO-12 销方开户银行:招商银行", True, UNCLEAR),
        ("谢谢惠顾", "谢谢惠顾 订单 8", False, UNCLEAR),
        ("谢谢惠顾", "谢谢惠顾 欢迎再来", False, AKIN),
        ("订单 1", "新订单 1 销方开户银行:招商银行", True, UNCLEAR),
        ("订单 1", "购方开户银行:工商银行;订单 1", True, SAME),
        ("谢谢惠顾", "谢谢惠顾收款人:李四", False, AKIN),
        ("谢谢惠顾", "谢谢惠顾!!", False, AKIN),
        ("", "收款人:李四", False, AKIN),
        ("", "订单8", False, UNCLEAR),
        ("", "销方开户银行:招商银行", True, SAME),
        ("", "备注:SO-9", True, UNCLEAR),
        ("", "谢谢惠顾 销方开户银行:招商银行 账号:98765", True, UNCLEAR),
        ("", "(购方开户银行:工商银行)", True, SAME),
        ("", "收款人:李四 订单号:SO-9", False, UNCLEAR),
        ("", "付款单号:77", False, UNCLEAR),
        ("", "销方地址:杭州市1号 电话:0571-1", True, SAME),
        ("订单号:SO-1", "订单号:SO-1 收款人:李四 合同:HT-2", False, UNCLEAR),
        ("订单号:SO-1", "订单号:SO-1(补)", True, UNCLEAR),
        ("订单号:SO-1", "订单号:SO-1 购方地址:杭州市1号 电话:0571-1", False, AKIN),
        ("", "null", False, SAME),
        ("null", "", False, SAME),
        ("订单号:SO-1", "null", False, UNTOLD),
        ("订单号:SO-1", "", False, UNTOLD),
        ("订单号:SO-1", "订单号:SO-2", False, DIFFERENT),
    ],
)
def test_more_may_be_printed_beside_a_remark(ours: str, theirs: str, prints_bank: bool, told: Likeness) -> None:
    assert remark_likeness(ours, theirs, prints_bank=prints_bank) is told


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        ("91330701MA2DFB848M", "9133 0701-ma2dfb848m", SAME),
        ("91330701MA2DFB848M", "９１３３0701MA2DFB848M\u202c", SAME),
        ("91330701MA2DFB848M", "9133****848M", AKIN),
        ("91330701MA2DFB848M", "91330701MA2D**********", AKIN),
        ("91330701MA2DFB848M", "9133****848L", DIFFERENT),
        ("91330701MA2DFB848M", "******************", UNTOLD),
        ("91330701MA2DFB848M", "91330701MA2DFB8", AKIN),
        ("91330701MA2DFB848M", "91330701MA2DFB848L", DIFFERENT),
        ("", "91330701MA2DFB848M", DIFFERENT),
        ("91330701MA2DFB848M", "9133xxxxxxxxxx848M", AKIN),
        ("91330701MA2DFB848M", "9133××××××××××848M", AKIN),
        ("91330701MA2DFB848M", "9133…848M", AKIN),
        ("91330701MA2DFB848M", "9133____848M", AKIN),
        ("91330701MA2DFB848M", "9133----848M", AKIN),
        ("91330701MA2DFB848M", "9133xxxxxxxxxx848L", DIFFERENT),
        ("91330701MA2DFB848M", "xxxxxxxxxxxxxxxxxx", UNTOLD),
        ("91330701MA2DFB848M", "税号:91330701MA2DFB848M", SAME),
        ("91330701MA2DFB848M", "91330701МА2DFB848M", SAME),
        ("91330701MA2DFB848M", "330701MA2DFB848", AKIN),
        ("91330701MA2DFB848M", "MA2DFB848", AKIN),
        ("91330701MA2DFB848M", "000000000000000", UNTOLD),
        ("91330701MA2DFB848M", "null", UNTOLD),
        ("91330701MA2DFB848M", "无", UNTOLD),
        ("913307012345678901", "9.13307012345679E+17", UNTOLD),
    ],
)
def test_a_tax_id_is_the_same_masked_or_another(ours: str, theirs: str, told: Likeness) -> None:
    assert code_likeness(ours, theirs) is told


@pytest.mark.parametrize("nothing", ["0", "000000000000000", "无", "/", "-", "null", "N/A", "个人", ""])
def test_what_is_written_where_there_is_no_tax_id_is_none(nothing: str) -> None:
    assert folded_code(nothing) == ""


@given(st.integers(1, 200), st.sampled_from("*x某_.#"))
def test_masks_of_any_number_are_read_at_once(count: int, mask: str) -> None:
    """Each could hide anything: trying all would take for ever."""
    masked = f"1{mask * 3}" * count
    assert likeness("1a" * count + "b", masked) in Likeness
    assert code_likeness("1" * 5000, masked + "2") in Likeness


@pytest.mark.parametrize(
    "suffix",
    [
        *("（个人）", "(个人)", "（個人）", " (个人) ", "（自然人）", "【个人】"),
        *(
            " 个人",
            "-个人",
            "/个人",
            "（个人消费者）",
            "(消费者)",
            "（境内自然人）",
            "（境外个人）",
            "（个人）（个人）",
            "（个人）.",
            "(本人)",
        ),
    ],
)
def test_the_suffix_of_a_natural_person_makes_no_difference(suffix: str) -> None:
    assert name_likeness("张晓明", "张晓明" + suffix, is_person=True) is SAME
    assert name_likeness("张晓明", "张晓明" + suffix, is_person=False) is AKIN


@pytest.mark.parametrize(
    "listed",
    ["个人（张晓明）", "个人-张晓明", "个人 张晓明", "自然人（张晓明）", "【个人】张晓明", "张晓明先生", "张晓明女士"],
)
def test_a_natural_person_may_be_called_so_before_the_name_or_by_a_title(listed: str) -> None:
    assert name_likeness("张晓明", listed, is_person=True) is SAME


def test_a_buyer_called_person_keeps_its_name() -> None:
    assert name_likeness("个人", "个人（个人）", is_person=True) is SAME
    assert name_likeness("张晓明", "（个人）", is_person=True) is not SAME


@pytest.mark.parametrize("word", ["null", "NULL", " null ", "undefined", "无", "N/A", "none"])
def test_a_remark_that_a_program_left_empty_is_none(word: str) -> None:
    assert folded_remark(word) == ""
