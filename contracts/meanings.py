"""What each command, event and member means, in English and Chinese: for the schemas, the guides and the command line.

One line per command: `type | does | 作用 | reaches the gateway by | 如何到达网关`; per event: `type | meaning | 含义 |
what to do | 如何处理`; per member: `name | title | 标题 | meaning | 含义 | example as JSON`. A member's name stands for it
wherever it is; `Model.name` for that of one model. Tests hold that none lacks its line and that each example fits its
schema. Pure; knows nothing of types and limits, which the models have.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final


@dataclass(frozen=True, slots=True)
class MessageMeaning:
    """One type of message: what a command does and how it reaches the gateway, or what an event means and what to do
    then. In Markdown."""

    en: tuple[str, str]
    zh: tuple[str, str]

    def words(self, language: str) -> tuple[str, str]:
        """In Chinese for `zh-CN`, in English for any other."""
        return self.zh if language == "zh-CN" else self.en


@dataclass(frozen=True, slots=True)
class Meaning:
    """One member, for people who read a schema."""

    title: str
    en: str
    zh: str
    example: str
    """As JSON."""

    @property
    def description(self) -> str:
        """In both languages."""
        return f"{self.en} {self.zh}"

    def words(self, language: str) -> str:
        """In Chinese for `zh-CN`, in English for any other."""
        return self.zh if language == "zh-CN" else self.en


@lru_cache(maxsize=1)
def commands() -> dict[str, MessageMeaning]:
    """By type, in the order of the guides."""
    return _messages(_COMMANDS)


@lru_cache(maxsize=1)
def events() -> dict[str, MessageMeaning]:
    """By type, in the order of the guides; `<type>.failed` stands for that of every command."""
    return _messages(_EVENTS)


def _messages(told: str) -> dict[str, MessageMeaning]:
    rows = ([cell.strip() for cell in line.split(" | ")] for line in told.strip().splitlines())
    return {name: MessageMeaning((en, then_en), (zh, then_zh)) for name, en, zh, then_en, then_zh in rows}


def meaning_of(model: str, member: str) -> Meaning | None:
    """What this member of this model means; None where nobody has written it down."""
    return _all().get(f"{model}.{member}") or _all().get(member)


def names() -> list[str]:
    """Every name that has a meaning, as it is written here."""
    return [*_all()]


@lru_cache(maxsize=1)
def _all() -> dict[str, Meaning]:
    found: dict[str, Meaning] = {}
    for line in _MEANINGS.strip().splitlines():
        name, english, chinese, meaning, hanyi, example = (cell.strip() for cell in line.split(" | "))
        assert name not in found, f"{name} has two lines"  # noqa: S101  a second one would hide the first
        found[name] = Meaning(f"{english} {chinese}", meaning, hanyi, example)
    return found


_COMMANDS: Final = """
invoice.issue | issue one invoice | 开一张发票 | its WebSocket, with a login | WebSocket，需要登录
invoice.query | find invoices issued or received, with their items and files | 查询开出或取得的发票，连同明细和文件 | its WebSocket and HTTP, with a login | WebSocket 与 HTTP，需要登录
invoice.download | let the gateway get files again that it could not get during a query | 让网关重新获取查询时未能取得的文件 | its WebSocket, with a login | WebSocket，需要登录
invoice.items | the items of one invoice | 一张发票的商品明细 | HTTP | HTTP
invoice.files | where the files of some invoices are | 若干发票的文件地址 | HTTP | HTTP
invoice.stored | what earlier commands of yours brought | 您先前的命令取得了什么 | nothing: the worker's own journal | 不经网关，只查本服务的记录
invoice.audit | hold a period's list of issued invoices against what the worker knows: [Audit](#audit) | 把一段时间的开票清单与本服务的记录逐张核对，见[对账](#对账) | its WebSocket, with a login | WebSocket，需要登录
invoice.check | what would become of an `invoice.issue`: [Check](#check) | 预检一张订单，见[预检](#预检) | nothing | 不经网关
"""
_EVENTS: Final = """
invoice.issue.qr_required | a person must scan `image` (or a QR made of `content`, its text) with their face before `expiresAt` | 须由真人在 `expiresAt` 之前刷脸扫描 `image`（或用文本 `content` 自绘二维码） | show it; a later `attempt` (`receivedAt`) replaces an earlier one | 展示；`attempt` 更大的（`receivedAt` 更晚）取代先前的
invoice.issue.in_doubt | submitted (`submittedAt`), and for a `reason` nobody knows yet what became of it | 已提交（`submittedAt`），但由于 `reason`，暂时无人知道结果 | **wait**; see below | **等待**，见下文
invoice.issue.completed | issued; `invoiceUrl` is the PDF | 已开票，`invoiceUrl` 是 PDF | final | 终局
invoice.issue.confirmed | follows `completed`: number, date, totals and file addresses | 随 `completed` 之后：号码、日期、金额和文件地址 | store the number | 保存号码
invoice.issue.unconfirmed | follows `completed`: issued, but no look-up found the number | 随 `completed` 之后：已开票，但始终查不到号码 | somebody looks at the tax bureau | 请人到电子税务局查看
invoice.issue.archived | follows `confirmed` where the worker keeps files: `files` that are in its vault, `missing` ones that could not be had | 随 `confirmed` 之后，运维人员启用保管库时：`files` 已存入保管库，`missing` 未能取得 | store the digests | 保存 `sha256`；以保管库的副本为准，地址会过期
invoice.query.page | some of the invoices found | 查到的一部分发票 | store them; more may come | 保存；后面可能还有
invoice.query.completed | all pages were told; counts, and what is missing | 各页均已告知；数量，以及缺少什么 | final | 终局
invoice.query.archived | the same for the invoices of a query, after its end; several events where there are many | 同上，针对查到的发票，在查询结束之后；发票多时分成几个事件 | store the digests | 同上
invoice.download.completed | the gateway has the files now | 网关已取得文件 | final | 终局
invoice.items.completed | `items` of the invoice | 这张发票的 `items` | final | 终局
invoice.files.completed | `files`, and `missingFiles` | `files`，以及 `missingFiles` | final | 终局
invoice.stored.completed | `invoices` that the journal holds, how many there are (`total`), and where the named command stands (`commandState`) | 记录中的 `invoices`、总数 `total`，以及所问命令的状态 `commandState` | final | 终局
invoice.audit.finding | some of the `findings` of an audit, at most 100 | 对账发现的一部分：`findings`，最多 100 条 | somebody looks at them; more may come | 请人核对；后面可能还有
invoice.audit.completed | the period was gone through: counts, `sums`, and whether the list was whole | 对账完毕：各类数目、`sums`，以及清单是否完整 | final | 终局
invoice.check.completed | whether the order would be `accepted`, and what would be sent | 订单是否会被接收（`accepted`），以及将要发送的内容 | final | 终局
<type>.failed | nothing came of it; `code`, `stage`, `message`, `retryable` and `attempts` say why, `gatewayMessage` in the gateway's own words where it said so | 没有结果；原因见 `code`、`stage`、`message`、`retryable`、`attempts`，网关说明的原话在 `gatewayMessage` | final | 终局
<type>.rejected | the message was no good command; `errors` say where | 消息不是合格的命令；位置见 `errors` | final; mend it, publish it under a **new** id | 终局；改正后用**新 id** 发布
command.rejected | the type is unknown | 类型未知 | as `rejected` | 同上
"""
_MEANINGS: Final = """
specversion | CloudEvents version | 规范版本 | The version of CloudEvents. | CloudEvents 规范版本。 | "1.0"
id | id | 编号 | Names it among all of its source. With the source it is the key: the same id never issues twice. | 在同一来源内唯一；与来源一起作为幂等键，同一编号不会重复开票。 | "SO-20260301-0042"
EventEnvelope.id | event's id | 事件编号 | The same on every copy and after any crash: deduplicate by it. | 每份副本及崩溃重发后均相同，请据此去重。 | "9b4e7c1c-2f0a-5d43-9d6e-1f1b3a0c7e55"
EventEnvelope.source | worker | 服务 | The worker that published it (FAPIAO_SOURCE). | 发出事件的服务（FAPIAO_SOURCE）。 | "/fapiao-worker"
source | source | 来源 | Who published it: for a command the tenant, for an event the worker. | 发布者：命令的租户，或发出事件的服务。 | "/shop"
type | type | 类型 | The type of the message: what is asked for, or what happened. | 消息类型：请求什么，或发生了什么。 | "invoice.issue"
data | data | 数据 | What the message says. | 消息内容。 | {}
subject | command's id | 命令编号 | The id of the command that the event tells of. | 事件所属命令的编号。 | "SO-20260301-0042"
time | time | 时间 | When it happened, by the worker's clock. | 发生时间（服务时钟）。 | "2026-03-01T04:00:02.000Z"
datacontenttype | content type | 内容类型 | The form of the data. | 数据格式。 | "application/json"
sequence | sequence | 序号 | Counts the events of a command from 1; 0 for an answer that is not the command's own (id_reused, busy). | 同一命令的事件序号，从 1 开始；不属于该命令的答复（id_reused、busy）为 0。 | 2
sequencetext | sequence as text | 文本序号 | The sequence as CloudEvents' extension has it: text that sorts as the numbers do. From version 2.0 on, sequence itself is this text. | CloudEvents 扩展形式的序号，按文本排序即按数字排序；2.0 起 sequence 即为此文本。 | "0000000002"
userId | user id | 用户编号 | The gateway's user. All commands of one user run one by one, on one session. | 网关用户编号；同一用户的命令在一个会话中依次执行。 | "1111"
login | login | 登录信息 | How to log in at the tax bureau; either this or credential. | 税务局登录信息；与 credential 二选一。 | {"companyCode": "91330100EXAMPLE01D", "phone": "13900000000", "password": "sandbox-password", "area": "zhejiang", "role": "法定代表人"}
credential | credential | 凭据名称 | The name of a login that the worker's operator has mounted (FAPIAO_CREDENTIALS_DIR); either this or login. | 运维预置的登录凭据名称；与 login 二选一，密码不随消息传输。 | "shop-1"
companyCode | company's tax id | 统一社会信用代码 | The company that logs in: its unified social credit code or taxpayer number. | 登录企业的统一社会信用代码或纳税人识别号。 | "91330100EXAMPLE01D"
phone | account | 登录帐号 | Citizen id, mobile number or user name of the person who logs in. | 居民身份证号码、手机号码或用户名。 | "13900000000"
password | password | 登录密码 | The person's password. It is encrypted on disk, erased at the end, and in no event or log. | 个人用户密码；落盘加密，结束即清除，不进入事件与日志。 | "sandbox-password"
area | area | 区域 | The tax bureau, as pinyin, name or code; sent as pinyin. | 税务局所在区域，可用拼音、名称或代码，按拼音发送。 | "zhejiang"
role | role | 登录角色 | The role of the login, as name or code; sent as name. | 登录角色，可用名称或代码，按名称发送。 | "法定代表人"
companyName | company's name | 企业名称 | The company's name; only queries send it. | 企业名称，仅查询时发送。 | "示例销售方有限公司"
invoice | invoice | 发票 | What is to be issued, in the words of the gateway's manual. | 要开具的发票，字段名与网关文档一致。 | {"buyerName": "示例购买方有限公司", "buyerIndentification": "91310000EXAMPLE023", "buyerInvoiceType": 0, "buyerType": 0, "invoiceItems": [{"name": "*纸制品*办公用纸", "quantity": 10, "unitPrice": "19.80"}], "sellerName": "示例销售方有限公司", "sellerIndentification": "91330100EXAMPLE01D", "sellerBank": "", "sellerBankAccount": ""}
Checked.invoice | invoice to send | 将发送的发票 | What the gateway would get: discounts folded, passwords masked. Absent where it would be rejected. | 将发送给网关的内容：折扣已折入单价，密码已遮盖；会被拒绝时不给出。 | null
Completed.invoice | issued invoice | 已开发票 | What the gateway says it issued. | 网关返回的开票结果。 | {"buyerName": "示例购买方有限公司", "invoiceItems": []}
StoredInvoice.invoice | invoice | 发票 | The invoice as a look-up told it. | 查询所得的发票信息。 | {"id": "1778381047770263553"}
orderNo | order number | 订单号 | Your order's number: while a command that may have an invoice has it, no second one is issued for it. | 贵方订单号：只要已有命令可能开出发票，同一订单号不再开第二张。 | "SO-20260301-0042"
expectedTotal | expected total | 期望价税合计 | The total with tax that you expect. It is compared with the issued invoice: expectedTotalMatches. | 期望的价税合计，开票后与实际比较（expectedTotalMatches）。 | "398.00"
deadline | deadline | 截止时间 | After it nothing is submitted any more. Without it: 30 minutes from arrival. | 超过此时间不再提交；缺省为收到后 30 分钟。 | "2026-03-01T12:30:00+08:00"
allowDuplicate | allow a duplicate | 允许重复 | true: issue it although the same order came under another id a moment ago. | 为 true 时，即使刚有相同内容的命令也照常开票。 | false
discounts | discounts | 折扣 | What is to be taken off lines; each is folded into the unit price of its line. | 各行折扣，折入该行单价。 | [{"line": 1, "amount": "10.00"}]
line | line | 行号 | Which line of invoiceItems, from 1. | 商品行号，从 1 开始。 | 1
Discount.amount | amount | 折扣金额 | What is taken off the line; with or without tax as its unit price is. | 该行减去的金额，含税与否与单价一致。 | "10.00"
DiscountFolded.amount | amount | 折扣金额 | The sum of the line's discounts. | 该行折扣合计。 | "10.00"
unitPriceBefore | unit price before | 折前单价 | The unit price as it was given. | 命令给出的单价。 | "100"
DiscountFolded.unitPrice | unit price | 折后单价 | The unit price as it is sent. | 实际发送的单价。 | "95"
lineAmountBefore | amount before | 折前金额 | What the line came to before. | 折前行金额。 | "200.00"
lineAmount | amount after | 折后金额 | What the line comes to: less by exactly the discount. | 折后行金额，恰好减去折扣。 | "190.00"
buyerName | buyer's name | 购买方名称 | Who gets the invoice. | 购买方名称。 | "示例购买方有限公司"
buyerIndentification | buyer's tax id | 购买方统一信用代码 | The buyer's tax id, a person's citizen id, a foreign id. Needed for a special invoice (专票) alone. The spelling is the gateway's. | 购买方纳税人识别号、身份证号或境外识别号；仅专票必填。拼写与网关文档一致。 | "91310000EXAMPLE023"
buyerIdentification | buyer's tax id, rightly spelt | 购买方统一信用代码（正确拼写） | The same as buyerIndentification; both with the same value count once. | 同 buyerIndentification；两者同值视为一次。 | "91310000EXAMPLE023"
buyerAddress | buyer's address | 购买方公司地址 | The buyer's address. | 购买方地址。 | "上海市示例区样本路 1 号"
buyerPhone | buyer's phone | 购买方电话 | The buyer's phone number. | 购买方电话。 | "021-00000000"
buyerEmail | buyer's e-mail | 购买方收票邮箱 | Where the gateway may send the invoice. | 购买方收票邮箱，网关可能向其发送发票。 | "buyer@example.com"
buyerBank | buyer's bank | 购买方开户银行 | The buyer's bank. | 购买方开户银行。 | "示例银行上海分行"
buyerBankAccount | buyer's bank account | 购买方银行帐号 | The buyer's bank account. | 购买方银行帐号。 | "1000000000000000001"
buyerInvoiceType | kind of invoice | 发票种类 | 0: ordinary (普通票); 1: special (专票), whose tax the buyer may deduct. | 0 普通票，1 专票。 | 0
buyerType | kind of buyer | 购买方组织类型 | 0: company; 1: natural person. | 0 企业，1 个人。 | 0
buyerBankShow | show the buyer's bank | 是否展示购买方银行帐号 | 1: print the buyer's bank data on the invoice. | 1 显示，0 不显示。 | 0
sellerBankShow | show the seller's bank | 是否展示销售方银行帐号 | 1: print the seller's bank data on the invoice. | 1 显示，0 不显示。 | 0
invoiceItems | lines | 开票商品列表 | The lines of the invoice. | 发票商品行。 | [{"name": "*纸制品*办公用纸", "quantity": 10, "unitPrice": "19.80"}]
IssuedInvoice.invoiceItems | lines | 开票商品列表 | The lines that the gateway says it issued. | 网关返回的商品行。 | [{"name": "*纸制品*办公用纸", "quantity": "10", "unitPrice": "19.80"}]
InvoiceToSend.invoiceItems | lines | 开票商品列表 | The lines as they would be sent. | 将发送的商品行。 | [{"name": "*纸制品*办公用纸", "quantity": "10", "spec": "A4", "unit": "包", "unitPrice": "19"}]
name | goods | 商品名称 | The name of the goods or service, usually with the short name of its class: *分类简称*名称. | 商品或服务名称，通常为 *分类简称*名称。 | "*纸制品*办公用纸"
quantity | quantity | 数量 | How many; whole, unless the worker is set otherwise. | 数量；默认须为整数。 | "10"
spec | specification | 规格 | Specification or model. | 规格型号。 | "A4"
unit | unit | 单位 | Unit of measure. | 计量单位。 | "包"
unitPrice | unit price | 单价 | The price of one, in yuan. The manual does not say whether it includes tax: invoice.check tells both readings. | 单价（元）。文档未说明是否含税，invoice.check 给出两种读法。 | "19.80"
remark | remark | 备注 | Printed on the invoice; may have line feeds. | 发票备注，可换行。 | "订单号:SO-20260301-0042"
sellerName | seller's name | 销售方公司名称 | Who issues the invoice. | 销售方名称。 | "示例销售方有限公司"
sellerIndentification | seller's tax id | 销售方统一信用代码 | The seller's tax id. The spelling is the gateway's. | 销售方纳税人识别号。拼写与网关文档一致。 | "91330100EXAMPLE01D"
sellerIdentification | seller's tax id, rightly spelt | 销售方统一信用代码（正确拼写） | The same as sellerIndentification; both with the same value count once. | 同 sellerIndentification；两者同值视为一次。 | "91330100EXAMPLE01D"
sellerBank | seller's bank | 销售方银行 | The seller's bank; may be empty. | 销售方开户银行，可为空。 | "示例银行杭州分行"
sellerBankAccount | seller's bank account | 销售方银行帐户 | The seller's bank account; may be empty. | 销售方银行帐号，可为空。 | "2000000000000000002"
sellerAddress | seller's address | 销售方地址 | The seller's address, as the gateway has it. | 销售方地址（网关返回）。 | "浙江省杭州市示例区样本大道 2 号"
sellerPhone | seller's phone | 销售方电话 | The seller's phone number, as the gateway has it. | 销售方电话（网关返回）。 | "0571-00000000"
sellerLoginAccount | seller's account | 销售方税务局登录帐号 | The account that issues; without it the login's phone. | 开票帐号；缺省为 login 的 phone。 | "13900000000"
sellerLoginPassword | seller's password | 销售方税务局登录密码 | The password of that account; without it the login's. | 该帐号的密码；缺省为 login 的密码。 | "sandbox-password"
condition | condition | 查询条件 | Which invoices. | 查询条件。 | {"queryType": 0, "startInvoiceDate": "2026-03-01", "endInvoiceDate": "2026-03-31"}
page | page | 分页 | Which page, and how large. | 分页参数。 | {"pageSize": 50, "pageNumber": 1}
allPages | all pages | 全部页 | true: follow all pages from pageNumber on; false: that page alone. | true 从 pageNumber 起查询所有页，false 仅该页。 | true
QueryInvoices.items | items | 明细 | Whether to fetch the items of each invoice. | 是否查询每张发票的明细。 | true
QueryInvoices.files | files | 文件类型 | Whose addresses to fetch; an empty list fetches none. | 要查询的文件类型；空列表表示不查询。 | ["pdf", "ofd", "xml"]
queryType | kind of query | 查询类型 | 0: invoices issued; 1: invoices received. | 0 开具发票，1 取得发票。 | 0
startInvoiceDate | first day | 开票日期（起） | The first day, of Beijing, included. | 开票起始日（北京时间，含当日）。 | "2026-03-01"
endInvoiceDate | last day | 开票日期（止） | The last day, of Beijing, included. | 开票截止日（北京时间，含当日）。 | "2026-03-31"
invoiceSource | source | 发票来源 | Which system issued it. | 发票来源。 | "电子发票服务平台"
invoiceType | kind | 票种 | The kind of invoice, by name. | 票种名称。 | "数电票(普通发票)"
isInvoicePositive | positive | 是否正数发票 | true: an invoice; false: a red one that takes one back. | true 为正数（蓝字）发票，false 为红字发票。 | true
countETicketNumbers | invoice number | 数电票号码 | The number of a fully digitalised invoice: 20 digits. | 数电票号码，20 位。 | "26332000000000000042"
invoiceCode | invoice code | 发票代码 | The code of an older invoice. | 旧版发票代码。 | "033001900104"
invoiceNumber | invoice number | 发票号码 | The number: 20 digits; an older invoice's has 8. | 发票号码：数电票 20 位，旧版 8 位。 | "26332000000000000042"
buyerIdentificationNumber | buyer's tax id | 购买方纳税人识别号 | The tax id of the buyer; in a condition the counterparty of what was issued. | 购买方识别号；查询条件中为开具发票的对方。 | "91310000EXAMPLE023"
sellerIdentificationNumber | seller's tax id | 销售方纳税人识别号 | The tax id of the seller; in a condition the counterparty of what was received. | 销售方识别号；查询条件中为取得发票的对方。 | "91330100EXAMPLE01D"
startInvoiceValue | least amount | 发票金额（起） | The least amount. | 发票金额下限。 | "100.00"
endInvoiceValue | largest amount | 发票金额（止） | The largest amount. | 发票金额上限。 | "5000.00"
pageSize | page size | 每页大小 | Invoices on a page. | 每页发票数。 | 50
pageNumber | page number | 页码 | Which page, from 1; in an event 0 for files that came late. | 页码，从 1 开始；迟到文件的事件为 0。 | 1
date | date | 失败日期 | What the gateway called a failed download; it is sent back byte for byte. | 网关返回的下载失败日期，须逐字节原样送回。 | "2026-03-01 12:00:05"
invoiceBasicInfoId | gateway's id | 发票基本信息编号 | The gateway's id of the invoice, as a query gave it; it may change. | 网关的发票编号（查询所得），可能变化。 | "1778381047770263553"
invoiceIdList | gateway's ids | 发票编号列表 | The gateway's ids of invoices. | 网关的发票编号列表。 | ["1778381047770263553"]
typeList | file types | 文件类型列表 | Which files. | 要查询的文件类型。 | ["pdf", "ofd", "xml"]
commandId | command's id | 命令编号 | The id of the command that this tells of. | 所属命令的编号。 | "SO-20260301-0042"
offset | offset | 偏移 | Invoices to pass over. | 跳过的发票数。 | 0
limit | limit | 上限 | Invoices told at most. | 最多返回的发票数。 | 100
commandSource | command's source | 命令来源 | The source of the command. | 命令的来源（租户）。 | "/shop"
warnings | warnings | 警告 | What is odd about the command and did not stop it. | 不影响执行的异常提示。 | [{"code": "tax_id_unusual", "path": "/invoice/buyerIndentification", "message": "is not given; right only for a company that has none (a foreign firm, an authority)"}]
repeats | repeats | 重复的命令 | Where the command named the orderNo of an earlier one: which. It issued nothing itself. | 命令使用了已有订单号时，指明先前的命令；本命令未开票。 | {"commandId": "SO-20260301-0042"}
discountsFolded | discounts folded | 已折入的折扣 | What became of the command's discounts. | 折扣折入单价的结果。 | [{"line": 1, "amount": "10.00", "unitPriceBefore": "100", "unitPrice": "95", "lineAmountBefore": "200.00", "lineAmount": "190.00"}]
code | code | 代码 | What a program may branch on. Others may be added. | 供程序判断的代码，可能新增。 | "invalid"
Warning.code | code | 代码 | What a program may branch on. Others may be added. | 供程序判断的代码，可能新增。 | "tax_id_unusual"
Failed.code | code | 代码 | What a program may branch on. Others may be added. | 供程序判断的代码，可能新增。 | "login_refused"
path | path | 路径 | Where: a JSON Pointer into the command's data; empty for the whole message. | 位置：命令数据内的 JSON Pointer；空表示整条消息。 | "/invoice/buyerName"
message | message | 说明 | For people; it never repeats a value and may change. | 供人阅读的说明，不含具体取值，措辞可能变化。 | "is required"
errors | errors | 错误 | Every fault of the message. | 消息的全部错误。 | [{"path": "/invoice/buyerName", "message": "is required"}]
firstCommandId | first command's id | 先前命令的编号 | The command of the same source that came first (order_reused, duplicate). | 同一来源中先到的命令（order_reused、duplicate）。 | "SO-20260301-0042"
image | QR picture | 二维码图片 | The QR as a data URI; null where the gateway sent its text only. | 二维码图片（data URI）；网关只给文本时为 null。 | "data:image/png;base64,iVBORw0KGgo="
content | QR text | 二维码内容 | The text in the QR, where it could be read. | 二维码中的文本（能识别时）。 | "https://gateway.example/scan/5f0c"
attempt | attempt | 次数 | From 1; a later one replaces an earlier one. | 从 1 开始，后者取代前者。 | 1
receivedAt | received at | 收到时间 | When the QR came. | 收到二维码的时间。 | "2026-03-01T04:00:03.000Z"
expiresAt | expires at | 失效时间 | When the worker stops waiting for the scan. | 服务停止等待扫码的时间。 | "2026-03-01T04:05:03.000Z"
invoiceUrl | PDF address | PDF 地址 | Where the gateway keeps the PDF; null where it tells none that may be opened. | 网关保存 PDF 的地址；没有可用地址时为 null。 | "https://gateway.example/files/5f0c.pdf"
reconciled | found afterwards | 事后查得 | true where a look-up or a person found it, not the gateway's reply. | 由查询或人工确认而非网关答复时为 true。 | false
vipId | gateway's user | 网关用户 | The gateway's own id of the user. | 网关内部用户编号。 | "987654"
isDrafts | draft | 是否草稿 | 1: the gateway kept a draft. | 1 表示网关存为草稿。 | 0
invoiceId | gateway's id | 网关发票编号 | The gateway's id of the invoice, for invoice.items and invoice.files; it may change. Empty where a person told the number. | 网关的发票编号，用于 invoice.items 与 invoice.files，可能变化；号码由人工认定时为空。 | "1778381047770263553"
invoiceDate | issued at | 开票日期 | When it was issued, with Beijing's offset. | 开票时间（+08:00）。 | "2026-03-01T12:00:02.000+08:00"
invoiceDateRaw | issued at, as it came | 开票日期原文 | The date as the gateway wrote it. | 网关返回的日期原文。 | "1772337602000"
totalAmount | total without tax | 合计金额 | The sum without tax. | 不含税合计。 | "394.06"
totalTax | tax | 合计税额 | The sum of the tax. | 税额合计。 | "3.94"
totalPriceAndTax | total with tax | 价税合计 | The sum with tax. | 价税合计。 | "398.00"
expectedTotalMatches | total as expected | 是否符合期望合计 | Whether totalPriceAndTax is the command's expectedTotal; null or absent where it named none. | 价税合计是否等于 expectedTotal；未给出时为 null 或缺省。 | true
lookUps | look-ups | 查询次数 | How often was looked. | 已查询的次数。 | 6
reason | reason | 原因 | Why nobody knows yet what became of it. | 结果不明的原因。 | "the connection was lost after the submission"
submittedAt | submitted at | 提交时间 | When it was submitted. | 提交时间。 | "2026-03-01T04:00:02.000Z"
candidates | candidates | 候选发票 | Invoices that could be it, for a person to compare. | 可能对应的发票，供人工核对。 | [{"invoiceNumber": "26332000000000000042", "buyerName": "示例购买方有限公司"}]
needsPerson | needs a person | 需人工处理 | true: a person must decide, with fapiao-worker resolve. | true 时须由人工用 fapiao-worker resolve 决定。 | false
nextLookAt | next look at | 下次查询时间 | When the worker looks again; null where it does not. | 下次查询时间；不再查询时为 null。 | "2026-03-01T04:00:32.000Z"
gatewayMessage | gateway's reason | 网关所给原因 | What the gateway gave as a reason, in its own words, masked and cut; absent where it gave none. | 网关给出的原因原文（已遮盖并截断）；未给出时缺省。 | "授信额度不足"
stage | stage | 阶段 | How far it had come. | 失败时所处阶段。 | "login"
retryable | retryable | 可重发 | Whether the same order may be sent again as it is, under a new id. | 同一订单能否以新编号原样重发。 | false
attempts | attempts | 尝试次数 | How often it was begun. | 已尝试的次数。 | 1
ok | whether all went well | 是否成功 | Whether the gateway has the files; false where one failed to the end, or no notice came. | 网关是否取得文件；始终失败或无通知时为 false。 | true
total | total | 总数 | How many there are; of a query: as the gateway says, whatever it made of the filters. | 总数；查询时为网关所报数目。 | 1
totalPage | pages | 总页数 | How many pages there are, as the gateway says. | 网关所报总页数。 | 1
invoices | invoices | 发票列表 | The invoices. | 发票列表。 | []
part | part | 分段 | Which part of a large page, from 1. | 大页的分段序号，从 1 开始。 | 1
parts | parts | 段数 | How many parts the page has. | 分段总数。 | 1
late | late | 迟到 | true where these invoices came before, without the files that they have now. | 发票先前已告知，现补充文件时为 true。 | false
pages | pages | 页数 | Pages asked for. | 已查询的页数。 | 1
invoiceCount | invoices | 发票数 | Invoices told: those that fit the condition, each once. | 已告知的发票数（符合条件，每张一次）。 | 1
missingInvoices | missing invoices | 缺少的发票数 | How many fewer different ones came than the gateway's total, or how many could not be read. | 比网关总数少的、或无法识别的发票数。 | 0
isCut | cut | 是否截断 | true where the list may not be whole: the worker's cap of pages ended it (FAPIAO_QUERY_MAX_PAGES), the gateway says that it is not all, or it repeats a page. | 列表可能不全时为 true：达到页数上限（FAPIAO_QUERY_MAX_PAGES）、网关表示未返回全部，或网关重复返回同一页。 | false
itemCount | items | 明细数 | Items stored. | 已保存的明细数。 | 2
fileCount | files | 文件数 | File addresses stored. | 已保存的文件地址数。 | 3
missingItems | invoices without items | 缺明细的发票 | Ids of invoices whose items could not be had. | 未取得明细的发票编号。 | []
missingFiles | invoices without files | 缺文件的发票 | Ids of invoices that lack a wanted file; invoice.files asks for them again. | 缺少文件的发票编号，可用 invoice.files 再查。 | []
download | download | 下载情况 | How the gateway's own download of the files went. | 网关下载文件的情况。 | {"ok": true, "date": null}
items | items | 明细列表 | The items of the invoice. | 发票明细。 | []
files | files | 文件列表 | Where the files are. | 文件地址列表。 | []
commandState | command's state | 命令状态 | Where the command stands; null where there is none. | 命令当前状态；没有时为 null。 | "completed"
seenAt | seen at | 最近查得时间 | When a look-up last brought it. | 最近一次查得的时间。 | "2026-03-01T04:01:02.000Z"
FoundInvoice.id | gateway's id | 网关编号 | The gateway's id of the row; it may change: the number is what names the invoice. | 网关的行编号，可能变化；发票以号码为准。 | "1778381047770263553"
FoundItem.id | gateway's id | 网关编号 | The gateway's id of the item. | 网关的明细编号。 | "1778381047770263601"
invoiceStatus | status | 发票状态 | The invoice's status, as the gateway names it. | 发票状态（网关原文）。 | "正常"
invoiceRiskLevel | risk level | 风险等级 | The bureau's risk level, as the gateway names it. | 发票风险等级（网关原文）。 | "正常"
drawer | drawer | 开票人 | The person who issued it. | 开票人。 | "示例开票员"
note | remark | 备注 | The invoice's remark. | 发票备注。 | "订单号:SO-20260301-0042"
specificBusinessType | special business | 特定业务类型 | The special kind of business, where there is one. | 特定业务类型。 | "建筑服务"
totalsDiffer | totals differ | 合计不符 | true where amount and tax do not come to the total, or where the list has a row for each line and none of the whole. | 金额与税额之和不等于价税合计，或列表按明细逐行列出而没有整张金额时为 true。 | true
extra | other members | 其他字段 | Members that the manual does not know, as they came. | 文档之外的字段，原样保留。 | {"novel": 1}
taxClassificationCode | tax class | 税收分类编码 | The tax classification code that the gateway chose. | 网关选用的税收分类编码。 | "1060105040000000000"
itemName | goods | 货物或应税劳务名称 | The name as it is printed. | 票面名称。 | "*纸制品*办公用纸"
FoundItem.amount | amount | 金额 | The line's amount without tax. | 行金额（不含税）。 | "196.04"
taxRate | tax rate | 税率 | As it came: 1%, 0.01, 免税, … | 税率原文。 | "1%"
CheckedTotal.taxRate | tax rate | 税率 | As a fraction: 0.13 is 13%. | 税率，小数形式，0.13 即 13%。 | "0.13"
taxRateValue | tax rate as a number | 税率数值 | The rate as a fraction, where it is a number. | 税率的小数形式（为数字时）。 | "0.01"
tax | tax | 税额 | The line's tax. | 行税额。 | "1.96"
InvoiceFile.type | file type | 文件类型 | pdf, ofd, xml, or what the gateway says, in lower case. | pdf、ofd、xml 或网关所报类型（小写）。 | "pdf"
ArchivedFile.type | file type | 文件类型 | pdf, ofd or xml. | pdf、ofd 或 xml。 | "xml"
FileNotKept.type | file type | 文件类型 | pdf, ofd or xml. | pdf、ofd 或 xml。 | "ofd"
FileNotKept.reason | reason | 原因 | Why the file is not kept. | 未能保存的原因。 | "the address was answered with status 404"
missing | missing files | 缺少的文件 | Files that could not be kept, each with the reason. | 未能保存的文件及原因。 | [{"invoiceNumber": "26332000000000000042", "type": "ofd", "reason": "the address was answered with status 404"}]
sha256 | SHA-256 | 摘要 | Of the bytes of the copy that is kept, in hex. | 所存文件的 SHA-256（十六进制）。 | "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
size | size | 大小 | Bytes of that copy. | 所存文件的字节数。 | 6214
vaultKey | place in the vault | 存放位置 | Where in the vault the copy is. | 文件在存储库中的位置。 | "91330100EXAMPLE01D/2026/04/26332000000000000042.xml"
storedAt | stored at | 存放时间 | When the copy was kept. | 存放时间。 | "2026-03-01T04:01:05.000Z"
ArchivedFile.differs | differences | 差异 | Where the file says another thing than the list; it is kept all the same. | 文件与清单不一致之处，仍照常保存。 | [{"member": "totalPriceAndTax", "listed": "398.00", "file": "397.00"}]
InvoiceFile.differs | differences | 差异 | Where the file says another thing than the list; it is kept all the same. | 文件与清单不一致之处，仍照常保存。 | [{"member": "totalPriceAndTax", "listed": "398.00", "file": "397.00"}]
differs | differences | 差异 | Where the invoice that was found says another thing than was sent, and that does not make it another one. | 查得的发票与发送内容不一致（但不影响认定）之处。 | [{"member": "buyerName", "sent": "示例购买方", "listed": "示例购买方有限公司"}]
sent | as sent | 发送的值 | As the command has it. | 命令中的值。 | "示例购买方"
member | member | 字段 | Which member differs. | 不一致的字段。 | "totalPriceAndTax"
listed | in the list | 清单所示 | What the list said. | 清单中的值。 | "398.00"
file | in the file | 文件所示 | What the file says. | 文件中的值。 | "397.00"
url | address | 地址 | Where the file is; it may expire, so fetch it soon. | 文件地址，可能失效，请尽快下载。 | "https://gateway.example/files/26332000000000000042.pdf"
findings | findings | 对账发现 | What does not add up, or was put right. | 对不上或已补正的项目。 | [{"kind": "unknown", "invoiceNumber": "26332000000000000042"}]
kind | kind | 类别 | missing, unknown, changed, differs, double or unnumbered. | missing 清单缺少，unknown 来历不明，changed 已红冲或作废，differs 内容不同，double 疑似重复，unnumbered 补得号码。 | "unknown"
Finding.invoice | listed invoice | 清单中的发票 | The invoice as it is listed; absent where it is missing. | 清单所示的发票；清单缺少时不给出。 | {"id": "1778381047770263553"}
Finding.differs | differences | 差异 | Where the list says another thing than was confirmed. | 清单与已确认内容不一致之处。 | [{"member": "totalPriceAndTax", "confirmed": "398.00", "listed": "397.00"}]
confirmed | as confirmed | 已确认的值 | As it was confirmed, or sent where nothing else was confirmed. | 确认时的值；未另行确认的为发送的值。 | "398.00"
double | other invoice | 另一张发票 | Which listed invoice could be of the same order. | 可能属于同一订单的另一张发票。 | {"invoiceNumber": "26332000000000000041"}
AuditCompleted.total | listed | 清单张数 | Invoices listed in the period, each once. | 期间内清单所列发票数（每张一次）。 | 412
matched | matched | 相符张数 | Invoices of your own commands that are listed as they were confirmed. | 与本来源命令完全相符的发票数。 | 409
counts | counts | 各类数目 | How many findings of each kind. | 各类发现的数目。 | {"missing": 0, "unknown": 1, "changed": 1, "differs": 0, "double": 0, "unnumbered": 1}
FindingCounts.missing | missing | 清单缺少 | Issued, and not in the list; null where the list was not whole. | 已开具而清单没有；清单不完整时为 null。 | 0
unknown | unknown | 来历不明 | Listed, and issued by no command. | 清单有，但没有任何命令开具。 | 1
changed | changed | 已红冲或作废 | Red-lettered or voided since it was confirmed. | 确认后被红冲或作废。 | 1
FindingCounts.differs | differing | 内容不同 | Total, buyer or date is another than was confirmed. | 金额、购买方或日期与确认时不同。 | 0
FindingCounts.double | doubles | 疑似重复 | Could be the same order as another listed invoice. | 可能与清单中另一张属于同一订单。 | 0
unnumbered | numbers found | 补得号码 | Commands whose number was missing and is found now. | 原缺号码、现已查得的命令数。 | 1
undecidedInvoices | undecided invoices | 未定发票 | Listed, and perhaps of a command that has no number yet. | 清单所列、可能属于尚无号码的命令的发票数。 | 0
undecidedCommands | undecided commands | 未定命令 | Your commands of the period of which it is not known yet whether they have an invoice, or which. | 期间内尚不知是否开具、或对应哪张发票的命令数。 | 0
sums | sums | 合计 | Count and total with tax of all that is listed, by month and status. | 清单全部发票按月份和状态的张数与价税合计。 | [{"month": "2026-03", "status": "正常", "count": 412, "totalPriceAndTax": "163976.00"}]
month | month | 月份 | Of Beijing; null for invoices that tell no date. | 北京时间的月份；没有日期的为 null。 | "2026-03"
status | status | 状态 | The invoice's status, as the gateway names it; null where it names none. | 发票状态（网关原文）；没有时为 null。 | "正常"
count | count | 张数 | How many invoices. | 发票张数。 | 412
isWhole | whole | 是否完整 | Whether all came that the gateway says there is; where not, nothing is called missing. | 网关所报的发票是否全部取得；不完整时不认定缺少。 | true
accepted | accepted | 是否会接受 | Whether an invoice.issue with these data would be accepted. | 以此数据开票是否会被接受。 | true
linesTotal | sum of the lines | 各行合计 | The sum of the lines, each rounded to the cent. | 各行金额（四舍五入到分）之和。 | "390.00"
totals | totals | 合计的两种读法 | The total read with and without tax, for each usual rate; empty where it would be rejected. | 按含税、不含税及常用税率给出的合计；会被拒绝时为空。 | []
pricesIncludeTax | prices include tax | 单价是否含税 | Which reading this is. | 此行按单价含税（true）或不含税（false）计算。 | true
"""
