"""Logins by name: read from a directory, and from nowhere else."""

import json
from pathlib import Path

import pytest

from worker.errors import Permanent
from worker.gateway.credentials import CredentialDirectory

LOGIN = {
    "companyCode": "91330701MA2M37T86L",
    "phone": "13900000000",
    "password": "s3cret-word",
    "area": "3300",
    "role": "01",
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "shop-1.json").write_text(json.dumps(LOGIN), encoding="utf-8")
    return folder


def test_a_login_is_read_and_put_into_the_vendors_words(directory: Path) -> None:
    login = CredentialDirectory(str(directory)).load("shop-1")

    assert (login.company_code, login.area, login.role) == ("91330701MA2M37T86L", "zhejiang", "法定代表人")
    assert login.password.get_secret_value() == "s3cret-word"


@pytest.mark.parametrize(
    ("members", "name"), [({}, None), ({"companyName": ""}, None), ({"companyName": "甲公司"}, "甲公司")]
)
def test_a_companys_name_may_stand_in_the_file(directory: Path, members: dict[str, str], name: str | None) -> None:
    (directory / "shop-1.json").write_text(json.dumps(LOGIN | members), encoding="utf-8")

    assert CredentialDirectory(str(directory)).load("shop-1").company_name == name


def test_a_file_without_ending_serves_too(directory: Path) -> None:
    (directory / "shop-2").write_text(json.dumps(LOGIN), encoding="utf-8")

    assert CredentialDirectory(str(directory)).load("shop-2").phone == "13900000000"


def test_a_changed_file_is_seen_at_the_next_load(directory: Path) -> None:
    credentials = CredentialDirectory(str(directory))
    credentials.load("shop-1")

    (directory / "shop-1.json").write_text(json.dumps(LOGIN | {"password": "new"}), encoding="utf-8")

    assert credentials.load("shop-1").password.get_secret_value() == "new"


def test_links_inside_the_directory_are_followed_as_kubernetes_makes_them(directory: Path) -> None:
    (directory / "..data").mkdir()
    (directory / "..data" / "shop-3").write_text(json.dumps(LOGIN), encoding="utf-8")
    (directory / "shop-3").symlink_to(Path("..data") / "shop-3")

    assert CredentialDirectory(str(directory)).load("shop-3").role == "法定代表人"


@pytest.mark.parametrize("name", ["../outside", "..", "absent", "link-out"])
def test_nothing_outside_the_directory_is_read(directory: Path, name: str) -> None:
    outside = directory.parent / "outside.json"
    outside.write_text(json.dumps(LOGIN), encoding="utf-8")
    (directory / "link-out.json").symlink_to(outside)

    with pytest.raises(Permanent, match="cannot be had") as fault:
        CredentialDirectory(str(directory)).load(name)

    assert fault.value.code == "credential_missing"


@pytest.mark.parametrize("content", ["not json s3cret-word", '{"password": "s3cret-word"}', "[]", "", "[" * 100_000])
def test_a_file_that_is_no_login_is_missing_and_its_content_is_not_repeated(directory: Path, content: str) -> None:
    (directory / "broken.json").write_text(content, encoding="utf-8")

    with pytest.raises(Permanent, match="broken") as fault:
        CredentialDirectory(str(directory)).load("broken")

    assert "s3cret-word" not in str(fault.value)


def test_without_a_directory_the_setting_is_named() -> None:
    with pytest.raises(Permanent, match="FAPIAO_CREDENTIALS_DIR is not set"):
        CredentialDirectory(None).load("shop-1")
