"""What every answer must be, whatever was asked."""

from gesture_rig import Reply, Rig
from slack_limits import assert_message, assert_tame

from domain.cluster import Cluster


def only(rig: Rig) -> Cluster:
    """The one record there is."""
    (cluster,) = rig.world.records.values()
    return cluster


def assert_sound(reply: Reply) -> None:
    """The answer is one that Slack takes, seen by its asker alone, with no markup but ours in it."""
    assert (reply.status, reply.json["response_type"]) == (200, "ephemeral")
    assert 0 < len(reply.text) <= 4000
    assert_tame([{"type": "mrkdwn", "text": reply.text}])
    if reply.json.get("blocks"):
        assert_message(reply.json["blocks"])
        assert_tame(reply.json["blocks"])
