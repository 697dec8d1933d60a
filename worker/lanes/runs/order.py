"""A journaled command as its run needs it: how to log in, what to submit or to ask.

Knows the shape that admission gave the data; knows nothing of the wire.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import orjson
from pydantic import SecretStr

from contracts.failures import FailureCode
from worker import secrecy
from worker.errors import Permanent
from worker.making import made_often
from worker.ports import Credentials, LoginFields, Submission
from worker.records import AccountLogin, Command

LOGIN_PASSWORD = "/login/password"  # noqa: S105  JSON Pointers, not passwords
SELLER_PASSWORD = "/invoice/sellerLoginPassword"  # noqa: S105


@made_often
@dataclass(frozen=True, slots=True, weakref_slot=True)
class Access:
    """What a session is opened for. One may serve another command only where this is equal."""

    login: LoginFields
    is_query: bool = False

    @property
    def account(self) -> str:
        """A digest that names the tax-bureau account without telling who it is."""
        return hashlib.sha256(f"{self.login.company_code}\0{self.login.phone}".encode()).hexdigest()

    def counted(self, user_id: str, *, is_look_up: bool = False) -> AccountLogin:
        """As its refusals are counted: another password of the same account is another login."""
        login = self.login
        return AccountLogin(self.account, login.password.get_secret_value(), login.company_code, user_id, is_look_up)


@made_often
@dataclass(frozen=True, slots=True, weakref_slot=True)
class ReadOrder:
    """One invoice to issue."""

    access: Access
    submission: Submission

    @property
    def invoice(self) -> dict[str, Any]:
        """The invoice in the vendor's words, as it will be submitted."""
        return self.submission.invoice


@dataclass(frozen=True, slots=True)
class Question:
    """A query or download, with the command's data."""

    access: Access
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CredentialFault:
    """The command cannot be carried out as it stands."""

    message: str
    is_passing: bool = False
    """Another worker could, or this one later."""


def access_by(login: LoginFields, *, is_query: bool = False) -> Access:
    """Access by this login, whose password is masked wherever it would show, as long as the access lives."""
    access = Access(login, is_query)
    secrecy.guard(access, [login.password.get_secret_value()])
    return access


def read_data(command: Command) -> Any:
    """The data of a journaled command. Raises `ValueError` where they are no JSON."""
    # Admission wrote it with decimals as text: there is no fraction that a fast parser could round.
    return orjson.loads(command.data)


def read_order(command: Command, credentials: Credentials, data: Any = None, access: Access | None = None) -> ReadOrder:
    """From the command's data, unless they were read already. `access` is what the lane's session was opened for; it is
    used again where it is right for this order. Raises `Permanent(credential_missing)` where the named credential, or
    the command's own, cannot be had."""
    data = read_data(command) if data is None else data
    if command.secrets_fault is not None:
        # One of them may be the seller's own password, in whose place nothing else may be sent.
        raise Permanent(FailureCode.CREDENTIAL_MISSING, command.secrets_fault.message)
    login = read_login(data, command, credentials)
    if login.company_name is not None:
        login = replace(login, company_name=None)
    if access is None or access.is_query or access.login != login:
        access = access_by(login)
    invoice = dict(data["invoice"])
    account = invoice.pop("sellerLoginAccount", None) or login.phone
    own_password = command.secrets.get(SELLER_PASSWORD)
    if not own_password:
        return ReadOrder(access, Submission(invoice, account, login.password))
    order = ReadOrder(access, Submission(invoice, account, SecretStr(own_password)))
    secrecy.guard(order, [own_password])
    return order


def read_question(command: Command, credentials: Credentials) -> Question:
    """Raises as `read_order`."""
    data = read_data(command)
    return Question(access_by(read_login(data, command, credentials), is_query=True), data)


def try_order(
    command: Command, credentials: Credentials, data: Any = None, access: Access | None = None
) -> ReadOrder | CredentialFault:
    """As `read_order`: the order, or what is wrong with its credential."""
    try:
        return read_order(command, credentials, data, access)
    except Permanent as fault:
        return _fault(command, fault)


def try_question(command: Command, credentials: Credentials) -> Question | CredentialFault:
    """The question, or what is wrong with its credential."""
    try:
        return read_question(command, credentials)
    except Permanent as fault:
        return _fault(command, fault)


def _fault(command: Command, fault: Permanent) -> CredentialFault:
    return CredentialFault(
        str(fault), is_passing=command.secrets_fault is not None and command.secrets_fault.is_passing
    )


def read_login(data: dict[str, Any], command: Command, credentials: Credentials) -> LoginFields:
    """The login of a command with these data. Raises as `read_order`."""
    if data.get("credential"):
        return credentials.load(data["credential"])
    login = data["login"]
    if LOGIN_PASSWORD not in command.secrets:
        fault = command.secrets_fault
        message = "the journal no longer has the command's password" if fault is None else fault.message
        raise Permanent(FailureCode.CREDENTIAL_MISSING, message)
    return LoginFields(
        company_code=login["companyCode"],
        phone=login["phone"],
        password=SecretStr(command.secrets[LOGIN_PASSWORD]),
        area=login["area"],
        role=login["role"],
        company_name=login.get("companyName"),
    )
