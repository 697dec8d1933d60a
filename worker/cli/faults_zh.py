"""What is wrong with a command, in Chinese: the sentences of `contracts` and of the intake, one by one. Events have
them in English alone, and what has no line here stays so. Pure.
"""

import re
from typing import Final

SENTENCES: Final = (
    # of any member
    ("is required", "必填"),
    ("must be text", "必须是文本"),
    ("must be text, or be left out where there is none", "必须是文本；没有时请删去"),
    ("must be text, in quotation marks: {}", "必须是带引号的文本：数字在途中会丢失前导零和末位"),
    ("must not be empty", "不能为空"),
    ("must be at most {} characters long", "最多 {} 个字符"),
    ("must be at most {} characters long ({})", "最多 {} 个字符（{}）"),
    ("must be at most {} characters long, the point included ({})", "连同小数点最多 {} 个字符（{}）"),
    ("must be at most {} long", "长度最多 {}"),
    ("must have at most {} entries", "最多 {} 项"),
    ("must have at most {} decimal places", "最多 {} 位小数"),
    ("must have at most {} decimal places ({}): round it", "最多 {} 位小数（{}），请取整"),
    (
        "is a number as spreadsheets shorten long ones ({}), and its digits are lost: format the column as text",
        "是表格软件缩写的长数字（{}），末位已丢失：请把该列设为文本格式",
    ),
    ("must be true or false", "必须是 true 或 false"),
    ("must be a whole number", "必须是整数"),
    ("must be a list", "必须是列表"),
    ("must be an object", "必须是对象"),
    ("must be an object: put the JSON itself there, not its text", "必须是对象：请直接放入 JSON，而不是它的文本"),
    ('must be a decimal number, as JSON number or text (12.50 or "12.50")', '必须是数字或数字文本（12.50 或 "12.50"）'),
    (
        'must be a decimal, written like a JSON number (12.50 or "12.50"): without currency, separators or units',
        '必须是数字（12.50 或 "12.50"），不带货币符号、千分位或单位',
    ),
    ("must be a number, not true or false", "必须是数字，不能是 true 或 false"),
    ("must be the number 0 or 1", "必须是数字 0 或 1"),
    ("must be the number {}", "必须是数字 {}"),
    ("must be one of {}", "必须是下列之一：{}"),
    ("must be greater than {}", "必须大于 {}"),
    ("must be {} or more", "必须不小于 {}"),
    ("must be at most {}", "最大为 {}"),
    ("is too large", "数值过大"),
    ("is out of range", "超出范围"),
    ("is not valid", "无效"),
    ("must hold letters or digits", "必须含有字母或数字"),
    (
        "must be a time as RFC 3339 text with an offset, such as {}",
        "必须是带时区的时间（RFC 3339 文本），例如 {}",
    ),
    ("must be a day, such as {}", "必须是日期，例如 {}"),
    ("must be an id: digits, from 1 to {}", "必须是 id：1 到 {} 的数字"),
    ("must be 8 to 20 digits", "必须是 8 到 20 位数字"),
    (
        "must be letters, digits, '.', '_' and '-', beginning with a letter or digit",
        "只能含字母、数字、“.”、“_”和“-”，并以字母或数字开头",
    ),
    (
        "must be text of 1 to {} characters without control characters",
        "必须是 1 到 {} 个字符的文本，不含控制字符",
    ),
    ("must not hold control characters such as tabs or line breaks", "不能含有制表符、换行等控制字符"),
    (
        "must not hold control characters such as tabs or line breaks (a line feed is at character {})",
        "不能含有制表符、换行等控制字符（第 {} 个字符是换行）",
    ),
    (
        "must not hold control characters such as tabs or line breaks (one is at character {})",
        "不能含有制表符、换行等控制字符（在第 {} 个字符处）",
    ),
    ("and {} more faults", "另有 {} 处错误"),
    ("exactly one of {} must be given", "必须且只能给出其中之一：{}"),
    ("{} must be given together", "必须同时给出：{}"),
    # of a member's name
    ("is not a known member; did you mean {}?", "没有这个成员；是否应为 {}？"),
    ("is not a known member; check the spelling, or leave it out", "没有这个成员；请检查拼写，或删去"),
    ("is given twice: send either {} or {}, or the same in both", "重复给出：{} 与 {} 只发送其一，或两者相同"),
    ("does not belong here, but in {}", "位置不对，应放在 {} 中"),
    ("is no member of this command, but of {}", "不属于此命令，而属于 {}"),
    (
        "is not a known member; a line comes to quantity times unitPrice: leave it out {}",
        "没有这个成员；每行金额为 quantity 乘 unitPrice，请删去（只有金额时：数量为 1，单价为该金额）",
    ),
    (
        "is not a known member; whatever is charged is a line of invoiceItems",
        "没有这个成员；收取的费用请列为 invoiceItems 的一行",
    ),
    (
        "is not a known member; the gateway's manual has none for who issues, checks or cashes: leave it out, {}",
        "没有这个成员；网关手册中没有开票人、复核人、收款人，请删去，或写入 remark",
    ),
    (
        "is not a known member; the tax bureau dates the invoice when it issues it: leave it out",
        "没有这个成员；开票日期由税务局在开具时填写，请删去",
    ),
    (
        "is not a known member; all amounts are in yuan: convert them, and leave it out",
        "没有这个成员；所有金额均为人民币元，请换算后删去",
    ),
    (
        "is not a known member; events are published, {}",
        "没有这个成员；结果以事件发布，也发到消息属性 reply_to 指定的队列，请删去",
    ),
    (
        "is not a known member; the lines make the total. What you expect goes into expectedTotal, beside invoice",
        "没有这个成员；合计由各行得出。预期的价税合计请放在 invoice 之外的 expectedTotal",
    ),
    (
        "is not a known member; the gateway's manual has none for {} ({}): make it at the tax bureau",
        "没有这个成员；网关不支持{1}，请到电子税务局开具",
    ),
    (
        "is not a known member; what is taken off {} discounts, beside invoice: {} folds it {}",
        "没有这个成员；折扣请放在 invoice 之外的 discounts：{1} 会折入该行单价",
    ),
    (
        "is not a known member; an invoice has no member for tax rates or codes, {}",
        "没有这个成员；网关手册中没有税率或税收编码，请删去",
    ),
    # of an order
    (
        "must be 0 or more: a line cannot take something off. {} discounts, beside invoice: {} folds it {}",
        "不能为负：一行不能用来抵减。折扣请放在 invoice 之外的 discounts：{1} 会折入该行单价",
    ),
    (
        "must be greater than 0: goods that came back need a red-letter {} discounts, {}: {} folds {}",
        "必须大于 0：退货须开红字发票，请到电子税务局开具。抵减请放在 invoice 之外的 discounts：{2} 会折入该行单价",
    ),
    (
        "must be greater than 0: leave out a line of which there is nothing; {}",
        "必须大于 0：没有数量的行请删去；标题或说明请写入 remark",
    ),
    (
        "must be a decimal number, {}. A line with an amount alone has a quantity of 1, and {}",
        "必须是数字或数字文本。只有金额的行：数量为 1，单价为该金额",
    ),
    ("must be at most {} lines ({})", "最多 {} 行（{}）"),
    ("must come to more than zero in total", "合计必须大于零"),
    (
        "must be whole, for the manual says integer ({} lets fractions pass)",
        "必须是整数，手册如此规定（{} 可放行小数）",
    ),
    (
        "must not hold < or >, which the tax bureau refuses in names (one is at character {})",
        "名称中不能有 < 或 >，税务局会拒绝（在第 {} 个字符处）",
    ),
    ("must be 15 to 20 letters and digits ({})", "必须是 15 到 20 位字母和数字（{}）"),
    ("must be a tax id as {} wants it", "必须是符合 {} 的税号"),
    (
        "must be 0: a natural person gets no special invoice (专票, buyerInvoiceType 1)",
        "必须为 0：自然人不能取得专票（buyerInvoiceType 1）",
    ),
    (
        "is required for a special invoice (专票); an ordinary one (buyerInvoiceType 0) can do without",
        "专票必填；普票（buyerInvoiceType 0）可以不填",
    ),
    (
        "looks like a word for none; a special invoice (专票) needs the buyer's own",
        "看起来表示“无”；专票必须填购买方自己的税号",
    ),
    (
        "must be letters, digits and the marks . / & + * _, as tax ids and passports have them; another {}",
        "只能含字母、数字和 . / & + * _，如税号和护照号；有其他字符。购买方没有税号时请留空",
    ),
    (
        "must name a line of invoiceItems, from 1 to {}; a number beyond them came",
        "必须是 invoiceItems 的行号，1 到 {}；给出的超出范围",
    ),
    (
        "must be at most what the line comes to; a larger discount came. Spread it over other lines",
        "不能超过该行金额；请把折扣分到其他行",
    ),
    (
        "cannot be folded into the line's price to the cent: a price has {} decimal places {}. The nearest {} is {}",
        "无法精确到分折入该行单价：此处单价有 {0} 位小数。最接近的可行折扣是 {3}",
    ),
    # of broken texts
    (
        "holds U+FFFD or what became of it, {}",
        "含有 U+FFFD 或其变形，即程序读不出的字符：原文已丢失。请一律以 UTF-8 读写",
    ),
    (
        "is {} that was read as {}: name the encoding wherever your program reads or writes a text",
        "是被当作 {1} 读取的 {0}（乱码）：请在程序读写文本处都指明编码",
    ),
    (
        "is nothing but question marks, {}",
        "全是问号，即编码中没有的字符：原文已丢失。请在程序把文本转成字节处指明 UTF-8",
    ),
    (
        "is the word that programs write for a value that is not there; give the name itself",
        "是程序对空值的写法；请填真正的名称",
    ),
    (
        "holds half of an emoji (a lone surrogate, at character {}), {}",
        "含有半个表情符号（第 {} 个字符处的孤立代理项），不是文本：请按字符截断，而不是按 UTF-16 单元",
    ),
    # of a query
    ("startInvoiceDate must not be after endInvoiceDate", "startInvoiceDate 不能晚于 endInvoiceDate"),
    ("startInvoiceDate and endInvoiceDate must span at most {} days", "startInvoiceDate 到 endInvoiceDate 最多 {} 天"),
    ("startInvoiceValue must not be greater than endInvoiceValue", "startInvoiceValue 不能大于 endInvoiceValue"),
    ("with queryType 0 the counterparty is the buyer: use {}", "queryType 为 0 时对方是购买方：请用 {}"),
    ("with queryType 1 the counterparty is the seller: use {}", "queryType 为 1 时对方是销售方：请用 {}"),
    # of a message
    ("the body is empty", "消息体为空"),
    ("the body must be at most {} bytes", "消息体最多 {} 字节"),
    ("the body is not JSON: look at line {}, column {}", "消息体不是 JSON：请看第 {} 行第 {} 列"),
    ("the body must be a JSON object", "消息体必须是 JSON 对象"),
    (
        "the body must be a JSON object, and is text that holds one: it was made JSON twice",
        "消息体必须是 JSON 对象，而不是装着它的文本：它被转成了两次 JSON",
    ),
    ("the body is in UTF-16, and must be in UTF-8", "消息体是 UTF-16，必须是 UTF-8"),
    ("the body is in GBK, not UTF-8: look at byte {}", "消息体是 GBK，不是 UTF-8：请看第 {} 字节"),
    ("the body is not UTF-8: look at byte {}", "消息体不是 UTF-8：请看第 {} 字节"),
    ("the body is XML, and must be JSON", "消息体是 XML，必须是 JSON"),
    ("the body is JSON in base64: send the JSON itself", "消息体是 base64 的 JSON：请直接发送 JSON"),
    (
        "the body is no JSON but a dictionary as Python prints it: its texts are in single quotes",
        "消息体不是 JSON，而是 Python 打印的字典：其文本用了单引号",
    ),
    (
        "the body cannot be read as a command: an object has the same member twice",
        "消息体中同一对象有重复的成员",
    ),
    ('must be "1.0"', "必须是 “1.0”"),
    ("is no command that this worker runs; it runs {}", "没有这种命令；可用的有 {}"),
    ("is no command that this worker runs (it came as {}); it runs {}", "没有这种命令（来自 {}）；可用的有 {}"),
    (
        "this source has used this id with other content; give the new order an id of its own",
        "该来源已用此 id 发送过不同内容；请为新订单另起 id",
    ),
    (
        "this source has too many waiting commands; send this one again later, under the same id",
        "该来源等待中的命令过多；请稍后用同一 id 重发",
    ),
    (
        "the same order came a moment ago under another id; an orderNo would tell them apart, {}",
        "同样的订单刚用另一个 id 发送过；用 orderNo 可以区分，确需再开请加 allowDuplicate: true",
    ),
    ("this source has used this number for an order with other content", "该来源已将此订单号用于内容不同的订单"),
    ("this number of the seller is in use by another source", "该销售方的此订单号已被其他来源使用"),
)
_TAILS: Final = (
    ("; it has {} characters", "；现有 {} 个字符"),
    (
        "; it has {}, as binary floats have: round it, or send decimals as text",
        "；现有 {}，是二进制浮点数所致：请取整，或以文本发送",
    ),
    ("; it has {}", "；现有 {}"),
    ("; null came", "；收到的是 null"),
    ("; true or false came", "；收到的是 true 或 false"),
    ("; a number came", "；收到的是数字"),
    ("; an object came", "；收到的是对象"),
    ("; a list of {} came", "；收到的是 {} 项的列表"),
    ("; empty text came", "；收到的是空文本"),
    ("; text of {} character came", "；收到的是 {} 个字符的文本"),
    ("; text of {} characters came", "；收到的是 {} 个字符的文本"),
    ("; text came", "；收到的是文本"),
    ("; a fraction came", "；收到的是小数"),
    ("", ""),
)
"""What came instead, behind the sentence of what is wanted."""


def _pattern(english: str) -> re.Pattern[str]:
    return re.compile("(.+?)".join(map(re.escape, english.split("{}"))), re.DOTALL)


_KNOWN: Final = tuple(
    (_pattern(english), chinese) for english, chinese in sorted(SENTENCES, key=lambda entry: -len(entry[0]))
)
"""The longest first: a short one may be the beginning of another."""
_KNOWN_TAILS: Final = tuple(
    (re.compile(f"(?s:(.*)){_pattern(english).pattern}"), chinese) for english, chinese in _TAILS
)


def in_chinese(message: str) -> str:
    """The sentence in Chinese; as it came, where it is none of these."""
    for tail, its_words in _KNOWN_TAILS:
        if (found := tail.fullmatch(message)) and (words := _whole(found[1])):
            return words + its_words.format(*found.groups()[1:])
    return message


def _whole(message: str) -> str | None:
    for pattern, chinese in _KNOWN:
        if found := pattern.fullmatch(message):
            return chinese.format(*found.groups())
    return None
