"""Why the gateway refuses, wherever it says so; and what is no refusal, for there may be an invoice."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.gateway.dialogue import PASSWORD, RESULT, beside_data, ignored, told
from tests.unit.gateway.queries import told as told_of_query
from worker.gateway.redaction import AnswerRedactor
from worker.gateway.refusals import MAX_REASON_CHARS, login_reason, refusal_of
from worker.gateway.session import Phase
from worker.ports import (
    FrameIgnored,
    LoginAnswered,
    PageShown,
    QrRefused,
    QrShown,
    QueryRefused,
    ResultRefused,
    ResultShown,
)

REASON = "开票失败:授信额度不足,本次开票金额:398.00;剩余可用额度:0.00"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("0", None),
        (0, None),
        (None, None),
        (False, None),
        ("null", None),
        (REASON, REASON),
        ({"code": 500, "msg": REASON}, REASON),
        ({"code": 500, "msg": REASON, "data": None}, REASON),
        ({"code": "500", "message": REASON, "data": "0"}, REASON),
        ({"data": {"code": 500, "msg": REASON}}, REASON),
        (f'{{"code": 500, "msg": "{REASON}"}}', REASON),
        ({"code": 9001}, "code 9001"),
        ({"success": False, "errorMsg": "额度不足"}, "额度不足"),
        ("系统繁忙,请稍后重试", "系统繁忙,请稍后重试"),
        ("开票未成功", "开票未成功"),
        (500, "500"),
        ([REASON], REASON),
        ({"errors": [None, REASON]}, REASON),
        ({"errors": [{"message": REASON}]}, REASON),
        ({"errors": {"invoiceItems": [REASON]}}, REASON),
        ({"error": {"code": 5, "message": REASON}}, REASON),
        ({"returnCode": "9999", "returnMessage": REASON}, REASON),
        ({"err_msg": REASON}, REASON),
        ({"Response": {"Error": {"Message": REASON}}}, REASON),
        ({"失败原因": REASON}, REASON),
        ({"code": 200, "msg": "success", "data": {"code": 500, "msg": REASON}}, REASON),
        ({"code": 200, "message": "操作成功", "data": REASON}, REASON),
        ({"success": "false", "data": REASON}, REASON),
        ({"result": REASON}, REASON),
        ({"invoiceUrl": "", "msg": REASON}, REASON),
        ({"invoiceUrl": None, "isDrafts": 0, "invoiceItems": [], "code": 500, "msg": REASON}, REASON),
        ({**RESULT, "invoiceUrl": None, "code": 500, "msg": REASON}, REASON),
        ("纳税人已注销,不能开票成功", "纳税人已注销,不能开票成功"),
        *(
            (each, each)
            for each in (
                "今日已开票超过限额",
                "本月已开票金额已超限",
                "您已开具的发票金额达到上限",
                "issued quota exceeded",
                "发票额度已用完(成功0张)",
                "开票失败，原因：系统正在升级",
                "税局系统正在维护",
            )
        ),
        ("24332000000000000001号发票开具失败", "…0001号发票开具失败"),
    ],
    ids=str,
)
def test_a_result_that_is_none_is_a_refusal_with_its_reason(data: Any, reason: str | None) -> None:
    assert told("invoice_pdf", data) == ResultRefused(reason)


@pytest.mark.parametrize(
    "data",
    [
        *("", " ", "1", 1, True, [], {}, "/files/1.pdf", {"code": 200}, {"trace": 1}),
        *("提交成功", "开票中,请稍后查询", "正在处理中", "success", {"code": 0, "msg": "成功"}, "发票号码已存在"),
        *("成功1张", "未开票成功,处理中", "今日已开票数量较多,排队中", "登录成功,正在开票"),
        *("ok", "OK!", "完成", "done", {"code": 200, "msg": "ok"}, {"code": 0, "message": "OK", "data": None}),
        {"code": 200, "msg": "操作成功", "data": None},
    ],
    ids=str,
)
def test_what_may_mean_that_there_is_an_invoice_is_no_refusal(data: Any) -> None:
    """It is laid aside, and the invoice is looked for as long as after silence."""
    assert ignored("invoice_pdf", data) == "no_data"


@pytest.mark.parametrize(
    "data",
    [
        *("24332000000000000001", "数电票号码：24332000000000000001", {"code": 200, "data": "24332000000000000001"}),
        *("http://x/a.pdf", ["http://x/a.pdf"], {"code": 0, "data": {"pdfUrl": "http://x/a.pdf"}}),
        *("开票成功,发票号码24332000000000000001", {"success": True, "result": {"invoiceUrl": "http://x/a.pdf"}}),
        *(
            "JVBERi0xLjQKJcfsj6IKNSAwIG9iag==",
            "data:application/pdf;base64,JVBERi0xLjQK",
            {"code": 0, "data": "UEsDBBQACA"},
        ),
        *(
            *("开票成功", "開票成功", "發票已開具", "发票已开具,请勿重复提交", "开票完成", "已出票"),
            *("发票开具成功,但文件下载失败", "开票已完成,PDF生成失败", "开具失败,原因:发票已开具过"),
            *("issued but pdf failed", "已开具给杭州示例有限公司", "已开票,本月超过限额", "已经开具成功超时未返回"),
            *({"code": 500, "msg": "订单已经开具"}, {"code": 1, "msg": "发票已开具,文件生成中"}),
        ),
        *([{"invoiceUrl": "http://x/a.pdf"}], '{"fphm": "24332000000000000001", "kprq": "20261130"}'),
    ],
    ids=str,
)
def test_what_names_an_invoice_is_evidence_of_it_though_it_is_no_result(data: Any) -> None:
    """It is laid aside, and while it is kept no list proves that there is none."""
    assert ignored("invoice_pdf", data) == "unreadable"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("当前账号已在其他设备登录,请重新登录", "当前账号已在其他设备登录,请重新登录"),
        ("service unavailable", "service unavailable"),
        ({"code": 401, "msg": "登录失效"}, "登录失效"),
        ({"status": "expired"}, "code expired"),
        ({"trace": 1}, None),
        ([], None),
        ("0", None),
    ],
    ids=str,
)
def test_what_is_neither_picture_nor_content_is_a_refusal_of_the_qr(data: Any, reason: str | None) -> None:
    assert told("invoice_qrcode", data) == QrRefused(reason)


@pytest.mark.parametrize("content", ["https://login.example/scan?id=1", '{"qrcode_id":"1"}', "qrcode_id=1"])
def test_a_text_that_a_qr_can_hold_is_shown(content: str) -> None:
    assert told("invoice_qrcode", content) == QrShown(image=None, content=content)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("账号或密码错误,您还有2次机会", "账号或密码错误,您还有2次机会"),
        ({"code": 1001, "msg": "需要短信验证码"}, "需要短信验证码"),
        ("0", None),
        (None, None),
        ("登录成功", "登录成功"),
    ],
    ids=str,
)
def test_a_login_is_refused_with_its_reason_on_either_endpoint(data: Any, reason: str | None) -> None:
    assert told("login", data, Phase.LOGIN_PENDING) == LoginAnswered(accepted=False, reason=reason)
    if not isinstance(data, dict):
        assert told_of_query(data, "login") == LoginAnswered(accepted=False, reason=reason)


def test_a_query_is_refused_with_its_reason() -> None:
    assert told_of_query("查询过于频繁") == QueryRefused("查询过于频繁")
    assert told_of_query({"code": 500, "msg": "查询过于频繁"}) == QueryRefused("查询过于频繁")
    assert told_of_query("0") == QueryRefused()


@pytest.mark.parametrize(
    "data",
    [
        {"code": 500, "msg": "查询失败", "data": []},
        {"code": 500, "msg": "查询失败", "data": {"data": [], "total": 0}},
        {"data": {"success": False, "message": "系统异常", "data": [], "total": 0}},
        {"code": 401, "data": [], "total": 0},
        {"code": 404, "msg": "Not Found", "data": []},
        *({"code": 500, "msg": each, "data": []} for each in ("无法获取数据", "没有权限查询数据", "无发票查询权限")),
    ],
)
def test_an_empty_list_beside_a_failure_is_no_list(data: Any) -> None:
    """Or the invoice of an order in doubt would be told as not there."""
    assert isinstance(told_of_query(data), QueryRefused)


@pytest.mark.parametrize(
    "data",
    [
        *([], {"data": [], "total": 0}, {"code": 200, "msg": "success", "data": []}, {"code": 0, "data": []}),
        *({"code": 20000, "data": []}, {"code": 1, "msg": "查询成功", "data": []}, {"success": True, "data": []}),
        *(
            {"code": 404, "msg": each, "data": []}
            for each in ("暂无数据", "未查询到发票", "没有符合条件的记录", "No data")
        ),
        {"code": 500, "msg": "查询失败", "data": [{"id": 1}]},
    ],
    ids=str,
)
def test_any_other_list_is_one(data: Any) -> None:
    assert isinstance(told_of_query(data), PageShown)


def test_a_reason_gives_neither_password_nor_number_away_and_is_bounded() -> None:
    text = f"账号13812345678密码{PASSWORD}错误 身份证330102199001011234 税号91330701MA2M37T86L\n\u202e" + "很长" * 1000
    event = told("login", text, Phase.LOGIN_PENDING)

    assert isinstance(event, LoginAnswered)
    assert event.reason is not None
    assert event.reason.startswith("账号…5678密码***错误 身份证…1234 税号…T86L 很长")
    assert len(event.reason) == MAX_REASON_CHARS


def test_a_short_password_is_masked_inside_a_sentence() -> None:
    assert login_reason("密码abcd错误", "密码abcd错误", AnswerRedactor(["abcd"])) == "密码***错误"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["code", "msg", "data", "x"]), inner),
)


@given(JSON)
def test_nothing_raises_and_every_reason_is_bounded(data: Any) -> None:
    refusal = refusal_of(data, data, AnswerRedactor())

    assert refusal is None or refusal.reason is None or 0 < len(refusal.reason) <= MAX_REASON_CHARS
    assert refusal is None or refusal.reason is None or refusal.reason.isprintable()


@pytest.mark.parametrize(
    "beside", [{}, {"code": 200, "msg": "success"}, {"msg": "开票成功"}, {"code": 500, "msg": "已开具,请勿重复"}]
)
def test_a_result_that_does_not_say_that_it_failed_is_one(beside: dict[str, Any]) -> None:
    assert isinstance(told("invoice_pdf", {**RESULT, "invoiceUrl": None, **beside}), ResultShown)


@pytest.mark.parametrize("kind", ["invoice_pdf", "invoice_qrcode"])
@pytest.mark.parametrize("data", [None, "0", 0, ..., {}, ""])
def test_a_reason_may_stand_beside_the_data(kind: str, data: Any) -> None:
    """As programs in Java wrap every answer: in the frame, where the manual has nothing."""
    beside = {"code": 500, "msg": REASON}
    event = beside_data(kind, beside) if data is ... else beside_data(kind, {**beside, "data": data})

    assert event in {ResultRefused(REASON), QrRefused(REASON)}


@pytest.mark.parametrize(
    ("beside", "meaning"),
    [
        ({"code": 200, "msg": "开票成功", "data": None}, FrameIgnored),
        ({"code": 500, "msg": "发票已开具", "data": "0"}, FrameIgnored),
        ({"timestamp": 1764000000}, FrameIgnored),
        ({"code": 200, "msg": "success"}, FrameIgnored),
        ({"code": 500, "msg": REASON, "data": {**RESULT, "invoiceUrl": None}}, ResultRefused),
        ({"data": {"code": 500, "msg": REASON, "data": {**RESULT, "invoiceUrl": ""}}}, ResultRefused),
        ({"code": 500, "msg": "发票已开具,下载失败", "data": {**RESULT, "invoiceUrl": None}}, ResultShown),
        ({"code": 200, "msg": "success", "data": RESULT}, ResultShown),
        ({"code": 500, "msg": REASON, "data": RESULT}, ResultShown),
        ({"timestamp": 1764000000, "data": "0"}, ResultRefused),
    ],
    ids=str,
)
def test_what_stands_beside_the_data_says_how_they_are_meant(beside: dict[str, Any], meaning: type) -> None:
    assert type(beside_data("invoice_pdf", beside)) is meaning


def test_a_lost_answer_is_known_by_what_stands_beside_the_data() -> None:
    assert beside_data("invoice_pdf", {"msg": "网络超时", "data": "0"}) == ResultRefused("网络超时", leaves_open=True)
