"""Whether an invoice still counts, in whatever words its list says so."""

import pytest

from worker.flows.evidence.status import counts, is_dead

DEAD = """
    已红冲 已红冲-全额 已红冲-部分 部分红冲 全额冲红 红字 红字发票 红票 已紅沖 已作废 作廢 已作癈 空白作废 已废弃
    已冲正 已冲减 已撤销
    已取消 已注销 已退票 红废 已失效 无效 正常-已红冲 红冲中 开具红字
    已冲 全冲 部冲 被冲 已对冲 已被冲抵 已开负数 负数发票已开具 已退回 退 红 废 已废除 撤回 已换开 已重开 已抵销
    annulled storno nullified rescinded withdrawn superseded
    VOID Voided cancelled RED RED_FLUSHED red-letter REVERSED PARTIALLY_REVERSED partially_red invalidated WRITTEN_OFF
    offset revoked deleted refunded RED_FULL RED_PART full_red partial-red abandoned YZF zf HC
    作废状态:是 红冲状态:全额 红冲状态:已红冲 允许红冲后已红冲 撤销 取消 红冲次数:1
"""
ALIVE = """
    正常 蓝字 蓝字发票 已开具 未红冲 未作废 非作废 未被红冲 不作废 可红冲 不可红冲 正常(未红冲) 未红冲，正常
    红冲失败 作废失败 没红冲 没有冲红 未发生红冲 可部分红冲 可退货 已退税
    冲红标志:否 是否红冲:否 作废标志:N 红冲:无 红冲金额:0.00
    红冲状态:未红冲 作废标志：未作废 不存在红冲 红冲：未 冲红金额0元 红冲次数:0 允许红冲 支持部分红冲 不允许作废
    已驳回红冲申请 红冲申请已撤销 红冲申请被拒绝 红冲已撤回 no_red_flush isRed=false cancelled:no
    红冲申请被驳回 NORMAL valid NOT_VOID not-reversed issued credit ordered registered 0 1
"""


@pytest.mark.parametrize("status", DEAD.split())
def test_what_was_red_lettered_or_voided_is_dead(status: str) -> None:
    assert is_dead(status)
    assert is_dead(" ".join(status))


@pytest.mark.parametrize("status", [*ALIVE.split(), "", None, "未 红 冲", "not void"])
def test_what_was_not_is_alive(status: str | None) -> None:
    assert not is_dead(status)


COUNTING = """
    正常 蓝字 蓝字发票 已开具 开具成功 已开票 有效 未红冲 未作废 非作废 可红冲 正常(未红冲) 未红冲，正常 红冲失败
    已认证 未勾选 已入账 冲红标志:否 作废标志:N 红冲次数:0 已驳回红冲申请
    NORMAL valid issued Success 0:正常 正常(0) 正常发票 no_red_flush - -- null 无
"""
OPEN = """
    0 1 2 00 01 -1 A Y N true false unknown 未知 异常 失控 已锁定 冻结 待审核 Annulée storniert
    取消済 정상 gültig Недействителен 正常2号异常
"""


@pytest.mark.parametrize("status", [*COUNTING.split(), "", None, "正常 "])
def test_only_words_that_are_known_say_that_an_invoice_counts(status: str | None) -> None:
    assert counts(status)
    assert not is_dead(status)


@pytest.mark.parametrize("status", [*OPEN.split(), *DEAD.split()])
def test_code_or_word_that_nobody_knows_does_not(status: str) -> None:
    assert not counts(status)
