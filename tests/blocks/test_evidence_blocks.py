"""Why?: all the record knows of the use of a cluster; and how cards and lists put it in a few words."""

from dataclasses import replace

import pytest
from card_samples import HOSTILE, NOW, in_phase
from idle_samples import LATER, PROBES, SINCE, hard, idle, unseen, wasted, watch
from slack_limits import SPOKEN, assert_message, assert_tame, assert_view, texts

from blocks import evidence, listing
from blocks.cards import cluster_card
from blocks.home import Desk, home_view
from blocks.tongue import speaking
from domain.cluster import Phase
from domain.watch import GpuTrack, Kind, Label, State, Use


def shown(made: object) -> str:
    """All its words."""
    return "\n".join(text for text, _ in texts(made))


@pytest.mark.parametrize("language", SPOKEN)
@pytest.mark.parametrize("words", [*HOSTILE, "&" * 300])
@pytest.mark.parametrize("use", Use)
def test_no_extreme_breaks_the_evidence(use: Use, words: str, language: str) -> None:
    """Sixty-four GPUs, fifty labels, every probe at its longest: a message Slack takes."""
    with speaking(language):
        text, blocks = evidence.page(hard(words, Kind.PARTIAL, use), LATER)
    assert_message(blocks)
    assert_tame(blocks)
    assert text


def test_why_has_state_cover_age_value_and_source_of_every_probe() -> None:
    """What it is taken for; the clock; and each probe with what it covers."""
    text, blocks = evidence.page(idle(), LATER + 120)
    words = shown(blocks)
    assert text == "The evidence on demo: idle"
    assert "Counted as idle: 3 h, $35.70." in words
    assert f"Last sign of work: <!date^{int(SINCE - 60)}^" in words
    assert "No pod asks for a GPU." in words
    assert "💤 *GPU utilisation* · quiet · needed\n      0 of 8 GPUs above 1 %. · covers <!date^" in words
    assert words.count("read 2 min ago · from Kubernetes") == len(PROBES)
    assert "✓ *Health* · well\n" in words
    assert "what cannot be seen is never taken for idle" in words


def test_what_is_not_known_has_its_reason_and_its_clock() -> None:
    """Since when nothing is known, and that this is not counted."""
    words = shown(evidence.page(unseen(), LATER)[1])
    assert "Not known since <!date^" in words
    assert (
        "❔ *GPU utilisation* · not known · needed\n      What the GPUs do is not known. The exporter of ip-10-0-1-2"
        in words
    )
    assert "Counted as idle" not in words


def test_gpus_stand_one_by_one_the_busy_first() -> None:
    """A mean hides the one that works; of many the rest is counted."""
    quiet = tuple(GpuTrack("node-1", f"GPU-{n}", LATER, quiet_since=SINCE, watts=61.0, rest_w=60.0) for n in range(20))
    busy = GpuTrack("node-2", "GPU-busy", LATER, watts=310.0, worked=True)
    lines = shown(evidence.page(idle(gpus=(*quiet, busy)), LATER)[1]).splitlines()
    first = lines.index("*GPU by GPU*") + 1
    assert lines[first] == "• node-2 GPU-busy · busy, or not known · 310 W"
    assert lines[first + 1].startswith("• node-1 GPU-0 · quiet since <!date^")
    assert lines[first + 1].endswith("· 61 W, 60 W at rest · never seen at work")
    assert "and 5 more" in lines


def test_peoples_words_against_it_stand_there() -> None:
    """Who said when that it was not idle, and what the probes had said."""
    labels = (Label("U0BOB", SINCE, "U=IDLE, E=IDLE"), Label("U0CAROL", LATER, ""))
    words = shown(evidence.page(idle(labels=labels), LATER)[1])
    assert words.index("<@U0CAROL> said") < words.index("<@U0BOB> said")
    assert "the probes had said: U=IDLE, E=IDLE." in words


def test_before_anybody_looked_there_is_no_evidence() -> None:
    """A cluster that is being built says when looking begins."""
    text, blocks = evidence.page(in_phase(Phase.PROVISIONING), NOW)
    assert text == "Nobody has looked at the use of demo yet: that begins when it is ready."
    assert shown(blocks) == text


# ---- card, list, Home


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        (idle(), "💤 *Use:* idle since <!date^"),
        (idle(), "$35.70 spent so. No pod asks for a GPU."),
        (idle(idle_usd=None), "an unknown sum spent so."),
        (unseen(), "❔ *Not seen* since <!date^"),
        (wasted(), "🔥 *Paid for, and of no use:* Its GPUs cannot work."),
        (idle(use=Use.ACTIVE, kind=None), "🟢 *In use.*"),
        (idle(use=Use.WARMING, kind=None), "It may warm up until <!date^"),
    ],
)
def test_the_card_says_how_it_is_used(cluster: object, words: str) -> None:
    """Use, since when, and what was spent idle."""
    assert words in shown(cluster_card(cluster, LATER)[1])


def test_the_card_does_not_change_with_every_look() -> None:
    """Half a cent more idle, a minute later, at work still: the same card."""
    assert cluster_card(idle(), LATER)[1] == cluster_card(idle(idle_usd=35.68, judged_at=LATER + 9), LATER)[1]
    active = idle(use=Use.ACTIVE, kind=None)
    later = replace(active, watch=replace(active.watch, active_at=LATER, judged_at=LATER))
    assert cluster_card(active, LATER)[1] == cluster_card(later, LATER)[1]


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.READY])
def test_what_is_not_ready_has_no_use(phase: Phase) -> None:
    """What the last look left is not news of a parked or deleted cluster."""
    cluster = replace(in_phase(phase), watch=watch())
    assert "Idle" not in shown(cluster_card(cluster, LATER)[1])
    assert "💤" not in listing.line(cluster)


def test_the_list_shows_what_idles() -> None:
    """One line with since when and how much; of what is in use nothing."""
    assert "· 💤 idle since <!date^" in listing.line(idle())
    assert "$35.70 spent so" in listing.line(idle())
    assert "❔ not seen whether it is used" in listing.line(unseen())
    assert "🔥 GPUs paid for that cannot work" in listing.line(wasted())
    assert listing.line(idle(use=Use.ACTIVE, kind=None)) == listing.line(replace(in_phase(Phase.READY)))


def test_home_shows_idle_money_and_lets_one_deny_it() -> None:
    """Per cluster, with a word against it and the evidence at hand."""
    view = home_view(Desk(clusters=(idle(), unseen(), in_phase(Phase.READY))))
    rows = [[e["action_id"] for e in block["elements"]] for block in view["blocks"] if block["type"] == "actions"]
    assert rows[1:] == [
        ["extend", "park", "delete", "not_idle", "why"],
        ["extend", "park", "delete", "why"],
        ["extend", "park", "delete"],
    ]
    assert "$35.70 spent so" in shown(view)


def test_every_state_has_a_mark_and_a_word() -> None:
    """No reading is left without either."""
    assert set(evidence.MARKS) == set(evidence.STATES) == set(State)
    assert set(evidence.USES) == set(Use)
    assert set(evidence.PROBES) == set(PROBES)


@pytest.mark.parametrize("language", SPOKEN)
@pytest.mark.parametrize("use", Use)
def test_no_extreme_breaks_list_home_or_card(use: Use, language: str) -> None:
    """A hundred clusters that idle, cannot be seen or cannot work, with the longest names and sums: Slack takes it."""
    with speaking(language):
        for kind in (Kind.UNALLOCATED, Kind.BLOCKED):
            cluster = hard("<!channel> & ", kind, use)
            assert_message(listing.cluster_list((cluster,) * 100, "all")[1])
            assert_message(cluster_card(cluster, LATER)[1])
            assert_view(home_view(Desk(clusters=(cluster,) * 100)))
            assert_tame(home_view(Desk(clusters=(cluster,) * 100)))
