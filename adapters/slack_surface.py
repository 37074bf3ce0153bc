"""Answers to gestures: at once, within Slack's three seconds, and late, through the response URL of a slow question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web import WebClient

from adapters.slack_wire import SLACK, ResponseUrls, fields_of, translated
from blocks import checkup
from blocks.elements import Block
from blocks.text import sentence
from blocks.tongue import in_tongue, language_of, speaking
from domain.adoption import Sweep
from domain.doctor import Finding

ANSWER_TIMEOUT_S = 2
# The person has closed the form, or a newer update of it came first: nothing is left to be shown.
LATE = frozenset({"hash_conflict", "not_found"})


class SlackSurface:
    """Answers to gestures: implements handlers.answers.Surface."""

    def __init__(self, client: WebClient, api_url: str = SLACK, timeout_s: int = ANSWER_TIMEOUT_S) -> None:
        self._client = client
        self._response_urls = ResponseUrls(api_url, timeout_s)

    def open_modal(self, trigger: str, view: Mapping[str, Any]) -> None:
        """views.open; the trigger id is good for three seconds and one view."""
        with translated("views.open"):
            self._client.views_open(trigger_id=trigger, view=dict(view))

    def update_modal(self, view_id: str, hash: str, view: Mapping[str, Any]) -> None:
        """views.update of the view as it was when it had that hash; an older one is left as it is, a closed one too."""
        with translated("views.update"):
            try:
                self._client.views_update(view_id=view_id, hash=hash, view=dict(view))
            except SlackApiError as refused:
                if fields_of(refused).get("error") not in LATE:
                    raise

    def publish_home(self, user: str, view: Mapping[str, Any]) -> None:
        """views.publish."""
        with translated("views.publish"):
            self._client.views_publish(user_id=user, view=dict(view))

    def whisper(self, channel: str, user: str, text: str) -> None:
        """chat.postEphemeral."""
        with translated("chat.postEphemeral"):
            self._client.chat_postEphemeral(channel=channel, user=user, text=text)

    def answer(self, response_url: str, message: Mapping[str, Any]) -> None:
        """Posts to a response_url (five uses in thirty minutes). Raises Rejected for an address that is not Slack's."""
        self._response_urls.post(response_url, message)


class SlackReplies:
    """Late answers, seen by the asker alone and in the asker's language: implements services.ports.Replies."""

    def __init__(self, api_url: str = SLACK) -> None:
        self._response_urls = ResponseUrls(api_url)

    def sentence(self, response_url: str, locale: str, text: str) -> None:
        """One sentence."""
        with speaking(language_of(locale)):
            self._send(response_url, sentence(in_tongue(text)))

    def findings(self, response_url: str, locale: str, findings: tuple[Finding, ...]) -> None:
        """What the doctor found."""
        with speaking(language_of(locale)):
            self._send(response_url, *checkup.findings(findings))

    def orphans(self, response_url: str, locale: str, sweep: Sweep) -> None:
        """What a look over all regions found."""
        with speaking(language_of(locale)):
            self._send(response_url, *checkup.orphans(sweep))

    def _send(self, response_url: str, text: str, blocks: Sequence[Block] = ()) -> None:
        message: dict[str, Any] = {"text": text, "response_type": "ephemeral", "replace_original": False}
        self._response_urls.post(response_url, {**message, "blocks": list(blocks)} if blocks else message)
