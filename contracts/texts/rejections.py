"""What each rejection means: the message never became a command, so nothing came of it. And each warning: the command
goes on, and somebody may want to look.
"""

from collections.abc import Mapping
from typing import Final

from contracts.texts.entry import Again, Entry, Possible, Words

REJECTIONS: Final[Mapping[str, Entry]] = {
    "malformed": Entry(
        Possible.NO,
        Again.CHANGED,
        Words(
            "The message is no strict JSON in UTF-8, or its envelope cannot be read.",
            "Mend the program that writes it: no member twice, no NaN, no broken text. Publish it under a new id.",
            None,
        ),
        Words(
            "消息不是严格的 UTF-8 JSON，或无法读取信封字段。",
            "请修正发送程序：成员不可重复，不可有 NaN 或残缺的字符；然后用新的 id 发送。",
            None,
        ),
    ),
    "unknown_type": Entry(
        Possible.NO,
        Again.CHANGED,
        Words(
            "This version knows no command of that type.",
            "Check the spelling of type; or ask whoever runs the worker for a newer version.",
            None,
        ),
        Words("当前版本没有该类型的命令。", "请检查 type 的拼写，或请运维人员升级版本。", None),
    ),
    "invalid": Entry(
        Possible.NO,
        Again.CHANGED,
        Words(
            "The data do not fit.",
            "errors[].path names each member at fault. Mend them all and publish under a new id.",
            "Some details for the invoice are not right; please check them.",
        ),
        Words(
            "数据不符合要求。",
            "errors[].path 指出了每个有误的成员；全部改正后用新的 id 发送。",
            "开票信息有误，请核对后重新提交。",
        ),
    ),
    "too_large": Entry(
        Possible.NO,
        Again.CHANGED,
        Words(
            "The message is larger than the worker takes (1 MiB by default).",
            "Split the order into several invoices.",
            None,
        ),
        Words("消息超过允许的大小（默认 1 MiB）。", "请把订单拆成多张发票。", None),
    ),
    "id_missing": Entry(
        Possible.NO,
        Again.CHANGED,
        Words(
            "The message has no id; the answer names it unnamed-… and goes to reply_to alone.",
            "Give each command an id of its own, and keep it beside your order.",
            None,
        ),
        Words(
            "消息没有 id；答复只发到 reply_to，以 unnamed-… 称呼它。",
            "请为每条命令生成唯一的 id，并与订单一起保存。",
            None,
        ),
    ),
    "id_reused": Entry(
        Possible.FIRST,
        Again.NO,
        Words(
            "This id came before with other content. The first command is not touched.",
            "Look at the first one's outcome (invoice.stored). Only for another order: take a new id.",
            None,
        ),
        Words(
            "该 id 已被内容不同的命令使用，先前的命令不受影响。",
            "请先用 invoice.stored 查看先前命令的结果；若确是另一张订单，请换新的 id。",
            None,
        ),
    ),
    "reply_to_refused": Entry(
        Possible.NO,
        Again.CHANGED,
        Words(
            "No reply may go to that queue, or the property user_id is missing where the worker asks for it.",
            "Use a queue of your own that the operator allows. The events are on the topic all the same.",
            None,
        ),
        Words(
            "不允许回复到该队列，或缺少必须的 user_id 属性。",
            "请使用运维人员允许的自有队列；事件仍会发布到 topic 交换机。",
            None,
        ),
    ),
    "busy": Entry(
        Possible.NO,
        Again.SAME_ID,
        Words(
            "Your source has too many commands waiting.",
            "Send it again later, under the same id.",
            "Your invoice takes a little longer; you need do nothing.",
        ),
        Words(
            "您的来源等待中的命令过多。",
            "请稍后用同一个 id 重新发送。",
            "您的发票开具稍有延迟，无需任何操作。",
        ),
    ),
    "order_reused": Entry(
        Possible.FIRST,
        Again.NO,
        Words(
            "This orderNo came before with other content; firstCommandId names that command.",
            "Look at the first one's outcome. Only for another order: take another orderNo and a new id.",
            None,
        ),
        Words(
            "该 orderNo 已被内容不同的命令使用，firstCommandId 为先前的命令。",
            "请先查看先前命令的结果；若确是另一张订单，请换用新的 orderNo 和 id。",
            None,
        ),
    ),
    "order_taken": Entry(
        Possible.FIRST,
        Again.NO,
        Words(
            "Another source has this order number of the same seller.",
            "Agree with the other system who issues this order; nothing of theirs is told here.",
            None,
        ),
        Words(
            "同一销售方的该订单号已被其他来源占用。",
            "请与对方系统确认由谁开票；此处不会透露对方的任何信息。",
            None,
        ),
    ),
    "duplicate": Entry(
        Possible.FIRST,
        Again.NO,
        Words(
            "An order that is the same in all that counts came shortly before.",
            "Look at the outcome of firstCommandId. If a second invoice is meant, send it with allowDuplicate: true.",
            None,
        ),
        Words(
            "不久前已收到一张实质内容完全相同的订单。",
            "请查看 firstCommandId 的结果；若确需再开一张，请设置 allowDuplicate: true 后发送。",
            None,
        ),
    ),
}


def _warning(en: tuple[str, str], zh: tuple[str, str]) -> Entry:
    return Entry(Possible.OPEN, Again.NEEDLESS, Words(*en, None), Words(*zh, None))


WARNINGS: Final[Mapping[str, Entry]] = {
    "check_digit": _warning(
        ("The tax id's check digit does not fit.", "Compare it with the business licence; some real ones do not fit."),
        ("税号校验位不符。", "请与营业执照核对；个别真实税号也会不符。"),
    ),
    "company_is_not_seller": _warning(
        ("The login's company is not the invoice's seller.", "Right only where one company issues for another."),
        ("登录企业与发票销售方不一致。", "仅在代开等情形下属于正常，请核对。"),
    ),
    "area_mismatch": _warning(
        ("The login's area is not the one that the tax id names.", "Right only if the firm has moved."),
        ("登录地区与税号所属地区不一致。", "仅在企业迁移后属于正常，请核对。"),
    ),
    "area_confused": _warning(
        ("shanxi (山西) and shaanxi (陕西) seem to be confused.", "Check the area before the login is refused."),
        ("疑似混淆山西（shanxi）与陕西（shaanxi）。", "请立即核对地区，否则登录可能被拒。"),
    ),
    "unknown_area": _warning(
        ("The area is none of the 36 tax bureaus; it is sent as it is.", "Check the spelling."),
        ("地区不在 36 个税务局之列，将原样发送。", "请检查拼写。"),
    ),
    "unknown_role": _warning(
        ("The role is none of the bureau's known ones; it is sent as it is.", "Check the spelling."),
        ("办税身份不在已知范围内，将原样发送。", "请检查拼写。"),
    ),
    "seller_account": _warning(
        ("sellerLoginAccount differs from the login's phone.", "Give sellerLoginPassword too, or neither."),
        ("sellerLoginAccount 与登录手机号不同。", "请同时提供 sellerLoginPassword，或两者都不提供。"),
    ),
    "expected_total": _warning(
        (
            "The expectedTotal is less than the lines come to, or more than any tax makes of them.",
            "Check both: all amounts are in yuan.",
        ),
        ("expectedTotal 小于各行合计，或大于按最高税率计算的价税合计。", "请核对两者：所有金额均以元为单位。"),
    ),
    "deadline_passed": _warning(
        ("The deadline had passed when the command came in.", "Publish earlier, or set a later deadline."),
        ("命令到达时已超过截止时间。", "请更早发送，或把 deadline 设得更晚。"),
    ),
    "large_frame": _warning(
        ("The order makes a frame that the gateway may not take.", "Split very long orders."),
        ("订单生成的报文较大，网关可能无法接收。", "请拆分过长的订单。"),
    ),
    "duplicate_suspected": _warning(
        (
            "An earlier command of yours is the same in all that counts.",
            "Compare the two (commandId names the other); give each order an orderNo.",
        ),
        ("先前有一条实质内容相同的命令。", "请与 commandId 所指的命令比对；为每张订单填写 orderNo 即可识别重复。"),
    ),
    "text_cleaned": _warning(
        ("Invisible characters, tabs or line ends were taken out of a text.", "Clean the text where it is typed in."),
        ("文本中的不可见字符、制表符或换行已被清理。", "请在录入处清理文本。"),
    ),
    "invoice_dead": _warning(
        ("The invoice was red-lettered or voided since.", "Ask the seller's accounting whether that was meant."),
        ("该发票已被红冲或作废。", "请向销售方财务确认是否有意为之。"),
    ),
    "tax_id_unusual": _warning(
        (
            "The tax id is no Chinese one, a character too long or short, is the seller's own, or a company has none.",
            "Right for foreign buyers and passports; else look for a typo.",
        ),
        (
            "税号不是中国税号、多或少一位、与销售方相同，或企业未填税号，将原样发送。",
            "境外购买方或护照号属于正常；否则请核对。",
        ),
    ),
    "line_without_amount": _warning(
        ("A line comes to nothing.", "Leave it out, or give it a price: the bureau may refuse it."),
        ("有一行金额为零。", "请删除该行或填写单价，税务局可能拒绝。"),
    ),
    "name_unusual": _warning(
        (
            "A person's name has a single character, or a name holds a question mark or an emoji.",
            "Ask for the full name: the bureau refuses a single character; a question mark may stand for a lost one.",
        ),
        (
            "个人姓名只有一个字，或名称中有问号或表情符号。",
            "请核对全名：税务局会拒绝单字姓名，问号可能是丢失的生僻字。",
        ),
    ),
}
