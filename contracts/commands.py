"""The commands a caller may publish, as closed models: an unknown member is an error, for a typo in an
invoice must not vanish.

Names inside `login` and `invoice` are the vendor's own as its manual spells them; the right spelling is
accepted too. Money and quantities are `Decimal`, accepted as JSON numbers or text. What depends on
configuration (lengths, characters, fractional quantities) is checked in `contracts.limits`.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    AliasChoices,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)


class CommandType(StrEnum):
    """The commands this version runs."""

    ISSUE = "invoice.issue"


def _exact(value: Any) -> Any:
    """Refuse binary floats and booleans where money is meant; the JSON reader hands decimals over as `Decimal`."""
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")  # noqa: TRY004  pydantic wants ValueError
    if isinstance(value, float):
        raise ValueError("must be exact: a decimal as JSON number or text")  # noqa: TRY004
    return value


Amount = Annotated[Decimal, BeforeValidator(_exact), Field(allow_inf_nan=False)]
"""An exact decimal: JSON number or text in, text out."""

Flag = Annotated[Literal[0, 1], BeforeValidator(_exact)]


class Closed(BaseModel):
    """A part of a command: unknown members are refused, values are not changed."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        str_strip_whitespace=True,
        hide_input_in_errors=True,
    )


class Login(Closed):
    """How to log in at the tax bureau (manual: 登录税务局, data)."""

    companyCode: str = Field(min_length=1, max_length=64, description="统一社会信用代码/纳税人识别号")  # noqa: N815
    phone: str = Field(min_length=1, max_length=64, description="居民身份证号码/手机号码/用户名")
    password: SecretStr = Field(min_length=1, max_length=256, description="个人用户密码")
    area: str = Field(min_length=1, max_length=32, description="区域, as pinyin (zhejiang), name or code")
    role: str = Field(min_length=1, max_length=32, description="登录角色, for example 法定代表人")
    companyName: str | None = Field(default=None, max_length=200, description="only for queries")  # noqa: N815


class InvoiceItem(Closed):
    """One line of goods (manual: invoiceItem)."""

    name: str = Field(min_length=1, description="名称")
    quantity: Amount = Field(gt=0, description="数量; whole unless FAPIAO_FRACTIONAL_QUANTITY is set")
    spec: str = Field(default="", description="规格")
    unit: str = Field(default="", description="单位")
    unitPrice: Amount = Field(ge=0, description="单价")  # noqa: N815


class Invoice(Closed):
    """What is to be issued (manual: invoice_info, data). Members a buyer may not have can be left out."""

    buyerName: str = Field(min_length=1, description="购买方名称")  # noqa: N815
    buyerIndentification: str = Field(  # noqa: N815
        default="",
        validation_alias=AliasChoices("buyerIndentification", "buyerIdentification"),
        description="购买方统一信用代码; needed unless the buyer is a natural person with an ordinary invoice",
    )
    buyerAddress: str = Field(default="", description="购买方公司地址")  # noqa: N815
    buyerPhone: str = Field(default="", description="购买方电话")  # noqa: N815
    buyerEmail: str = Field(default="", description="购买方收票邮箱")  # noqa: N815
    buyerBank: str = Field(default="", description="购买方开户银行")  # noqa: N815
    buyerBankAccount: str = Field(default="", description="购买方银行帐号")  # noqa: N815
    buyerInvoiceType: Flag = Field(description="0 普通票, 1 专票")  # noqa: N815
    buyerType: Flag = Field(description="0 企业, 1 个人")  # noqa: N815
    buyerBankShow: Flag = Field(default=0, description="是否展示购买方银行帐号, 0 不显示, 1 显示")  # noqa: N815
    invoiceItems: list[InvoiceItem] = Field(min_length=1, description="开票商品列表")  # noqa: N815
    remark: str = Field(default="", description="备注信息")
    sellerName: str = Field(min_length=1, description="销售方公司名称")  # noqa: N815
    sellerIndentification: str = Field(  # noqa: N815
        min_length=1,
        validation_alias=AliasChoices("sellerIndentification", "sellerIdentification"),
        description="销售方统一信用代码",
    )
    sellerBank: str = Field(description="销售方银行")  # noqa: N815
    sellerBankAccount: str = Field(description="销售方银行帐户")  # noqa: N815
    sellerBankShow: Flag = Field(default=0, description="是否展示销售方银行帐号, 0 不显示, 1 显示")  # noqa: N815
    sellerLoginAccount: str | None = Field(  # noqa: N815
        default=None, min_length=1, description="销售方税务局登录帐号; default: the login's phone"
    )
    sellerLoginPassword: SecretStr | None = Field(  # noqa: N815
        default=None, min_length=1, description="销售方税务局登录密码; default: the login's password"
    )

    @property
    def total(self) -> Decimal:
        """The sum of quantity times unit price over all lines, unrounded; whether tax is included, nobody says."""
        return sum((item.quantity * item.unitPrice for item in self.invoiceItems), Decimal(0))


class IssueInvoice(Closed):
    """`invoice.issue`: issue one invoice. Exactly one of `login` and `credential` is given."""

    userId: str = Field(  # noqa: N815
        min_length=1, max_length=200, description="the gateway's user id; one lane"
    )
    login: Login | None = None
    credential: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="name of a login in FAPIAO_CREDENTIALS_DIR",
    )
    invoice: Invoice
    orderNo: str | None = Field(  # noqa: N815
        default=None, min_length=1, max_length=200, description="unique per seller for ever"
    )
    expectedTotal: Amount | None = Field(  # noqa: N815
        default=None, gt=0, description="价税合计 the caller expects"
    )
    deadline: AwareDatetime | None = Field(default=None, description="RFC 3339; after it nothing is submitted any more")

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> "IssueInvoice":
        if (self.login is None) == (self.credential is None):
            raise ValueError("exactly one of login and credential must be given")
        return self


COMMANDS: dict[CommandType, type[IssueInvoice]] = {CommandType.ISSUE: IssueInvoice}
"""Command type to the model of its data."""
