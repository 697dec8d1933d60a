"""What a reply leaves open: it says no, and there may be an invoice all the same."""

from typing import Any

import pytest

from tests.unit.gateway.dialogue import RESULT, beside_data, ignored, told
from tests.unit.gateway.queries import told as told_of_query
from tests.unit.gateway.test_refusals import REASON
from worker.gateway.redaction import AnswerRedactor
from worker.gateway.refusals import leaves_open, refusal_of
from worker.ports import (
    FrameIgnored,
    ResultRefused,
    ResultShown,
)


def test_a_result_with_an_address_is_one_whatever_it_says() -> None:
    assert isinstance(told("invoice_pdf", {**RESULT, "code": 500, "msg": REASON}), ResultShown)


@pytest.mark.parametrize(
    "reason",
    [
        *("PDF生成失败", "下载版式文件失败", "获取发票文件失败", "邮件发送失败", "推送失败", "打印失败", "交付失败"),
        *("网络超时", "开票失败:网络超时", "查询开票结果超时", "Read timed out", "504 Gateway Time-out", "连接被重置"),
        *("结果未知", "开票状态不明", "connection reset by peer"),
        *("ECONNRESET", "socket hang up", "java.io.EOFException", "broken pipe", "I/O error", "断网", "线程中断"),
        *("Service Temporarily Unavailable", "520: unknown error", "context deadline exceeded", "request aborted"),
        *("税局无响应", "未收到税局应答", "请求已发送,未收到响应", "no response from the tax bureau", "等待税局返回"),
        *("浏览器崩溃", "page crashed", "Target closed", "远程主机强迫关闭了一个现有的连接", "待确认", "状态未知"),
        *("请人工核实开票状态", "请到电子税务局核实", "开票异常,请在税局确认结果"),
        *("文件未生成", "下载失败", "上传OSS失败", "保存发票失败", "入库失败", "发票地址为空", "invoiceUrl is null"),
        *(
            "获取发票号码失败",
            "查询开票结果失败",
            "未获取到发票号码",
            "解析开票结果失败",
            "未查到该发票",
            "识别票号失败",
        ),
        *("返回结果为空", "empty response", "process killed", "java.lang.OutOfMemoryError", "stream closed"),
        *("截图失败", "回调失败", "通知失败", "待税局返回", "result unknown", "与税局通讯异常,结果请稍后核对"),
    ],
)
def test_a_reason_that_comes_after_an_invoice_or_from_nobody_who_waited_for_one_leaves_it_open(reason: str) -> None:
    assert leaves_open(reason)
    assert told("invoice_pdf", {"code": 500, "msg": reason}) == ResultRefused(reason, leaves_open=True)


@pytest.mark.parametrize(
    "reason",
    [
        *(None, "", REASON, "系统繁忙,请稍后重试", "系统异常", "未知错误", "code 500", "开票限额已超"),
        *("登录超时,请重新登录", "会话超时", "扫码超时", "人脸识别超时", "验证码超时"),
        *("剩余额度520.00元", "余额502元", "请核实购买方税号是否正确", "请到电子税务局确认授信额度", "纳税人状态不明"),
        *("购买方地址不能为空", "无开票权限", "没有找到该商品", "商品编码不存在", "等待扫码结果失败", "开票日期不合法"),
        *("查询发票额度失败", "发票类型不支持", "企业信息查询失败", "风险提示:开票金额异常,请核实", "受票方状态异常"),
    ],
)
def test_a_reason_that_comes_before_an_invoice_leaves_nothing_open(reason: str | None) -> None:
    assert not leaves_open(reason)


@pytest.mark.parametrize(
    "reason",
    [
        *("未开票成功", "没有开票成功", "not issued", "could not be issued", "账号重复登录", "登录成功,但额度不足"),
        *("扫码成功,额度不足", "已开通额度不足", "请先完成扫码认证"),
    ],
)
def test_what_is_not_said_of_an_invoice_or_denied_is_a_refusal(reason: str) -> None:
    assert told("invoice_pdf", reason) == ResultRefused(reason)


@pytest.mark.parametrize(
    "reason",
    [
        *("不能重复开票", "开票完成", "扫码认证成功,开票中", "Invoice already exists"),
        *("已出票", "开具完毕", "已保存为草稿", "accepted", "开具中", "已发送至税局", "queued", "幂等冲突"),
    ],
)
def test_an_invoice_that_there_is_or_will_be_is_not_refused(reason: str) -> None:
    assert ignored("invoice_pdf", reason)


@pytest.mark.parametrize("word", ["正常", "正常开具", "finished", "NORMAL", "已开具"])
def test_status_that_means_well_refuses_nothing(word: str) -> None:
    assert all(refusal_of(data, data, AnswerRedactor()) is None for data in (word, {"status": word}, {"code": word}))


NUMBER, URL = "24332000000000000001", "http://h/a.pdf"
ECHO = {name: value for name, value in RESULT.items() if name != "invoiceUrl"}


@pytest.mark.parametrize(
    "beside",
    [
        *({"data": "0", name: NUMBER} for name in ("invoiceNumber", "fphm", "发票号码")),
        *({"data": data, "pdfUrl": URL} for data in ("0", None, False)),
        *({"data": "0", "result": RESULT}, {"content": RESULT}, {"data": None, "payload": {"no": NUMBER}}),
        *({"data": {"code": 500, "msg": "失败", "invoiceNumber": NUMBER}}, {"data": {"code": 500, "no": int(NUMBER)}}),
        {"data": {"code": 500, "msg": "error", "data": {**ECHO, "invoiceNumber": NUMBER}}},
    ],
    ids=str,
)
def test_refusal_beside_an_invoices_number_or_address_leaves_it_open(beside: dict[str, Any]) -> None:
    event = beside_data("invoice_pdf", beside)

    is_open = isinstance(event, ResultRefused) and event.leaves_open and event.evidence is not None
    assert is_open or isinstance(event, FrameIgnored)


@pytest.mark.parametrize(
    "beside",
    [
        {"data": "0", "traceId": NUMBER},
        {"data": "0", "timestamp": int(NUMBER)},
        {"data": {"code": 500, "msg": REASON, "sellerBankAccount": NUMBER, "orderNo": NUMBER}},
    ],
    ids=str,
)
def test_numbers_of_the_answer_and_of_the_seller_are_no_invoices(beside: dict[str, Any]) -> None:
    event = beside_data("invoice_pdf", beside)

    assert isinstance(event, ResultRefused)
    assert not event.leaves_open


@pytest.mark.parametrize("text", ["已保存", "Facture émise", "✅", "认证成功", "{&quot;invoiceUrl&quot;:1}"])
def test_sentence_in_which_no_word_says_no_leaves_it_open(text: str) -> None:
    assert told("invoice_pdf", text) == ResultRefused(text, leaves_open=True)


@pytest.mark.parametrize("data", ["200", 200, "0000", "S", {"status": "00"}, "Invoice was created"])
def test_code_that_means_well_and_other_ways_to_say_so_refuse_nothing(data: Any) -> None:
    assert ignored("invoice_pdf", data) == "no_data"


@pytest.mark.parametrize(
    "members",
    [
        *({name: "失败"} for name in ("sbyy", "错误", "fpzt", "invoiceStatus", "invoiceUrl")),
        *(
            {"result": "0"},
            {"result": False},
            {"state": "FAIL"},
            {"issued": False},
            {"state": 2},
            {"invoiceUrl": "error"},
        ),
        {"invoiceUrl": "开票失败：税号错误"},
    ],
    ids=str,
)
def test_echo_without_an_address_beside_what_says_no_is_no_result(members: dict[str, Any]) -> None:
    """Nor is it a refusal that could be believed: it is sought for as long as after silence."""
    assert ignored("invoice_pdf", {**ECHO, **members}) == "unreadable"
    assert members.get("invoiceUrl") or isinstance(told("invoice_pdf", {**RESULT, **members}), ResultShown)


@pytest.mark.parametrize(
    "members",
    [{"state": "1"}, {"result": "success"}, {"fpzt": "正常"}, {"issued": True}, {"trace": "x"}, {"invoiceUrl": "u"}],
)
def test_echo_without_an_address_beside_what_means_well_is_one(members: dict[str, Any]) -> None:
    assert isinstance(told("invoice_pdf", {**ECHO, **members}), ResultShown)


def test_late_result_that_says_no_is_none_on_a_query_either() -> None:
    shown, doubtful = ({**RESULT, "invoiceUrl": None, **beside} for beside in ({}, {"result": False}))

    assert isinstance(told_of_query(shown, "invoice_pdf"), ResultShown)
    assert isinstance(told_of_query(doubtful, "invoice_pdf"), FrameIgnored)
