"""The words of the page, in English and Chinese, and which of the two a browser asks for. Pure."""

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
