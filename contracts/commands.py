"""The commands a caller may publish, as closed models: an unknown member is an error, for a typo in an
invoice must not vanish.

Names inside `login` and `invoice` are the vendor's own as its manual spells them; the right spelling is
accepted too. Money and quantities are `Decimal`, accepted as JSON numbers or text. Tax ids, areas and roles
come out in the one form that is sent; spaces around text are cut, but for passwords. What depends on
configuration (lengths, characters, fractional quantities) is checked in `contracts.limits`.
"""

from decimal import Decimal

from pydantic import AliasChoices, Field, StrictBool

from contracts.kinds import CommandType as CommandType  # noqa: PLC0414  callers know it by this module
from contracts.members import SAME_AS, Amount, Closed, Flag, Lines, Moment, Password, TaxId, Text, WithLogin
from contracts.queries import AuditInvoices, LookUpFiles, LookUpItems, QueryInvoices, ReadStored, RetryDownload

MOST_DISCOUNTS = 2000
"""As many as an invoice may have lines, by default."""


class InvoiceItem(Closed):
    """One line of goods (manual: invoiceItem)."""

    name: Text = Field(min_length=1, description="名称")
    quantity: Amount = Field(gt=0, description="数量; whole unless FAPIAO_FRACTIONAL_QUANTITY is set")
    spec: Text = Field(default="", description="规格")
    unit: Text = Field(default="", description="单位")
    unitPrice: Amount = Field(ge=0, description="单价")  # noqa: N815


class Invoice(Closed):
    """What is to be issued (manual: invoice_info, data). Members a buyer may not have can be left out."""

    buyerName: Text = Field(min_length=1, description="购买方名称")  # noqa: N815
    buyerIndentification: TaxId = Field(  # noqa: N815
        default="",
        validation_alias=AliasChoices("buyerIndentification", SAME_AS["buyerIndentification"]),
        description="购买方统一信用代码; needed unless the buyer is a natural person with an ordinary invoice",
    )
    buyerAddress: Text = Field(default="", description="购买方公司地址")  # noqa: N815
    buyerPhone: Text = Field(default="", description="购买方电话")  # noqa: N815
    buyerEmail: Text = Field(default="", description="购买方收票邮箱")  # noqa: N815
    buyerBank: Text = Field(default="", description="购买方开户银行")  # noqa: N815
    buyerBankAccount: Text = Field(default="", description="购买方银行帐号")  # noqa: N815
    buyerInvoiceType: Flag = Field(description="0 普通票, 1 专票")  # noqa: N815
    buyerType: Flag = Field(description="0 企业, 1 个人")  # noqa: N815
    buyerBankShow: Flag = Field(default=0, description="是否展示购买方银行帐号, 0 不显示, 1 显示")  # noqa: N815
    invoiceItems: list[InvoiceItem] = Field(min_length=1, description="开票商品列表")  # noqa: N815
    remark: Lines = Field(default="", description="备注信息; may have line feeds")
    sellerName: Text = Field(min_length=1, description="销售方公司名称")  # noqa: N815
    sellerIndentification: TaxId = Field(  # noqa: N815
        min_length=1,
        validation_alias=AliasChoices("sellerIndentification", SAME_AS["sellerIndentification"]),
        description="销售方统一信用代码",
    )
    sellerBank: Text = Field(description="销售方银行")  # noqa: N815
    sellerBankAccount: Text = Field(description="销售方银行帐户")  # noqa: N815
    sellerBankShow: Flag = Field(default=0, description="是否展示销售方银行帐号, 0 不显示, 1 显示")  # noqa: N815
    sellerLoginAccount: Text | None = Field(  # noqa: N815
        default=None, min_length=1, description="销售方税务局登录帐号; default: the login's phone"
    )
    sellerLoginPassword: Password | None = Field(  # noqa: N815
        default=None, min_length=1, description="销售方税务局登录密码; default: the login's password"
    )

    @property
    def total(self) -> Decimal:
        """The sum of quantity times unit price over all lines, unrounded; whether tax is included, nobody says."""
        return sum((item.quantity * item.unitPrice for item in self.invoiceItems), Decimal(0))


class Discount(Closed):
    """An amount that is taken off one line, by folding it into the line's unit price."""

    line: int = Field(ge=1, strict=True, description="which line of invoiceItems, from 1")
    amount: Amount = Field(gt=0, description="what is taken off, read like unitPrice: with or without tax")


class IssueInvoice(WithLogin):
    """`invoice.issue`: issue one invoice. Exactly one of `login` and `credential` is given."""

    invoice: Invoice
    discounts: list[Discount] = Field(
        default_factory=list,
        max_length=MOST_DISCOUNTS,
        description="folded into the unit prices of their lines; the events tell what became of them",
    )
    orderNo: Text | None = Field(  # noqa: N815
        default=None,
        min_length=1,
        max_length=200,
        description="your order's number, unique per source and seller: while a command that may have an invoice has "
        "it, another one with the same content repeats its events, and one with other content is rejected",
    )
    expectedTotal: Amount | None = Field(  # noqa: N815
        default=None, gt=0, description="价税合计 the caller expects"
    )
    deadline: Moment | None = Field(default=None, description="RFC 3339; after it nothing is submitted any more")
    allowDuplicate: StrictBool | None = Field(  # noqa: N815
        default=None, description="true: issue it although the same order came under another id a moment ago"
    )


class CheckInvoice(IssueInvoice):
    """`invoice.check`: what would become of an `invoice.issue` with these data. Nothing is sent to the gateway."""


AnyCommand = IssueInvoice | QueryInvoices | RetryDownload | LookUpItems | LookUpFiles | ReadStored | AuditInvoices

COMMANDS: dict[CommandType, type[AnyCommand]] = {
    CommandType.ISSUE: IssueInvoice,
    CommandType.QUERY: QueryInvoices,
    CommandType.DOWNLOAD: RetryDownload,
    CommandType.ITEMS: LookUpItems,
    CommandType.FILES: LookUpFiles,
    CommandType.STORED: ReadStored,
    CommandType.CHECK: CheckInvoice,
    CommandType.AUDIT: AuditInvoices,
}
"""Command type to the model of its data."""
