"""Settings and configuration: every fault at once, secrets from files, a file's fault with its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.config import load
from bot.settings import SettingsError, read

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


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("approver: [U1]", "approver"),
        ("limits: {max_nodes: 0}", "limits.max_nodes"),
        ("limits: {max_ttl: soon}", "not a time span"),
        ("regions: []", "regions"),
        (
            "foundations: {eu-west-1: {vpc: v, subnets: [a], cluster_role: r, node_role: n}}",
            "foundations.eu-west-1.subnets",
        ),
        ("- a list", "must hold a mapping"),
        ("a: [unclosed", "is not YAML"),
    ],
)
def test_a_fault_in_the_file_is_told_with_its_place(tmp_path: Path, content: str, told: str) -> None:
    """The path inside the file is in the sentence."""
    path = tmp_path / "raygpu.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="RAYGPU_CONFIG") as caught:
        load(path)
    assert told in str(caught.value)


def test_the_documented_example_is_valid(tmp_path: Path) -> None:
    """The YAML of docs/configuration.md loads, and means what it says."""
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    path = tmp_path / "raygpu.yaml"
    path.write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    rules = load(path).rules()
    assert rules.approvers == {"U0BOB", "U0BORIS"}
    assert (rules.default_ttl_s, rules.max_ttl_s) == (8 * 3600, 7 * 86400)
    assert rules.principals["U0ALICE"] == ("arn:aws:iam::111122223333:role/alice",)
