"""The daily and the weekly words: whom, when by their own clocks, how often; and what Slack may do meanwhile."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from office_rig import AUDIT, URL, Office, asked
from worlds import ALICE, BOB, CAROL, MALLORY, NOW, PEOPLE, RULES, doomed, record

from domain.cluster import Cluster, DaySpend, Receipt
from domain.errors import Refused, Unavailable
from domain.rules import Actor, Idle
from domain.spending import day_of
from services.errands import DIGEST, PREFIX

HOUR, DAY = 3600.0, 86400.0
MIDNIGHT = NOW - NOW % DAY
MONDAY = next(MIDNIGHT + n * DAY for n in range(7) if datetime.fromtimestamp(MIDNIGHT + n * DAY, UTC).weekday() == 0)
CHANNEL = "C0MONEY"
DOWN = Unavailable("SlackUnreachable", "no")


def office(at: float, channel: str = "", **cluster: object) -> Office:
    """Alice's cluster, which cost 12 USD on each of the last five days."""
    made = Office(replace(RULES, idle=Idle(digest_channel=channel)))
    made.clock.time = at
    days = tuple(DaySpend(day_of(at - n * DAY), 12.0, idle_usd=3.0) for n in range(5, -1, -1))
    spent: Cluster = record(days=days, **cluster)
    made.clusters.add(replace(spent, version=0), "op-add", AUDIT)
    return made


def cries(office: Office) -> list[tuple[str, str]]:
    """Where what was said."""
    return office.board.cries


def test_an_owner_hears_of_the_day_at_nine_of_his_morning() -> None:
    """Asked every hour of a week: once a day, at the first hour from nine on, wherever he lives."""
    for tz, hour in (("UTC", 9), ("Europe/Berlin", 8), ("America/Los_Angeles", 17), ("Asia/Tokyo", 0)):
        made = office(MIDNIGHT)
        made.outside.people[ALICE] = Actor(ALICE, tz=tz)
        told = []
        for _ in range(4 * 24):
            before = len(cries(made))
            made.digester.run()
            told += [made.clock.time - MIDNIGHT] * (len(cries(made)) - before)
            made.clock.time += HOUR
        hours = [at % DAY / HOUR for at in told]
        # Who begins in the middle of somebody's day tells it at once; from then on it is his morning.
        assert hours[1:] == [hour] * len(hours[1:]) and len(told) in (4, 5), (tz, hours)


def test_it_is_about_the_day_that_is_over() -> None:
    """The last whole day by UTC, with its sum."""
    made = office(MIDNIGHT + 9 * HOUR)
    assert made.digester.run() == 1
    assert cries(made) == [(f"D-{ALICE}", f"daily {ALICE} {day_of(MIDNIGHT - 1)} 12.00")]


def test_any_number_of_replicas_say_it_once() -> None:
    """Three workers, doubled messages: one digest."""
    made = office(MIDNIGHT + 9 * HOUR)
    for _ in range(3):
        made.office_digester().run()
        made.runner.run(PREFIX + DIGEST)
        made.clock.time += 60
    assert len(cries(made)) == 1


def test_what_slack_did_not_take_is_sent_an_hour_later() -> None:
    """An outage over nine o'clock: the digest comes when Slack is back, once; by evening it is left."""
    made = office(MIDNIGHT + 9 * HOUR)
    made.script.fail("board.direct", *[DOWN] * 3)
    for _ in range(20):
        made.digester.run()
        made.clock.time += HOUR
    assert len(cries(made)) == 1
    late = office(MIDNIGHT + 9 * HOUR)
    late.script.fail("board.direct", *[DOWN] * 11)
    for _ in range(15):
        late.digester.run()
        late.clock.time += HOUR
    assert cries(late) == []


@pytest.mark.parametrize("why", ["deactivated", "unknown", "unreadable", "closed"])
def test_who_cannot_read_it_gets_none_and_stops_nobody(why: str) -> None:
    """The other owners hear of their day all the same."""
    made = office(MIDNIGHT + 9 * HOUR)
    other = made.clusters.get("demo-abc23")
    assert isinstance(other, Cluster)
    bobs = replace(other, id="bobs-22222", spec=replace(other.spec, owner=BOB, name="bobs"), version=0)
    made.clusters.add(bobs, "op-bob", AUDIT)
    if why == "deactivated":
        made.outside.people[ALICE] = Actor(ALICE, is_deactivated=True)
    elif why == "unknown":
        del made.outside.people[ALICE]
    elif why == "closed":
        made.board.closed.add(f"D-{ALICE}")
    else:
        broken = made.outside.look_up
        made.outside.look_up = lambda user: (_ for _ in ()).throw(DOWN) if user == ALICE else broken(user)
    for _ in range(3):
        made.digester.run()
        made.clock.time += HOUR
    assert [channel for channel, _ in cries(made)] == [f"D-{BOB}"]
    assert why != "closed" or len(made.script.named("board.direct")) == 2  # told to nobody, and not tried all day


def test_nothing_spent_nothing_said() -> None:
    """An owner whose clusters are gone, and cost nothing yesterday, is left in peace."""
    made = Office()
    made.clock.time = MIDNIGHT + 9 * HOUR
    gone = doomed(receipt=Receipt(NOW, NOW, (), (), 0.0), version=0)
    made.clusters.add(gone, "op-add", AUDIT)
    assert made.digester.run() == 0


def test_the_channel_hears_of_the_week_on_monday_at_nine() -> None:
    """Once, between Monday nine o'clock UTC and Tuesday; never of a week that cost nothing, and without a channel never."""
    made = office(MONDAY - DAY, CHANNEL)
    made.outside.people.pop(ALICE)
    times = []
    for _ in range(9 * 24):
        times += [made.clock.time] if made.digester.run() else []
        made.clock.time += HOUR
    assert times == [MONDAY + 9 * HOUR]
    assert {channel for channel, _ in cries(made)} == {CHANNEL}
    silent = office(MONDAY + 9 * HOUR)
    silent.outside.people.pop(ALICE)
    assert silent.digester.run() == 0


def test_a_picture_goes_into_the_direct_messages_of_who_asked() -> None:
    """The same figures as the table, in the asker's language; nothing else is said."""
    made = office(MIDNIGHT)
    made.outside.people[ALICE] = replace(PEOPLE[ALICE], locale="zh-CN")
    args = {"subject": "me", "window": str(7 * DAY)}
    message = PREFIX + made.errander.send("chart", args, asked(ALICE, "op-1"), URL)
    made.runner.run(message)
    assert made.pictures.sent == [(ALICE, b"PNG", "costs in zh-CN", "1 clusters")]
    assert made.replies.told == []


def test_a_picture_that_slack_does_not_take_is_told_in_a_sentence() -> None:
    """The asker was promised one."""
    made = office(MIDNIGHT)

    def lost() -> None:
        raise DOWN

    made.pictures.check = lost
    made.runner.run(PREFIX + made.errander.send("chart", {"subject": "me"}, asked(CAROL, "op-1"), URL))
    ((what, _, _, text),) = made.replies.told
    assert what == "sentence" and "That did not work just now" in text


def test_a_guest_gets_no_picture() -> None:
    """Refused before anything is stored."""
    made = office(MIDNIGHT)
    with pytest.raises(Refused):
        made.errander.send("chart", {"subject": "all"}, asked(MALLORY, "op-1"), URL)
    assert made.queue.take() is None
