"""What is said of use and money, as messages ready for Slack: in the language of the house, with a digest of what is seen."""

from dataclasses import replace

from slack_sdk.models.blocks import Block

from adapters.slack_reminders import SlackReminders
from domain.cluster import Cluster
from domain.costs import costs
from domain.digests import Digest, DigestLine, Week
from domain.rules import Rules
from domain.watch import Delivered, Kind, Use, Watch
from services.ports import Rendered
from tests.engine_support import approved, sample

NOW = 1_800_000_000.0
RULES = Rules()
SENT = Delivered("idle", 2, NOW, "1.5", 3, ("U0ALICE",), "park", NOW + 3600, 12.0, 7200.0)
DAY = Digest("U0ALICE", "2026-11-24", (), 12.0, 0.0, 3.0, None)


def idle(**watch: object) -> Cluster:
    """A cluster that idles."""
    seen = Watch(
        use=Use.IDLE, kind=Kind.UNALLOCATED, idle_s=7200.0, idle_usd=12.0, idle_since=NOW - 7200, judged_at=NOW
    )
    return replace(approved(sample()), ready_at=NOW - 9000, watch=replace(seen, **watch), usd_per_hour_now=6.0)


def drawn(language: str) -> list[Rendered]:
    """One of each."""
    house = SlackReminders(language)
    week = Week(costs((), 7 * 86400.0, NOW), 3.0, 1.0, 2, 0)
    return [
        house.idle(idle(), RULES, NOW),
        house.nudge(idle(), SENT, NOW),
        house.daily(DAY, NOW),
        house.weekly(week, NOW),
    ]


def test_each_has_text_and_blocks_that_slack_takes() -> None:
    """A fallback text, and blocks that Slack's own models read."""
    for message in drawn("en"):
        assert message.text and message.blocks
        assert len(Block.parse_all([dict(block) for block in message.blocks])) == len(message.blocks) <= 50


def test_the_digest_is_that_of_what_people_see() -> None:
    """Drawn again it is the same; with more money, another line or a later moment shown it is not."""
    house = SlackReminders()
    once = house.idle(idle(), RULES, NOW)
    assert house.idle(idle(), RULES, NOW) == once
    assert house.idle(idle(credited_to=NOW), RULES, NOW).digest == once.digest
    assert house.idle(idle(idle_usd=13.0), RULES, NOW).digest != once.digest
    line = DigestLine("demo-1", "demo", "Ready", "Idle", 12.0, 0.0, 3.0, 6.0, None)
    assert house.daily(replace(DAY, lines=(line,)), NOW).digest != house.daily(DAY, NOW).digest


def test_the_house_has_one_language() -> None:
    """Whoever reads: an installation that speaks Chinese writes Chinese, whatever was spoken before."""
    english, chinese = drawn("en"), drawn("zh")
    assert drawn("en") == english
    assert [one.digest for one in chinese] != [one.digest for one in english]
