"""Pictures for people: a PNG uploaded into somebody's direct messages, with its words for those who do not see it."""

from __future__ import annotations

from slack_sdk.web import WebClient

from adapters.slack_wire import translated, word

FILE_NAME = "raygpu.png"


class SlackPictures:
    """Uploads: implements services.ports.Pictures."""

    def __init__(self, client: WebClient) -> None:
        self._client = client

    def send(self, user: str, picture: bytes, title: str, alt: str) -> None:
        """conversations.open with one person, then the three steps of an upload: an address (with the alt text), the
        bytes, and the completion that shares the file there. Nobody sees anything of one that was not completed.

        Raises as `translated` says: Missing for a person who is not there, Denied without files:write, Throttled.
        """
        with translated("conversations.open"):
            opened = self._client.conversations_open(users=user)
            channel = word(opened["channel"]["id"])
        with translated("files.upload"):
            self._client.files_upload_v2(
                channel=channel, content=picture, filename=FILE_NAME, title=title, alt_txt=alt, initial_comment=title
            )
