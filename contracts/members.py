"""What commands are made of: exact decimals, one-line texts, tax ids, times, passwords, and the login.

Whatever is accepted comes out in the one form that is sent or stored. Knows nothing of which command has which
member.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    StringConstraints,
    model_validator,
)

from contracts.taxpayer import area_word, normalise_tax_id, role_name

NO_CONTROLS = r"^[^\u0000-\u001f\u007f-\u009f]*$"
"""Text of one line: a control character would break a form, an invoice or a log line. What a shop's program puts there
without meaning it (tabs, carriage returns) is gone before a model sees it: `contracts.tidying`."""
NO_CONTROLS_BUT_LINE_FEED = r"^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f]*$"
CREDENTIAL_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
SAME_AS = {
    "buyerIndentification": "buyerIdentification",
    "sellerIndentification": "sellerIdentification",
}
"""The vendor's spelling to the right one; a command may use either, not both."""

_JSON_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
_LARGEST_EXPONENT = 40


class ComparisonFault(ValueError):
    """Members, each good by itself, do not go together. `members` are the ones that were compared."""

    def __init__(self, message: str, *members: str) -> None:
        super().__init__(message)
        self.members = members


def _exact(value: Any) -> Any:
    """Refuse binary floats and booleans where money is meant; the JSON reader hands decimals over as `Decimal`."""
    kind = type(value)
    if kind is int or kind is Decimal:  # nearly all are
        return value
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")  # noqa: TRY004  pydantic wants ValueError
    if isinstance(value, float):
        raise ValueError("must be exact: a decimal as JSON number or text")  # noqa: TRY004
    if isinstance(value, str) and not _JSON_NUMBER.fullmatch(value.strip()):
        raise ValueError(
            'must be a decimal, written like a JSON number (12.50 or "12.50"): without currency, separators or units'
        )
    return value


def _flag(value: Any) -> Any:
    """A text or `false` is refused in a flag's own words: 普票 is no decimal that is written wrongly."""
    if isinstance(value, str | bool):
        raise ValueError("must be the number 0 or 1")  # noqa: TRY004  pydantic wants ValueError
    return _exact(value)


def _sane(value: Decimal) -> Decimal:
    """Bound the exponent before anybody writes the number out: 1e999999999 has a billion zeros."""
    if not -_LARGEST_EXPONENT <= value.adjusted() <= _LARGEST_EXPONENT:
        raise ValueError("is out of range")
    return value


def _plain(value: Decimal) -> str:
    return format(value, "f")


def _rfc3339(value: Any) -> Any:
    """Refuse numbers, bare dates and times without an offset: each would be guessed at."""
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC3339.fullmatch(value.strip())):
        return value
    raise ValueError("must be a time as RFC 3339 text with an offset, such as 2026-01-31T12:00:00+08:00")


def _tax_id(value: str) -> str:
    normalised = normalise_tax_id(value)
    if value and not any(map(str.isalnum, normalised)):
        raise ValueError("must hold letters or digits")
    return normalised


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("is out of range") from None


Amount = Annotated[
    Decimal,
    Field(allow_inf_nan=False),  # first: behind a validator of ours it would be checked in Python
    BeforeValidator(_exact),
    AfterValidator(_sane),
    PlainSerializer(_plain, return_type=str, when_used="json"),
]
"""An exact decimal: JSON number or text in, text out."""

Flag = Annotated[Literal[0, 1], BeforeValidator(_flag)]
Text = Annotated[str, StringConstraints(pattern=NO_CONTROLS)]
Lines = Annotated[str, StringConstraints(pattern=NO_CONTROLS_BUT_LINE_FEED)]
TaxId = Annotated[Text, AfterValidator(_tax_id)]
Moment = Annotated[AwareDatetime, BeforeValidator(_rfc3339), AfterValidator(_utc)]


class Closed(BaseModel):
    """A part of a command: unknown members are refused."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        str_strip_whitespace=True,
        hide_input_in_errors=True,
    )


def _password(value: Any) -> Any:
    """Wrap a password before the model can cut its spaces: they belong to it."""
    return SecretStr(value) if isinstance(value, str) else value


Password = Annotated[SecretStr, BeforeValidator(_password)]


class Login(Closed):
    """How to log in at the tax bureau (manual: 登录税务局, data)."""

    companyCode: TaxId = Field(min_length=1, max_length=64, description="统一社会信用代码/纳税人识别号")  # noqa: N815
    phone: Text = Field(min_length=1, max_length=64, description="居民身份证号码/手机号码/用户名")
    password: Password = Field(min_length=1, max_length=256, description="个人用户密码")
    area: Annotated[Text, AfterValidator(area_word)] = Field(
        min_length=1, max_length=32, description="区域, as pinyin (zhejiang), name or code; sent as pinyin"
    )
    role: Annotated[Text, AfterValidator(role_name)] = Field(
        min_length=1, max_length=32, description="登录角色, as name (法定代表人) or code (01); sent as name"
    )
    companyName: Text | None = Field(default=None, max_length=200, description="only for queries")  # noqa: N815


class WithLogin(Closed):
    """A command that logs in on the lane of a `userId`. Exactly one of `login` and `credential` is given."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["login"], "properties": {"login": {"type": "object"}}},
                {"required": ["credential"], "properties": {"credential": {"type": "string", "minLength": 1}}},
            ]
        }
    )

    userId: Text = Field(  # noqa: N815
        min_length=1, max_length=200, description="the gateway's user id; one lane"
    )
    login: Login | None = None
    credential: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        pattern=CREDENTIAL_NAME,
        description="name of a login in FAPIAO_CREDENTIALS_DIR",
    )

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> "WithLogin":
        if (self.login is None) == (self.credential is None):
            raise ValueError("exactly one of login and credential must be given")
        return self
