"""Errands: asked for once, done once, answered late in the asker's language, and a failure is a sentence."""

import logging
import threading
from dataclasses import replace

import pytest
from office_rig import DOWN, URL, Office, asked
from redis import Redis
from worlds import ALICE, BOB, CAROL, MALLORY, PEOPLE

from adapters.dramatiq_queue import DramatiqQueue, build_broker, start_worker
from adapters.redis_store import RedisErrands
from domain.doctor import SWEEP, WORKER, SweepNote, noted
from domain.errors import Missing, Refused, Unavailable
from domain.words import Said
from services.errands import PREFIX, PULSE


def sent(office: Office, kind: str = "doctor", **args: str) -> str:
    """Carol's errand, on its way; the message in the queue."""
    return PREFIX + office.errander.send(kind, args, asked(CAROL, "op-1"), URL)


def test_an_errand_goes_to_a_worker_and_comes_back_as_an_answer() -> None:
    """Stored first, then its id sent; the answer goes to the asker's response URL in the asker's locale."""
    office = Office()
    office.outside.people[CAROL] = replace(PEOPLE[CAROL], locale="zh-CN")
    message = sent(office)
    assert office.queue.take() == message
    office.runner.run(message)
    ((what, url, locale, findings),) = office.replies.told
    assert (what, url, locale) == ("findings", URL, "zh-CN")
    assert len(findings) > 10


def test_a_message_that_comes_twice_is_answered_once() -> None:
    """Whoever comes second finds nothing, on any worker."""
    office = Office()
    message = sent(office)
    office.runner.run(message)
    office.worker().run(message)
    assert len(office.replies.told) == 1


def test_an_errand_too_old_to_be_answered_is_not_done() -> None:
    """After half an hour the response URL is dead: nothing is adopted behind anybody's back."""
    office = Office()
    office.orphan()
    message = sent(office, "adopt", id="demo")
    office.clock.time += 30 * 60 + 1
    office.runner.run(message)
    assert office.replies.told == []
    assert office.clusters.all() == ()


@pytest.mark.parametrize("kind", ["doctor", "orphans", "adopt"])
@pytest.mark.parametrize("user", [ALICE, BOB, MALLORY])
def test_only_administrators_send_them(kind: str, user: str) -> None:
    """Refused at once: nothing is stored, nothing is sent."""
    office = Office()
    with pytest.raises(Refused):
        office.errander.send(kind, {}, asked(user), URL)
    assert office.queue.take() is None


def test_the_policy_is_asked_again_when_it_is_done() -> None:
    """Who was deactivated meanwhile learns nothing more, and changes nothing."""
    office = Office()
    office.orphan()
    message = sent(office, "adopt", id="demo")
    office.outside.people[CAROL] = replace(PEOPLE[CAROL], is_deactivated=True)
    office.runner.run(message)
    assert [told[0] for told in office.replies.told] == ["sentence"]
    assert "deactivated" in office.replies.told[0][3]
    assert office.clusters.all() == ()


def test_an_errand_that_could_not_be_sent_is_no_errand() -> None:
    """The web tells the asker so, by the error."""
    office = Office()

    class Down:
        def send(self, _: str) -> None:
            raise Unavailable("QueueUnavailable", "no")

    office.errander._queue = Down()
    with pytest.raises(Unavailable):
        sent(office)


def test_orphans_answers_with_a_fresh_sweep() -> None:
    """Not with what the last one remembered."""
    office = Office()
    office.sweeper.sweep()
    lost = office.orphan()
    office.runner.run(sent(office, "orphans"))
    ((what, _, _, sweep),) = office.replies.told
    assert what == "orphans"
    assert [one.plane.name for one in sweep.orphans] == [lost.eks_name]


def test_adopt_answers_with_the_record() -> None:
    """A sentence with name, id and owner."""
    office = Office()
    office.orphan()
    office.runner.run(sent(office, "adopt", id="demo"))
    ((what, _, _, text),) = office.replies.told
    assert what == "sentence"
    assert isinstance(text, Said)
    assert "demo-abc23" in text
    assert f"<@{ALICE}>" in text


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda o: None, "no cluster nowhere of raygpu's in AWS"),
        (lambda o: o.outside.down.update(managed=DOWN), "could not be read"),
        (lambda o: o.outside.down.update(people=DOWN), "That did not work just now: It does not answer."),
    ],
)
def test_a_failure_is_said_in_a_sentence(break_it: object, words: str) -> None:
    """Refusals and outside faults alike; the asker never waits for nothing."""
    office = Office()
    message = sent(office, "adopt", id="nowhere")
    break_it(office)
    office.runner.run(message)
    ((what, url, _, text),) = office.replies.told
    assert (what, url) == ("sentence", URL)
    assert words in text


def test_a_fault_of_our_own_is_said_as_well_and_stays_in_the_log() -> None:
    """The exception passes through to the worker's log, and the asker has a number to quote."""
    office = Office()
    message = sent(office, "orphans")
    office.outside.down["managed"] = ZeroDivisionError("a bug")
    with pytest.raises(ZeroDivisionError):
        office.runner.run(message)
    ((_, _, _, text),) = office.replies.told
    assert message.removeprefix(PREFIX) in text


def test_an_answer_that_comes_too_late_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """An expired response URL stops nothing, and is not taken for a failure of the errand."""
    office = Office()
    office.orphan()
    office.replies.lost = Missing("SlackGone", "the response_url is used up")
    with caplog.at_level(logging.WARNING):
        office.runner.run(sent(office, "adopt", id="demo"))
    assert "was not delivered" in caplog.text
    assert [c.id for c in office.clusters.all()] == ["demo-abc23"]


def test_chores_go_out_once_per_period() -> None:
    """Whatever the number of replicas, and again in the next period."""
    office = Office()
    assert [office.chores.send(PULSE, 30) for _ in range(3)] == [True, False, False]
    office.clock.time += 30
    assert office.chores.send(PULSE, 30)
    assert [office.queue.take(), office.queue.take(), office.queue.take()] == ["errand/pulse", "errand/pulse", None]


def test_a_worker_that_takes_the_pulse_is_heard_of_and_a_sweep_is_swept() -> None:
    """The tick's messages come back as beats: queue and worker are proven together."""
    office = Office()
    office.runner.run(PREFIX + PULSE)
    assert set(office.beats.read()) == {WORKER}
    office.runner.run(PREFIX + "sweep")
    assert set(office.beats.read()) == {WORKER, SWEEP}
    assert office.replies.told == []


def test_a_chore_that_fails_is_a_line_in_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store was down for a moment: the worker goes on."""
    office = Office()

    def down(*_: object) -> None:
        raise DOWN

    monkeypatch.setattr(type(office.beats), "put", down)
    office.runner.run(PREFIX + PULSE)
    assert "errand/pulse could not be done" in caplog.text


def test_over_the_real_queue_an_errand_is_done_exactly_once(valkey_url: str) -> None:
    """Two workers, every message sent five times: each errand is answered once, and none is lost."""
    clients = [Redis.from_url(valkey_url) for _ in range(3)]
    office = Office(errands=RedisErrands(clients[0]), queue=DramatiqQueue(build_broker(clients[0])))
    messages = [sent(office, "orphans") for _ in range(10)]
    for message in messages * 4:
        office.queue.send(message)
    seen, everything = [], threading.Event()

    def work(message: str) -> None:
        office.worker().run(message)
        seen.append(message)
        if len(seen) == 5 * len(messages):
            everything.set()

    workers = [start_worker(build_broker(client), work, 4) for client in clients[1:]]
    try:
        assert everything.wait(30)
    finally:
        for worker in workers:
            worker.stop()
    assert len(office.replies.told) == len(messages)


def test_after_an_adoption_the_doctor_sees_no_orphan_any_more() -> None:
    """What the last sweep remembered would be red for an hour."""
    office = Office()
    office.orphan()
    office.runner.run(sent(office, "orphans"))
    assert noted(office.beats.read()[SWEEP].detail) == SweepNote(1, 0)
    office.runner.run(sent(office, "adopt", id="demo"))
    assert noted(office.beats.read()[SWEEP].detail) == SweepNote(0, 0)
