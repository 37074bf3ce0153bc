"""The two ways in which the sandbox's Slack says no: to the app over the Web API, and to a person's gesture."""

from collections.abc import Sequence


class SlackError(Exception):
    """A Web API refusal: HTTP 200 with `{"ok": false, "error": code}`; `messages` go into response_metadata, `fields`
    beside the error."""

    def __init__(self, code: str, messages: Sequence[str] = (), **fields: str) -> None:
        super().__init__(code)
        self.code = code
        self.messages = list(messages)
        self.fields = fields


class Misuse(Exception):
    """A gesture nobody could make in Slack (no such button, no such person); `status` is the 4xx or 5xx for it."""

    def __init__(self, sentence: str, *, status: int = 404) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status
