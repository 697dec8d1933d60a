"""A journaled `invoice.issue` as the exchange needs it: how to log in, what to submit.

Knows the shape that admission gave the data; knows nothing of the wire.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import SecretStr

from contracts.failures import FailureCode
from worker import secrecy
from worker.errors import Permanent
from worker.ports import Credentials, LoginFields, Submission
from worker.records import Command

LOGIN_PASSWORD = "/login/password"  # noqa: S105  JSON Pointers, not passwords
SELLER_PASSWORD = "/invoice/sellerLoginPassword"  # noqa: S105


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Order:
    """One invoice to issue."""

    login: LoginFields
    submission: Submission

    @property
    def invoice(self) -> dict[str, Any]:
        """The invoice in the vendor's words, as it will be submitted."""
        return self.submission.invoice

    @property
    def account(self) -> str:
        """A digest that names the tax-bureau account without telling who it is."""
        return hashlib.sha256(f"{self.login.company_code}\0{self.login.phone}".encode()).hexdigest()

    def logs_in_like(self, other: "Order") -> bool:
        """Whether a session of one may serve the other: only with identical credentials."""
        return self.login == other.login


def read_order(command: Command, credentials: Credentials) -> Order:
    """Raises `Permanent(credential_missing)` where the named credential, or the command's own, cannot be had."""
    # Admission wrote it with decimals as text: there is no fraction that a fast parser could round.
    data = orjson.loads(command.data)
    login = _login(data, command, credentials)
    invoice = dict(data["invoice"])
    account = invoice.pop("sellerLoginAccount", None) or login.phone
    own_password = command.secrets.get(SELLER_PASSWORD)
    password = SecretStr(own_password) if own_password else login.password
    order = Order(login, Submission(invoice, account, password))
    secrecy.guard(order, {login.password.get_secret_value(), password.get_secret_value()})
    return order


def _login(data: dict[str, Any], command: Command, credentials: Credentials) -> LoginFields:
    if data.get("credential"):
        return credentials.load(data["credential"])
    login = data["login"]
    if LOGIN_PASSWORD not in command.secrets:
        raise Permanent(FailureCode.CREDENTIAL_MISSING, "the journal no longer has the command's password")
    return LoginFields(
        company_code=login["companyCode"],
        phone=login["phone"],
        password=SecretStr(command.secrets[LOGIN_PASSWORD]),
        area=login["area"],
        role=login["role"],
    )


@dataclass(frozen=True, slots=True)
class OrderFault:
    """The order cannot be carried out as it stands."""

    message: str


def try_order(command: Command, credentials: Credentials) -> Order | OrderFault:
    """The order, or what is wrong with its credential."""
    try:
        return read_order(command, credentials)
    except Permanent as fault:
        return OrderFault(str(fault))
