"""The Slack app's manifest: the code calls no method outside its scopes, and hears no event it does not ask for."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from handlers.routes import ROUTES, On

ROOT = Path(__file__).parents[2]
# The bot scope of each Web API method (its page in Slack's reference); "" where a token of any scope will do.
SCOPES = {
    "auth_test": "",
    "chat_postEphemeral": "chat:write",
    "chat_postMessage": "chat:write",
    "chat_update": "chat:write",
    "conversations_open": "im:write",
    "files_upload_v2": "files:write",
    "usergroups_users_list": "usergroups:read",
    "users_info": "users:read",
    "views_open": "",
    "views_publish": "",
    "views_update": "",
}


def text() -> str:
    """The manifest as it is written."""
    return (ROOT / "manifest.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    """The manifest as Slack reads it."""
    return yaml.safe_load(text())


def methods_called() -> set[str]:
    """Every method of slack_sdk's client that the code calls."""
    files = [*(ROOT / "adapters").rglob("*.py"), *(ROOT / "bot").rglob("*.py"), *(ROOT / "handlers").rglob("*.py")]
    rooms = "chat|conversations|users|usergroups|views|files|auth|apps|reactions"
    pattern = re.compile(rf"(?:_client|client|web)\.((?:{rooms})_\w+)\(")
    return {name for path in files for name in pattern.findall(path.read_text())}


def test_the_scopes_are_those_the_code_needs(manifest: dict[str, Any]) -> None:
    """No call without its scope, and no scope without a call (commands is that of /raygpu itself)."""
    called = methods_called()
    assert called == set(SCOPES)
    needed = {SCOPES[name] for name in called} - {""} | {"commands"}
    assert set(manifest["oauth_config"]["scopes"]["bot"]) == needed
    assert "user" not in manifest["oauth_config"]["scopes"]


def test_the_events_are_those_with_a_route(manifest: dict[str, Any]) -> None:
    """Each subscribed event has a listener of its own, and each listener its event."""
    routed = {route.key for route in ROUTES if route.on is On.EVENT and isinstance(route.key, str)}
    assert set(manifest["settings"]["event_subscriptions"]["bot_events"]) == routed


def test_buttons_forms_and_the_command_are_switched_on(manifest: dict[str, Any]) -> None:
    """Without interactivity no click would arrive; ids instead of names need should_escape."""
    assert manifest["settings"]["interactivity"]["is_enabled"] is True
    (command,) = manifest["features"]["slash_commands"]
    assert (command["command"], command["should_escape"]) == ("/raygpu", True)
    assert manifest["features"]["app_home"]["home_tab_enabled"] is True


def test_with_the_commented_lines_it_is_the_manifest_of_http_mode() -> None:
    """Every address Slack needs over HTTP is there to be uncommented: commands, clicks, options and events."""
    lines, found = re.subn(
        r"^(\s*)# (\w+: https://raygpu\.example\.com/slack/events)", r"\1\2", text(), flags=re.MULTILINE
    )
    assert found == 4
    http = yaml.safe_load(lines)
    address = "https://raygpu.example.com/slack/events"
    assert http["features"]["slash_commands"][0]["url"] == address
    interactivity = http["settings"]["interactivity"]
    assert (interactivity["request_url"], interactivity["message_menu_options_url"]) == (address, address)
    assert http["settings"]["event_subscriptions"]["request_url"] == address
