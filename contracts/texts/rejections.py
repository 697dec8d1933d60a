"""What each rejection means: the message never became a command, so nothing came of it."""

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
