"""What each failure means: the command was accepted, and no invoice (or no answer) came of it."""

from collections.abc import Mapping
from typing import Final

from contracts.texts.entry import Again, Entry, Possible, Words

_LATER: Final = "Your invoice takes a little longer; you need do nothing."
_LATER_ZH: Final = "您的发票开具稍有延迟，无需任何操作。"
_WE_LOOK: Final = "Your invoice could not be issued yet; we are looking into it."
_WE_LOOK_ZH: Final = "您的发票暂未开出，我们正在处理。"
_NOT_LISTED: Final = "The list could not be read just now; please try again later."
_NOT_LISTED_ZH: Final = "暂时无法查询发票，请稍后再试。"

FAILURES: Final[Mapping[str, Entry]] = {
    "login_refused": Entry(
        Possible.NO,
        Again.CHANGED,
        Words(
            "The gateway refused the login to the tax bureau; gatewayMessage is why, where it says so.",
            "Check companyCode, phone, password, area and role; log in once on the bureau's own site. Then send the "
            "order under a new id. A few refusals in a row suspend the account.",
            _WE_LOOK,
        ),
        Words(
            "网关登录税务局被拒绝；网关如说明原因，见 gatewayMessage。",
            "请核对税号、手机号、密码、地区和办税身份，并在电子税务局网站上手动登录一次确认；改正后用新的 id "
            "重新发送。连续被拒数次后账号会暂停使用。",
            _WE_LOOK_ZH,
        ),
    ),
    "login_suspended": Entry(
        Possible.NO,
        Again.NEW_ID,
        Words(
            "Logins of this account were refused several times in a row, so it rests before the bureau locks it.",
            "Mend the login first; send the order again under a new id when the rest is over (30 minutes by default).",
            _LATER,
        ),
        Words(
            "该账号连续多次登录被拒，为避免被税务局锁定，已暂停使用。",
            "请先改正登录信息，暂停期满后（默认 30 分钟）用新的 id 重新发送。",
            _LATER_ZH,
        ),
    ),
    "qr_failed": Entry(
        Possible.UNLIKELY,
        Again.NEW_ID,
        Words(
            "No QR could be had, or the face scan was refused; the worker looked and found no invoice.",
            "Make sure that the account's own person scans, then send the order again under a new id.",
            "The identity check did not succeed; a new QR code follows.",
        ),
        Words(
            "未能取得二维码，或人脸认证未通过；已到网关查询，未发现发票。",
            "请确认由该账号本人扫码认证，然后用新的 id 重新发送。",
            "身份认证未通过，稍后会重新提供二维码。",
        ),
    ),
    "qr_expired": Entry(
        Possible.UNLIKELY,
        Again.NEW_ID,
        Words(
            "Nobody scanned the QR in time; the worker looked and found no invoice.",
            "Send the order again under a new id when the person is at hand to scan.",
            "The QR code has expired; ask for a new one when you are ready to scan.",
        ),
        Words(
            "二维码在有效期内无人扫描；已到网关查询，未发现发票。",
            "请在扫码人员就位后，用新的 id 重新发送。",
            "二维码已过期，准备好扫码后请重新获取。",
        ),
    ),
    "issue_refused": Entry(
        Possible.UNLIKELY,
        Again.CHANGED,
        Words(
            "The gateway refused the invoice; the worker looked and found none.",
            "Read gatewayMessage where there is one; check the buyer's data, the goods' codes, the tax rates and the "
            "seller's quota. Then send it under a new id.",
            "The invoice was not accepted with these details; please check name and tax number.",
        ),
        Words(
            "网关拒绝开票；已到网关查询，未发现发票。",
            "请查看 gatewayMessage（如有），核对购买方信息、商品编码、税率和销售方的授信额度；"
            "改正后用新的 id 重新发送。",
            "按现有信息未能开票，请核对抬头和税号。",
        ),
    ),
    "not_issued": Entry(
        Possible.UNLIKELY,
        Again.AFTER_CHECK,
        Words(
            "The outcome was unknown for a time; evidence or a person now says that no invoice exists.",
            "Look at the tax bureau once more where a second invoice would hurt; then send the order under a new id.",
            _WE_LOOK,
        ),
        Words(
            "开票结果曾经不明；经查询或人工核实，发票不存在。",
            "如重复开票后果严重，请先到电子税务局再确认一次，然后用新的 id 重新发送。",
            _WE_LOOK_ZH,
        ),
    ),
    "saved_as_draft": Entry(
        Possible.NO,
        Again.AFTER_CHECK,
        Words(
            "The gateway kept a draft, which is no invoice.",
            "Issue or delete the draft at the tax bureau. Only if it was deleted send the order again, under a new id "
            "and a new orderNo.",
            _WE_LOOK,
        ),
        Words(
            "网关仅保存了草稿，并未开出发票。",
            "请到电子税务局开具或删除该草稿；仅在删除后，才用新的 id 和新的 orderNo 重新发送。",
            _WE_LOOK_ZH,
        ),
    ),
    "query_refused": Entry(
        Possible.OPEN,
        Again.CHANGED,
        Words(
            "The gateway refused the query (login, condition or portal); gatewayMessage is why, where it says so.",
            "Check login and condition; ask for fewer days. A query changes nothing and may be sent at any time.",
            _NOT_LISTED,
        ),
        Words(
            "网关拒绝了查询，可能是登录信息、查询条件或税务局网站的问题；网关如说明原因，见 gatewayMessage。",
            "请核对登录信息和查询条件，缩短查询日期范围。查询不产生任何变更，可随时重新发送。",
            _NOT_LISTED_ZH,
        ),
    ),
    "download_failed": Entry(
        Possible.OPEN,
        Again.NEW_ID,
        Words(
            "The gateway could not fetch the files, however often it was asked. The invoices exist.",
            "Send invoice.download with the same date again later, under a new id.",
            "The file is not ready yet; the invoice itself is valid.",
        ),
        Words(
            "网关多次尝试仍未能取得文件；发票本身已存在。",
            "请稍后用新的 id 和相同的 date 再次发送 invoice.download。",
            "发票文件暂未就绪，发票本身有效。",
        ),
    ),
    "gateway_unauthorized": Entry(
        Possible.NO,
        Again.NEW_ID,
        Words(
            "The gateway answered the connection with 401: the worker's configuration is at fault.",
            "Tell whoever runs the worker (FAPIAO_GATEWAY_HEADERS); afterwards send the order again under a new id.",
            _LATER,
        ),
        Words(
            "网关拒绝连接（401）：服务配置有误。",
            "请通知运维人员检查 FAPIAO_GATEWAY_HEADERS，修复后用新的 id 重新发送。",
            _LATER_ZH,
        ),
    ),
    "gateway_forbidden": Entry(
        Possible.NO,
        Again.NEW_ID,
        Words(
            "The gateway answered the connection with 403: this user or this worker is not allowed.",
            "Check the userId; tell whoever runs the worker. Afterwards send the order again under a new id.",
            _LATER,
        ),
        Words(
            "网关拒绝连接（403）：该用户或该服务没有权限。",
            "请核对 userId，并通知运维人员；修复后用新的 id 重新发送。",
            _LATER_ZH,
        ),
    ),
    "gateway_unavailable": Entry(
        Possible.NO,
        Again.NEW_ID,
        Words(
            "The gateway could not be reached before the deadline. Nothing was submitted.",
            "Send the same order again under a new id; give it a later deadline.",
            _LATER,
        ),
        Words(
            "在截止时间前无法连接网关，未提交任何内容。",
            "请用新的 id 重新发送同一订单，并把 deadline 设得更晚。",
            _LATER_ZH,
        ),
    ),
    "gateway_timeout": Entry(
        Possible.NO,
        Again.NEW_ID,
        Words(
            "The gateway was reached but did not answer in time. Nothing was submitted.",
            "Send the same order again under a new id.",
            _LATER,
        ),
        Words(
            "已连接网关，但未及时得到答复，未提交任何内容。",
            "请用新的 id 重新发送同一订单。",
            _LATER_ZH,
        ),
    ),
    "protocol_error": Entry(
        Possible.NO,
        Again.AFTER_CHECK,
        Words(
            "The gateway said something that nobody understands, before an invoice was submitted.",
            "Show message and id to whoever runs the worker: the gateway may have changed.",
            _WE_LOOK,
        ),
        Words(
            "提交发票之前，网关返回了无法识别的内容。",
            "请把 message 和命令 id 交给运维人员，网关接口可能已变更。",
            _WE_LOOK_ZH,
        ),
    ),
    "credential_missing": Entry(
        Possible.NO,
        Again.CHANGED,
        Words(
            "The worker has no such credential, or cannot read it as a login.",
            "Check the name; have it mounted under FAPIAO_CREDENTIALS_DIR. Then send the order under a new id.",
            _LATER,
        ),
        Words(
            "服务端没有该 credential，或无法按登录信息读取。",
            "请核对名称，并由运维人员放入 FAPIAO_CREDENTIALS_DIR；然后用新的 id 重新发送。",
            _LATER_ZH,
        ),
    ),
    "deadline_exceeded": Entry(
        Possible.NO,
        Again.NEW_ID,
        Words(
            "The command's deadline passed before anything was submitted.",
            "Send the same order again under a new id; give it a later deadline, or none.",
            _LATER,
        ),
        Words(
            "提交之前已超过命令的截止时间，未提交任何内容。",
            "请用新的 id 重新发送，并把 deadline 设得更晚或不设。",
            _LATER_ZH,
        ),
    ),
    "http_error": Entry(
        Possible.OPEN,
        Again.NEW_ID,
        Words(
            "A look-up of items or files was answered with an error, or had still brought nothing at the last attempt.",
            "Check the ids: they change when an invoice is queried anew. Ask again under a new id.",
            _NOT_LISTED,
        ),
        Words(
            "查询商品明细或文件时返回错误，或始终没有结果。",
            "请核对发票 id（重新查询后 id 可能变化），再用新的 id 发送命令。",
            _NOT_LISTED_ZH,
        ),
    ),
    "cancelled": Entry(
        Possible.NO,
        Again.NEW_ID,
        Words(
            "It was cancelled before anything was submitted.",
            "Nothing. If it is wanted after all, send it under a new id.",
            "The request for the invoice was withdrawn.",
        ),
        Words(
            "命令在提交之前已被取消。",
            "无需处理；如仍需开票，请用新的 id 发送。",
            "开票申请已撤回。",
        ),
    ),
    "internal_error": Entry(
        Possible.NO,
        Again.NEW_ID,
        Words(
            "The worker met a fault of its own three times over this command, before anything was submitted.",
            "Send the same order later, under a new id. If it comes again, show the id to whoever runs the worker.",
            _LATER,
        ),
        Words(
            "提交之前，服务处理该命令时连续三次发生内部错误，未提交任何内容。",
            "请稍后用新的 id 重新发送；若再次出现，请把命令 id 交给运维人员。",
            _LATER_ZH,
        ),
    ),
}
