"""What may be logged, and what is taken out."""

import pytest

from worker.ops.redaction import REDACTED, Redactor, known_secrets, lane_digest
from worker.settings import Settings


@pytest.mark.parametrize(
    "key",
    [
        "password", "sellerLoginPassword", "phone", "buyerPhone", "gateway_secret", "Authorization", "access_token",
        "cookie", "sellerBankAccount", "buyerIndentification", "sellerIdentification", "tax_id", "body", "payload",
        "image", "content", "login", "invoice", "headers", "frame", "data",
    ],
)  # fmt: skip
def test_what_stands_under_a_telling_key_is_never_shown(key: str) -> None:
    assert Redactor().value(key, "abc") == REDACTED
    assert Redactor().value(key, 7) == REDACTED
    assert Redactor().value(key, {"inner": "abc"}) == REDACTED


@pytest.mark.parametrize("key", ["password", "phone"])
def test_claims_and_absence_under_such_a_key_stay(key: str) -> None:
    assert Redactor().value(key, None) is None
    assert Redactor().value(key, True) is True


@pytest.mark.parametrize("key", ["queue", "reason", "stage", "bypassed", "credential", "count", "state"])
def test_ordinary_keys_keep_their_text(key: str) -> None:
    assert Redactor().value(key, "plain words") == "plain words"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("amqp://user:s3cret@host:5672/v", "amqp://user:***@host:5672/v"),
        ("postgresql://u:p%40ss@db/x failed", "postgresql://u:***@db/x failed"),
        ("amqp://u:with@sign@host/", "amqp://u:***@host/"),
        ("amqp://u:one@a,amqp://u:two@b", "amqp://u:***@a,amqp://u:***@b"),
        ("http://127.0.0.1:8090/files/1.pdf", "http://127.0.0.1:8090/files/1.pdf"),
        ('{"password": "hunter2", "area": "zhejiang"}', '{"password": "***", "area": "zhejiang"}'),
        ("password=hunter2&x=1", "password=***&x=1"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("token eyJhbGciOi.eyJzdWIi.c2ln", f"token {REDACTED}"),
        ("call 13800138000 now", "call …8000 now"),
        ("call +8613800138000", "call +…8000"),
        ("call 138-0013-8000", "call …8000"),
        ("id 11010519491231002X", "id …002X"),
        ("code 91330106MA27XN2Y1B", "code …2Y1B"),
        ("invoice 25332000000012345678", "invoice …5678"),
        ("data:image/png;base64,iVBORw0KGgo= came", "data:image… came"),
        ("waited 1234567890 ms", "waited 1234567890 ms"),
        ("plain words", "plain words"),
    ],
)
def test_secrets_and_personal_numbers_are_found_in_any_text(text: str, shown: str) -> None:
    assert Redactor().text(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a\ufffd[2Jb"),
        ("user\u202egpj.exe", "user\ufffdgpj.exe"),
        ("half \ud800", "half \ufffd"),
        ("one\r\ntwo\tthree", "one\ufffd\ntwo\tthree"),
        ("发票 \U0001f9fe", "发票 \U0001f9fe"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_as_what_it_is(text: str, shown: str) -> None:
    """An id that a caller chose must not rewrite the line of a log that a person reads."""
    assert Redactor().text(text) == shown
    assert Redactor().value("command_id", text) == shown


def test_known_secrets_are_found_wherever_they_turn_up() -> None:
    redactor = Redactor(["topsecret", "topsecret-longer"])

    assert redactor.text("it said topsecret-longer!") == f"it said {REDACTED}!"
    assert redactor.value("command_id", "x-topsecret") == f"x-{REDACTED}"


def test_ids_keep_their_digits_so_that_a_command_can_be_looked_up() -> None:
    assert Redactor().value("command_id", "202411220001234567") == "202411220001234567"
    assert Redactor().value("reason", "202411220001234567") == "…4567"


def test_nested_values_are_searched_to_the_end() -> None:
    value = Redactor().value("found", [{"note": "13800138000", "phone": "1"}, ("a", b"bytes", 13800138000)])

    assert value == [{"note": "…8000", "phone": REDACTED}, ["a", "[5 bytes]", "…8000"]]


def test_what_is_deeper_than_anybody_logs_on_purpose_is_dropped() -> None:
    value: object = "13800138000"
    for _ in range(20):
        value = [value]

    assert "8000" not in str(Redactor().value("found", value))


def test_not_a_number_becomes_text_since_json_has_no_word_for_it() -> None:
    assert Redactor().value("seconds", float("nan")) == "nan"


def test_a_user_is_shown_as_the_same_digest_everywhere() -> None:
    digest = lane_digest("13800138000")

    assert digest == lane_digest("13800138000") != lane_digest("13800138001")
    assert len(digest) == 10
    assert Redactor().value("lane", "13800138000") == digest
    assert Redactor().value("user_id", digest) == digest


def test_every_secret_of_the_configuration_is_known() -> None:
    settings = Settings(
        _env_file=None,
        amqp_url="amqp://u:p%40ssword@h/,amqp://u:other-one@h2/",
        database_url="postgresql://u:db-word@h/d",
        gateway_headers={"X-Key": "header-word"},
        journal_keys="a-journal-key",
    )

    assert set(known_secrets(settings)) == {
        "p%40ssword", "p@ssword", "other-one", "db-word", "header-word", "a-journal-key",
    }  # fmt: skip


def test_the_brokers_public_default_is_no_secret() -> None:
    assert known_secrets(Settings(_env_file=None, amqp_url="amqp://guest:guest@h/")) == []
