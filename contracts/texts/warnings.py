"""What each warning means: the command goes on, and somebody may want to look."""

from collections.abc import Mapping
from typing import Final

from contracts.texts.entry import Again, Entry, Possible, Words


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
        ("The tax id is no Chinese one, or a company has none.", "Right for foreign buyers and passports."),
        ("税号不是中国税号，或企业未填税号，将原样发送。", "境外购买方或护照号属于正常。"),
    ),
    "line_without_amount": _warning(
        ("A line comes to nothing.", "Leave it out, or give it a price: the bureau may refuse it."),
        ("有一行金额为零。", "请删除该行或填写单价，税务局可能拒绝。"),
    ),
    "name_unusual": _warning(
        (
            "A person's name has a single character, or a name holds a question mark.",
            "Ask for the full name: the bureau refuses a single character; a question mark may stand for a lost one.",
        ),
        ("个人姓名只有一个字，或名称中有问号。", "请核对全名：税务局会拒绝单字姓名，问号可能是丢失的生僻字。"),
    ),
}
