"""Pictures for people: uploaded into somebody's direct messages against the sandbox's Slack, errors as the domain's."""

from collections.abc import Iterator

import httpx
import pytest
from slack_rig import BOT_TOKEN, running_slack
from slack_rig import Rig as SlackRig
from slack_stub import Stub, running_stub

from adapters.slack_pictures import SlackPictures
from adapters.slack_wire import make_client
from domain.errors import Denied, Missing, Throttled, Unavailable

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
PLAIN = b"a picture that a scripted Slack can read"


@pytest.fixture
def slack() -> Iterator[SlackRig]:
    """The sandbox's Slack on a free port."""
    with running_slack() as running:
        yield running


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A scripted Slack."""
    with running_stub() as running:
        yield running


def pictures_of(slack: SlackRig) -> SlackPictures:
    """Ours against it."""
    return SlackPictures(make_client(BOT_TOKEN, f"{slack.url}/api/", 5))


def uploading(stub: Stub) -> None:
    """It opens the conversation and gives an address for the bytes."""
    stub.says({"ok": True, "channel": {"id": "D1"}}, method="conversations.open")
    where = {"ok": True, "upload_url": f"{stub.url}/upload/F1", "file_id": "F1"}
    stub.says(where, method="files.getUploadURLExternal")


def test_a_picture_reaches_its_person(slack: SlackRig) -> None:
    """The very bytes are in the direct messages, once, under their title."""
    pictures_of(slack).send("U0ALICE", PNG, "Costs of the week", "Bars by day.")
    (stored,) = slack.get("/slack/files")
    assert (stored["title"], stored["mimetype"], stored["size"]) == ("Costs of the week", "image/png", len(PNG))
    (message,) = [m for m in slack.get("/slack/messages", user="U0ALICE") if m["files"]]
    assert message["channel"].startswith("D")
    assert message["text"] == "Costs of the week"
    assert httpx.get(stored["url_private"], trust_env=False).content == PNG


def test_the_words_go_with_the_picture(stub: Stub) -> None:
    """The alt text is said where the address is asked for, the place where the upload is completed."""
    uploading(stub)
    stub.says(b"OK", method="F1")
    stub.says({"ok": True, "files": [{"id": "F1"}]}, method="files.completeUploadExternal")
    SlackPictures(stub.client).send("U1", PLAIN, "Costs", "Bars by day.")
    opened, asked, _sent, completed = [fields for _, fields in stub.asked]
    assert opened["users"] == "U1"
    assert (asked["alt_txt"], asked["length"]) == ("Bars by day.", str(len(PLAIN)))
    assert [path for path, _ in stub.asked][2] == "/upload/F1"
    assert completed["channel_id"] == "D1"
    assert '"F1"' in completed["files"]


def test_bytes_that_do_not_arrive_are_shown_to_nobody(stub: Stub) -> None:
    """An address that refuses them is Unavailable, and nothing is completed."""
    uploading(stub)
    stub.says(b"no", status=500, method="F1")
    with pytest.raises(Unavailable):
        SlackPictures(stub.client).send("U1", PLAIN, "Costs", "Bars.")
    assert stub.calls("files.completeUploadExternal") == 0


def test_a_completion_without_an_answer_is_unavailable(stub: Stub) -> None:
    """The line is cut after the bytes: whether it is seen is not known, and that is what is said."""
    uploading(stub)
    stub.says(b"OK", method="F1")
    with pytest.raises(Unavailable):
        SlackPictures(stub.client).send("U1", PLAIN, "Costs", "Bars.")


def test_refusals_are_those_of_the_domain(stub: Stub) -> None:
    """No such person is Missing, a token without files:write is Denied, too many calls are Throttled."""
    stub.says({"ok": False, "error": "user_not_found"}, method="conversations.open")
    with pytest.raises(Missing):
        SlackPictures(stub.client).send("U1", PLAIN, "Costs", "Bars.")
    for refusal, kind in (
        ({"error": "missing_scope", "needed": "files:write"}, Denied),
        ({"error": "ratelimited"}, Throttled),
    ):
        stub.says({"ok": True, "channel": {"id": "D1"}}, method="conversations.open")
        stub.says({"ok": False, **refusal}, method="files.getUploadURLExternal")
        with pytest.raises(kind):
            SlackPictures(stub.client).send("U1", PLAIN, "Costs", "Bars.")
