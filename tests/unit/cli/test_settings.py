"""`settings`: everything that can be set, and no secret."""

import json

import pytest

from worker.settings import Settings

from .conftest import Run


def test_every_setting_is_listed_with_its_meaning(run: Run) -> None:
    entries = json.loads(run("settings", "--json").stdout)

    assert [entry["name"] for entry in entries] == [f"FAPIAO_{name.upper()}" for name in Settings.model_fields]
    assert [entry["name"] for entry in entries if not entry["meaning"]] == []


def test_secrets_are_masked_wherever_they_stand(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAPIAO_AMQP_URL", "amqp://u:pass-one@h/,amqp://u:pass-two@h2/")
    monkeypatch.setenv("FAPIAO_DATABASE_URL", "postgresql://u:pass-three@h/d")
    monkeypatch.setenv("FAPIAO_GATEWAY_HEADERS", '{"X-Key": "pass-four"}')
    monkeypatch.setenv("FAPIAO_JOURNAL_KEYS", "pass-five,pass-six")

    text, machine = run("settings").stdout, run("settings", "--json").stdout

    assert "pass-" not in text + machine
    assert "FAPIAO_AMQP_URL=amqp://u:***@h/,amqp://u:***@h2/" in text
    values = {entry["name"]: entry["value"] for entry in json.loads(machine)}
    assert values["FAPIAO_GATEWAY_HEADERS"] == {"X-Key": "***"}
    assert values["FAPIAO_JOURNAL_KEYS"] == ["***", "***"]


def test_what_differs_from_the_default_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAPIAO_MAX_LANES", "7")

    text = run("settings").stdout

    assert "FAPIAO_MAX_LANES=7" in text
    assert "default: 1000" in text


def test_schedules_and_sets_are_shown_as_they_are_written(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAPIAO_CONFIRM_SCHEDULE", "90s, 0.5s,36h,2d")

    text, machine = run("settings").stdout, json.loads(run("settings", "--json").stdout)

    assert "FAPIAO_CONFIRM_SCHEDULE=90s,0.5s,36h,2d\n" in text
    assert "default: 2m,10m,30m,2h,6h\n" in text
    assert "FAPIAO_HTTP_SUCCESS_CODES=[0, 200]\n" in text
    values = {entry["name"]: entry["value"] for entry in machine}
    assert values["FAPIAO_FILES_SCHEDULE"] == "2s,10s,1m,5m"
    assert values["FAPIAO_HTTP_SUCCESS_CODES"] == [0, 200]


def test_what_is_shown_can_be_set(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line of the list, put into the environment, gives the same settings; but for secrets and what is unset."""
    lines = [line for line in run("settings").stdout.splitlines() if line.startswith("FAPIAO_")]

    for name, _, value in (line.partition("=") for line in lines):
        if value and "***" not in value:
            monkeypatch.setenv(name, value)

    before, after = Settings(_env_file=None), Settings()
    secret = {"amqp_url", "database_url"}
    assert after.model_dump(exclude=secret) == before.model_dump(exclude=secret)
    assert len(lines) == len(Settings.model_fields)


def test_settings_that_cannot_be_read_are_exit_code_2(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAPIAO_MAX_LANES", "many")

    result = run("settings")

    assert result.exit_code == 2
    assert "FAPIAO_MAX_LANES" in result.stderr
