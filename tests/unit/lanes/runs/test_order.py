"""A journaled command as the exchange needs it."""

import pytest
from pydantic import SecretStr

from contracts.failures import FailureCode
from tests.builders import PASSWORD, make_command, make_data, make_invoice, make_login
from tests.lane_fakes import FakeCredentials, make_login_fields
from worker.errors import Permanent
from worker.lanes.runs.order import CredentialFault, ReadOrder, read_order, try_order

NOBODY = FakeCredentials()


def order_of(**login: str) -> ReadOrder:
    return read_order(make_command(data=make_data(login=make_login(**login))), NOBODY)


def test_login_and_submission_come_from_the_command() -> None:
    order = read_order(make_command(), NOBODY)

    assert order.access.login.company_code == "91330701MA2M37T86L"
    assert order.access.login.password == SecretStr(PASSWORD)
    assert order.invoice["buyerName"] == "ABC公司"
    assert (order.submission.seller_account, order.submission.seller_password) == (
        "13800000000",
        SecretStr(PASSWORD),
    )


def test_seller_may_have_an_account_of_its_own() -> None:
    command = make_command(
        data=make_data(invoice=make_invoice(sellerLoginAccount="boss")),
        secrets={"/login/password": PASSWORD, "/invoice/sellerLoginPassword": "other"},
    )

    order = read_order(command, NOBODY)

    assert (order.submission.seller_account, order.submission.seller_password) == ("boss", SecretStr("other"))
    assert "sellerLoginAccount" not in order.invoice


def test_credential_is_read_by_name() -> None:
    command = make_command(data=make_data(credential="acme"), secrets={})
    login = make_login_fields(phone="1")

    assert read_order(command, FakeCredentials(acme=login)).access.login == login


@pytest.mark.parametrize(
    "command",
    [make_command(data=make_data(credential="gone"), secrets={}), make_command(secrets={})],
    ids=["credential gone", "password gone"],
)
def test_order_without_a_login_is_a_fault_and_no_accident(command: object) -> None:
    with pytest.raises(Permanent) as raised:
        read_order(command, NOBODY)  # type: ignore[arg-type]

    assert raised.value.code is FailureCode.CREDENTIAL_MISSING
    assert isinstance(try_order(command, NOBODY), CredentialFault)  # type: ignore[arg-type]


@pytest.mark.parametrize("member", ["companyCode", "phone", "area", "role"])
def test_session_serves_identical_credentials_only(member: str) -> None:
    assert order_of().access == order_of().access
    assert order_of().access != order_of(**{member: "other"}).access


def test_session_does_not_serve_another_password() -> None:
    other = read_order(make_command(secrets={"/login/password": "other"}), NOBODY)

    assert order_of().access != other.access


def test_account_is_named_by_company_and_phone_without_telling_them() -> None:
    assert order_of(area="beijing").access.account == order_of().access.account
    assert order_of(phone="1").access.account != order_of().access.account
    assert order_of(companyCode="1").access.account != order_of().access.account
    assert "13800000000" not in order_of().access.account


def test_no_password_shows_in_an_order() -> None:
    assert PASSWORD not in repr(order_of())
