"""The words of the page, in English and Chinese, and which of the two a browser asks for. Pure.

What a fault is called and does in English stands in `faults.FAULTS`; a test keeps the Chinese here together with it.
"""

from collections.abc import Mapping
from typing import Final, Literal

from worker.sandbox.calls import Call

Language = Literal["en", "zh"]
COOKIE: Final = "sandbox_lang"

WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "title": ("Fapiao gateway sandbox", "开票网关沙箱"),
    "not_real": (
        "A stand-in for the tax gateway. Nothing issued here is a tax invoice.",
        "模拟税务网关，在此开出的都不是真实发票。",
    ),
    "gateway": ("Gateway", "网关"),
    "live": ("live", "实时"),
    "away": ("reconnecting …", "正在重连 …"),
    "language": ("Language", "语言"),
    "numbers": ("At a glance", "概览"),
    "sockets": ("open sockets", "打开的连接"),
    "orders_n": ("orders", "订单"),
    "invoices_n": ("invoices", "发票"),
    "scans_n": ("waiting scans", "待扫码"),
    "armed_n": ("armed faults", "已布置故障"),
    "scans": ("Waiting scans", "待扫码"),
    "no_scans": ("No QR waits for a person.", "没有待扫的二维码。"),
    "scan_hint": (
        "Scan with a phone that reaches this address, or decide here.",
        "用能访问此地址的手机扫码，或直接在此操作。",
    ),
    "qr_of": ("QR for", "二维码："),
    "dead_qr": ("A fault was asked for: this QR cannot be confirmed.", "已请求的故障：此二维码无法确认。"),
    "confirm": ("Approve", "已扫码，确认"),
    "decline": ("Refuse", "拒绝"),
    "expire": ("Expire", "令其过期"),
    "open_page": ("Open its page", "打开扫码页"),
    "orders": ("Orders", "订单"),
    "no_orders": (
        "No order yet. Point a worker at the gateway address above and send one.",
        "还没有订单。将服务指向上面的网关地址并发送一单。",
    ),
    "no_remark": ("(no remark)", "（无备注）"),
    "buyer": ("Buyer", "购买方"),
    "seller": ("Seller", "销售方"),
    "frames": ("Frames, seconds after the order came", "报文（收到订单后的秒数）"),
    "no_frames": ("Nothing was answered yet.", "尚未回复。"),
    "record": ("Record (JSON)", "录制（JSON）"),
    "replay": ("Replay to the next order", "对下一单重放"),
    "invoices": ("Invoices", "发票"),
    "no_invoices": ("No invoice was issued yet.", "尚未开出发票。"),
    "number": ("Number", "发票号码"),
    "issued_at": ("Issued", "开票时间"),
    "total": ("Total", "价税合计"),
    "files": ("Files", "文件"),
    "draft": ("draft", "草稿"),
    "clock": ("Clock", "时钟"),
    "clock_hint": (
        "Forward only. In `fapiao-worker dev` the worker's schedules go by it too.",
        "只能向前。在 `fapiao-worker dev` 中，服务的定时任务也随之前进。",
    ),
    "as_machine": ("the machine's time", "与本机时间一致"),
    "ahead": ("ahead of the machine by", "比本机时间快"),
    "minute": ("+1 minute", "+1 分钟"),
    "hour": ("+1 hour", "+1 小时"),
    "day": ("+1 day", "+1 天"),
    "seconds": ("Seconds", "秒数"),
    "advance": ("Move on", "前进"),
    "scenarios": ("Scenarios", "场景"),
    "scenario_hint": ("For the next that comes.", "作用于下一次。"),
    "begin": ("Begin", "开始"),
    "faults": ("Faults", "故障"),
    "fault_hint": ("Armed for whoever comes next:", "作用于接下来的："),
    "times": ("Times", "次数"),
    "user": ("userId (* is anybody)", "userId（* 为任何人）"),
    "find": ("Find a fault", "查找故障"),
    "times_left": ("×", "次"),
    "disarm_all": ("Disarm all", "全部解除"),
    "none_armed": ("None is armed.", "没有已布置的故障。"),
    "arm": ("Arm", "布置"),
    "disarm": ("Disarm", "解除"),
    "sessions": ("Sessions", "会话"),
    "no_sessions": ("Nobody has connected yet.", "还没有人连接。"),
    "open": ("open", "打开"),
    "logins": ("logins", "登录"),
    "lost": ("lost replies", "丢失的回复"),
    "violations": ("beside the manual", "不合手册"),
    "drop": ("Cut", "断开"),
    "activity": ("Activity", "动态"),
    "quiet": ("Nothing has happened yet.", "尚无动态。"),
    "tools": ("Tools", "工具"),
    "seed": ("Seed an archive", "生成历史发票"),
    "seed_hint": ("Invoices of 2024 for every company that asks.", "为每个查询的公司生成 2024 年的发票。"),
    "count": ("How many", "数量"),
    "seed_go": ("Seed", "生成"),
    "archive_has": ("The archive has", "历史发票："),
    "replay_tool": ("Replay a record", "重放录制"),
    "record_text": ("Record (JSON)", "录制内容（JSON）"),
    "replay_go": ("Replay to the next order", "对下一单重放"),
    "reset": ("Reset", "重置"),
    "reset_hint": (
        "Forgets orders, invoices, scans and faults. Sockets stay open, and the clock goes on.",
        "清空订单、发票、扫码和故障。连接保持，时钟继续。",
    ),
    "reset_go": ("Yes, forget everything", "是的，全部清空"),
    "api": ("Control API", "控制接口"),
    "skip": ("Skip to the orders", "跳到订单"),
    "phase.handshake": ("Handshake", "握手"),
    "phase.login": ("Login", "登录"),
    "phase.invoice": ("Order", "订单"),
    "phase.query": ("Query", "查询"),
    "phase.download": ("Download", "下载"),
    "phase.items": ("Look-up over HTTP", "HTTP 查询"),
    "phase.files": ("Look-up of files", "查文件"),
    "session.opened": ("socket opened", "连接打开"),
    "session.closed": ("socket closed", "连接关闭"),
    "session.denied": ("handshake refused", "握手被拒"),
    "frame.heard": ("frame in", "收到报文"),
    "frame.sent": ("frame out", "发出报文"),
    "frame.lost": ("frame lost", "报文丢失"),
    "manual.violated": ("beside the manual", "不合手册"),
    "fault.unheard": ("fault not understood", "故障词无效"),
    "order.received": ("received", "已收到"),
    "order.ended": ("ended", "已结束"),
    "qr.shown": ("waits for a scan", "等待扫码"),
    "scan.confirmed": ("scan confirmed", "扫码已确认"),
    "scan.declined": ("scan refused", "扫码被拒"),
    "scan.expired": ("QR expired", "二维码过期"),
    "scan.superseded": ("newer QR", "二维码已更新"),
    "invoice.issued": ("issued", "已开票"),
    "invoice.changed": ("changed afterwards", "事后变更"),
    "invoice.drafted": ("draft saved", "已存草稿"),
    "query.answered": ("page told", "已回复一页"),
    "fault.armed": ("fault armed", "已布置故障"),
    "fault.disarmed": ("fault disarmed", "已解除故障"),
    "scenario.begun": ("scenario begun", "场景已开始"),
    "replay.set": ("replay set", "已设重放"),
    "clock.moved": ("clock moved", "时钟前进"),
    "sandbox.seeded": ("archive seeded", "历史发票已生成"),
    "sandbox.reset": ("reset", "已重置"),
    "not_issued": ("ended, not issued", "已结束，未开票"),
}


class Speech:
    """The words in one language: `speech["title"]`."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self._place = int(language == "zh")

    def __getitem__(self, name: str) -> str:
        return WORDS[name][self._place]

    def either(self, english: str, chinese: str) -> str:
        """Whichever of the two is spoken."""
        return chinese if self._place else english


def language_of(call: Call) -> Language:
    """The one that was chosen by the switch, now or before; else the browser's first that is spoken here."""
    chosen = call.asked.get("lang") or _cookie(call.headers.get("cookie", ""))
    if chosen in ("en", "zh"):
        return "zh" if chosen == "zh" else "en"
    wanted = [_weighed(part) for part in call.headers.get("accept-language", "").split(",")[:20]]
    for _, tag in sorted(wanted, key=lambda one: -one[0]):
        if tag.startswith(("zh", "en")):
            return "zh" if tag.startswith("zh") else "en"
    return "en"


def _cookie(text: str) -> str:
    crumbs = (crumb.strip().partition("=") for crumb in text.split(";"))
    return next((value for name, _, value in crumbs if name == COOKIE), "")


def _weighed(part: str) -> tuple[float, str]:
    tag, _, weight = part.strip().lower().partition(";q=")
    try:
        return (float(weight) if weight else 1.0), tag
    except ValueError:
        return 0.0, tag


_REWRITTEN: Final = {"echo": "结果中", "listed": "列表中"}
_REWRITINGS: Final[Mapping[str, str]] = {
    "suffixed": "购买方名称后有“（个人）”",
    "escaped": "名称和备注中的 `&` 等变成 HTML 实体",
    "unspaced": "名称和备注中的空格与换行消失",
    "lines_as_br": "备注的换行变成 `<br/>`",
    "upper": "名称变成大写",
    "question_marks": "BMP 之外的字变成 `?`",
    "cut_at_rare": "名称和备注在第一个 BMP 之外的字之前截断",
    "remark_cut": "备注在 20 字后截断",
    "payee_printed": "备注后附有收款人和复核人",
    "buyer_renamed": "购买方是另一个登记名称",
    "seller_renamed": "销售方是另一个登记名称",
    "masked": "购买方税号被打码",
    "url_spaced": "URL 中有空格和中文",
    "red": "状态为“已红冲-全额”",
    "dead": "状态为“已作废”",
    "without_total": "价税合计为 null，金额和税额都在",
    "in_utc": "日期为 UTC 且不带时区",
}
_EFFECTS: Final[Mapping[str, str]] = {
    "handshake_401": "握手返回 401",
    "handshake_403": "握手返回 403",
    "handshake_503": "握手返回 503",
    "handshake_refuse": "握手不回复，直接断开",
    "login_refused": '登录回复 `"0"`',
    "login_silent": "登录永不回复",
    "login_slow": "登录在若干秒后才回复",
    "login_reason": "登录回复一句拒绝原因",
    "login_dropped": "不回复登录，断开连接",
    "no_qr": "无论如何设置都不要求扫码",
    "qr_unavailable": '不给二维码，`invoice_qrcode` 为 `"0"`；不开票',
    "qr_failed": '先给二维码，再 `invoice_qrcode` `"0"`，之后无声；不开票',
    "qr_failed_then_new": '先给二维码，再 `"0"`，再给一个有效的二维码',
    "qr_never_scanned": "二维码无法确认，之后无声；不开票",
    "two_qrs": "第二个二维码取代第一个，只有第二个有效",
    "qr_bare_base64": "二维码为 base64，不带 `data:image/png;base64,`",
    "qr_text": "发送二维码的文本，而非图片",
    "qr_svg": "二维码为 SVG，而非 PNG",
    "qr_reason": "`invoice_qrcode` 为一句话而非二维码；不开票",
    "refused": '`invoice_pdf` 为 `"0"`；不开票',
    "refused_with_reason": "`invoice_pdf` 为一句原因；不开票",
    "refused_with_code": "`invoice_pdf` 为含 `code` 和 `msg` 的对象；不开票",
    "refused_but_issued": '`invoice_pdf` 为 `"0"`，其实已开票',
    "slow": "开票多花若干秒",
    "silent": "不回复；不开票",
    "silent_after_issuing": "已开票，但永不回复",
    "dropped_before_result": "断开连接；不开票",
    "dropped_after_issuing": "已开票，随即断开而不回复",
    "result_twice": "结果来两次",
    "result_late": "立即开票，结果若干秒后才来",
    "other_user": "正确结果之前，先来一个 `sendToId` 不同的结果",
    "other_invoice": "`sendToId` 正确，却是别的购买方的结果，之后无声；不开票",
    "other_invoice_first": "先来别的购买方的结果，再来自己的",
    "garbage": "先来非 JSON 文本，再来正确结果",
    "garbage_only": "已开票，但回复不是 JSON",
    "oversized_frame": "已开票，但回复是若干 MiB 的文本帧",
    "binary_frame": "结果为二进制帧",
    "draft": '`isDrafts` 为 `"1"`：只存草稿，不开票',
    "numeric_status": "状态为数字 1 和 0",
    "boolean_status": "状态为 true 和 false",
    "null_failure": "失败为 null",
    "numeric_send_to_id": "`sendToId` 全为数字时以数字给出",
    "wrong_type_word": "结果的类型写成 `login`",
    "result_as_json_text": "结果数据是字符串里的 JSON",
    "nested_data": "结果多包一层 `data`",
    "items_as_list": "`invoiceItems` 是列表而非文本",
    "items_empty": "`invoiceItems` 是空文本",
    "integers_for_flags": "标志和 `vipId` 是数字",
    "url_with_curly_quotes": "URL 带弯引号，如手册所示",
    "missing_echo_fields": "只回显销售方、购买方名称、明细和 URL",
    "no_echo": "只回显 URL 和 `isDrafts`",
    "extra_fields": "回显手册没有的成员",
    "listed_late": "开票若干秒后才能查到",
    "never_listed": "永远查不到该发票",
    "query_refused": '回复 `query_invoice` `"0"` 而非数据',
    "query_silent": "既无数据也无通知",
    "query_slow": "若干秒后才回复数据",
    "query_dropped": "不回复，断开连接",
    "query_dropped_after_page": "回复数据后断开，不发通知",
    "query_login_told": '数据之前先来 `login` `"1"`',
    "query_other_send_to": "正确数据之前，先来另一公司、`sendToId` 不同的数据",
    "query_garbage": "先来非 JSON 文本，再来数据",
    "query_garbage_only": "来非 JSON 文本，之后无声",
    "query_twice": "数据来两次",
    "query_binary": "数据和通知为二进制帧",
    "query_filters_ignored": "忽略条件，回复该公司所有发票",
    "page_typed_login": "数据的类型写成 `login`，如手册示例",
    "page_nested": "数据多包若干层 `data`；1 为手册示例",
    "page_paging_outside": "各行比 `total` 等深一层 `data`",
    "page_as_json_text": "数据是字符串里的 JSON",
    "page_oversized": "第一行的 `note` 长若干 MiB",
    "paging_empty_last": "多宣布一页，该页为空",
    "paging_repeats": "每页都是第一页，且总有下一页",
    "paging_has_next_always": "`hasNext` 总为 true",
    "paging_has_next_never": "`hasNext` 总为 false",
    "paging_no_has_next": "没有 `hasNext`",
    "paging_total_page_wrong": "`totalPage` 为给定的值",
    "paging_total_wrong": "`total` 为给定的值",
    "paging_text": "`total`、`currentPage`、`totalPage`、`hasNext` 为文本",
    "paging_missing": "没有 `total`、`currentPage`、`totalPage`、`hasNext`",
    "rows_shift": "每翻一页，顶部新增若干张发票",
    "rows_twice": "每行来两次",
    "rows_foreign": "混有其他公司的发票",
    "rows_mixed_empty": "未知的值轮流为 null、空或缺失",
    "rows_extra_members": "行中有手册没有的成员",
    "rows_ids_text": "id 为文本",
    "rows_vip_text": "`vipId` 为文本",
    "rows_dates_seconds": "`invoiceDate` 为秒",
    "rows_dates_digits": "`invoiceDate` 为文本形式的毫秒",
    "rows_dates_text": "`invoiceDate` 为 `yyyy-MM-dd HH:mm:ss`",
    "rows_dates_day": "`invoiceDate` 为 `yyyy-MM-dd`",
    "rows_dates_iso": "`invoiceDate` 为带时区的 ISO",
    "rows_dates_array": "`invoiceDate` 为列表：年、月、日、时、分、秒",
    "rows_dates_array_nanos": "`invoiceDate` 为末尾带纳秒的列表",
    "rows_dates_fraction": "`invoiceDate` 为带小数、不带时区的 ISO",
    "rows_dates_slashes": "`invoiceDate` 为 `yyyy/MM/dd HH:mm:ss`",
    "rows_dates_chinese": "`invoiceDate` 为 `yyyy年MM月dd日`",
    "rows_dates_english": "`invoiceDate` 形如 `Nov 29, 2026 3:24:35 PM`",
    "rows_dates_java": "`invoiceDate` 形如 `Sun Nov 29 15:24:35 CST 2026`",
    "rows_money_separated": "金额为带千分位的文本",
    "rows_money_marked": "金额为带 ￥、元和千分位的文本",
    "rows_money_text": "金额为文本",
    "rows_money_noisy": "金额带有浮点求和的尾数",
    "rows_totals_disagree": "`totalPriceAndTax` 比金额与税额之和多一元",
    "download_fails": "下载失败若干次（含通知），随后成功",
    "download_never": "下载失败，重试也失败",
    "download_two_dates": "一次告知两个失败日期",
    "download_garbage": '通知既非 `"1"` 也非日期',
    "download_zero": '通知为 `"0"`',
    "download_silent": "没有通知",
    "download_late": "通知晚若干秒",
    "download_before_page": "通知先于数据",
    "download_twice": "通知来两次",
    "download_dropped": "不发通知，断开连接",
    "http_401": "查询返回 401",
    "http_403": "查询返回 403",
    "http_429": "查询返回 429 及若干秒的 `Retry-After`；0 则不带",
    "http_500": "查询返回 500",
    "http_503": "查询返回 503，给定数字时带 `Retry-After`",
    "http_cut": "不回复，断开连接",
    "http_slow": "若干秒后才回复",
    "http_not_json": "返回 200 和 HTML",
    "http_code_200": "`code` 为 200 而非 0",
    "http_business_error": "HTTP 200，`code` 为 500 并带 `msg`",
    "http_data_null": "`data` 为 null",
    "http_redirect": "重定向到另一主机；跟随会被计数",
    "items_none": "明细列表为空",
    "items_foreign": "混有其他发票的明细",
    "items_rates_fractions": "`taxRate` 为 0.01 而非 1%",
    "items_rates_words": "`taxRate` 为免税、不征税或 ***",
    "files_none": "文件列表为空",
    "files_types_missing": "只有所求的第一种类型",
    "files_foreign": "混有其他发票的文件",
    "files_urls_relative": "`url` 没有主机",
    "files_urls_spaced": "`url` 中有空格和中文",
    "files_types_odd": "`type` 为大写，隔一个前有点号",
}


def in_chinese(name: str) -> str:
    """What this fault does. Raises `KeyError` for one that nobody put into Chinese."""
    if name in _EFFECTS:
        return _EFFECTS[name]
    part, _, rewriting = name.partition("_")
    return f"{_REWRITTEN[part]}{_REWRITINGS[rewriting]}"
