"""The environment: every fault at once, secrets from files, wrong values by the name of their variable."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.settings import SettingsError, read, read_config

GOOD = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "s3cret"}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of this machine leaks into a test."""
    for name in [n for n in os.environ if n.startswith(("SLACK_", "RAYGPU_"))]:
        monkeypatch.delenv(name)


def given(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def test_every_fault_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No token, no secret and a broken file are three sentences of one error, not three starts."""
    given(monkeypatch, RAYGPU_CONFIG="/nowhere/raygpu.yaml")
    with pytest.raises(SettingsError) as caught:
        read()
    told = "\n".join(caught.value.faults)
    assert "SLACK_BOT_TOKEN" in told
    assert "SLACK_SIGNING_SECRET" in told
    assert "/nowhere/raygpu.yaml cannot be read" in told


def test_each_fault_of_the_file_is_a_fault_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two wrong lines of the file and a missing token are four faults, the file's with their lines."""
    path = tmp_path / "raygpu.yaml"
    path.write_text("approvers: [bob]\nlanguage: fr\n", encoding="utf-8")
    given(monkeypatch, RAYGPU_CONFIG=str(path))
    with pytest.raises(SettingsError) as caught:
        read()
    assert [fault.split(":")[0] for fault in caught.value.faults[:2]] == ["RAYGPU_CONFIG"] * 2
    assert len(caught.value.faults) == 4
    with pytest.raises(SettingsError) as alone:
        read_config()
    assert [f"line {n}" in fault for n, fault in enumerate(alone.value.faults, 1)] == [True, True]


@pytest.mark.parametrize(
    ("name", "value"),
    [("RAYGPU_HTTP_PORT", "http"), ("RAYGPU_HTTP_PORT", "70000"), ("RAYGPU_CLOCK_SPEED", "0"), ("RAYGPU_LOG", "xml")],
)
def test_a_wrong_value_names_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """The variable at fault is in the sentence."""
    given(monkeypatch, **GOOD, **{name: value})
    with pytest.raises(SettingsError) as caught:
        read()
    assert name in caught.value.faults[0]


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts set variables to nothing; the default holds then."""
    given(monkeypatch, **GOOD, RAYGPU_HTTP_PORT="", SLACK_API_URL="")
    settings = read()
    assert (settings.http_port, settings.slack_api_url) == (3000, "https://slack.com/api/")


def test_a_secret_may_come_as_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """NAME_FILE wins over NAME; a file that cannot be read is a fault."""
    token = tmp_path / "token"
    token.write_text("xoxb-from-file\n", encoding="utf-8")
    given(monkeypatch, **GOOD, SLACK_BOT_TOKEN_FILE=str(token))
    assert read().bot_token == "xoxb-from-file"
    given(monkeypatch, SLACK_BOT_TOKEN_FILE=str(tmp_path / "missing"))
    with pytest.raises(SettingsError, match="SLACK_BOT_TOKEN_FILE"):
        read()


def test_an_app_token_means_socket_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """With SLACK_APP_TOKEN no signing secret is needed."""
    given(monkeypatch, SLACK_BOT_TOKEN="xoxb-1", SLACK_APP_TOKEN="xapp-1")
    assert read().socket_mode
