"""What is said of idleness: each sort in its own words, within Slack's limits, with buttons that carry the epoch."""

from dataclasses import replace

import pytest
from card_samples import HOSTILE, NOW, in_phase
from idle_samples import LATER, RULES, SINCE, hard, idle, keep, readings, told, unknown, unseen, wasted, watch
from slack_limits import SPOKEN, assert_message, assert_tame, texts

from blocks import ids, reminders
from blocks.reminders import idle_message
from blocks.tongue import speaking
from domain.cluster import Cluster, Deletion, Parking, Phase
from domain.rules import OFF, Freeze, Idle, IdlePolicy, Rules
from domain.watch import Delivered, Kind, Label, Reading, State, Use
from domain.words import say

IDLING = [kind for kind in Kind if kind not in (Kind.BLOCKED, Kind.BROKEN)]


def words(cluster: Cluster, rules: Rules = RULES) -> str:
    """All words of the message."""
    return "\n".join(text for text, _ in texts(idle_message(cluster, rules, LATER)[1]))


def elements(blocks: list[dict]) -> list[dict]:
    """The buttons, in order."""
    return [element for block in blocks if block["type"] == "actions" for element in block["elements"]]


def pressable(cluster: Cluster) -> list[str]:
    """Their action ids, in order."""
    return [element["action_id"] for element in elements(idle_message(cluster, RULES, LATER)[1])]


@pytest.mark.parametrize("language", SPOKEN)
@pytest.mark.parametrize("words_", [*HOSTILE, "&" * 300, "长" * 300])
@pytest.mark.parametrize("use", Use)
def test_no_extreme_breaks_the_message(use: Use, words_: str, language: str) -> None:
    """Sixty-four GPUs, the longest names, every probe and hostile words: a message Slack takes, which calls nobody."""
    rules = replace(RULES, halt=Freeze("U0CAROL", NOW, words_ * 30))
    with speaking(language):
        for kind in Kind:
            text, blocks = idle_message(hard(words_, kind, use), rules, LATER)
            assert_message(blocks)
            assert_tame([*blocks, {"type": "mrkdwn", "text": text}])
            assert "<!channel>" not in text


def test_money_comes_first_then_evidence_then_what_is_next() -> None:
    """Dollars spent, by the hour, since when; a line for each probe; what happens; and whose it is."""
    shown = words(idle())
    when = f"<!date^{int(SINCE)}^"
    assert f"*$35.70* spent idle since {when}" in shown
    assert "it goes on at *$11.89/h*." in shown
    assert f"💤 *GPU requests* · No pod asks for a GPU, for 3 h. · since {when}" in shown
    assert "– *Ray* · KubeRay is not installed here." in shown
    assert [line.split("*")[1] for line in shown.splitlines() if line[:1] in "💤–🟢❔✓" and "* · " in line] == [
        "GPU requests", "Ray", "GPU utilisation", "GPU energy", "People", "Health",
    ]  # fmt: skip
    assert "*Next:* raygpu parks it when it has reminded often enough. 0 of 2 reminders have reached somebody." in shown
    assert "It expires <!date^" in shown
    assert "Owner: <@U0ALICE> · id demo-abcde" in shown


def test_an_old_reading_says_how_old() -> None:
    """What was not read in the last two ticks does not look like news."""
    old = Reading("U", State.IDLE, SINCE, LATER - 1800, "dcgm", say("0 of 8 GPUs above 1 %"))
    shown = words(idle(readings=readings(U=old)))
    assert f"last read <!date^{int(LATER - 1800)}^" in shown
    assert shown.count("last read") == 1


def test_an_unknown_price_is_never_nothing() -> None:
    """Neither spent idle nor saved: it says unknown, and no button promises a sum."""
    cluster = replace(idle(idle_usd=None), quote=None)
    shown = words(cluster)
    assert "*an unknown sum* spent idle" in shown
    assert "price unknown" in shown
    assert "$" not in shown
    assert {"Park now", "Delete now", "Keep 4 h: unknown"} <= {e["text"]["text"] for e in elements(
        idle_message(cluster, RULES, LATER)[1]
    )}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        (Kind.UNALLOCATED, ids.PARK_IDLE),
        (Kind.HELD, ids.PARK_IDLE),
        (Kind.WARM, ids.KEEP_HOURS),
        (Kind.ATTACHED, ids.NOT_IDLE),
        (Kind.HUNG, ids.WHY),
        (Kind.SERVING, ids.KEEP_UNTIL),
        (Kind.PARTIAL, ids.WHY),
        (None, ids.WHY),
    ],
)
def test_each_sort_of_idleness_offers_what_is_safe_first(kind: Kind | None, first: str) -> None:
    """All six buttons stand there; the one in front is marked, and is what helps there."""
    made = elements(idle_message(idle(kind), RULES, LATER)[1])
    assert made[0]["action_id"] == first
    assert [e.get("style") for e in made].count("primary") == 1
    assert {e["action_id"] for e in made} == {
        ids.PARK_IDLE, ids.KEEP_HOURS, ids.KEEP_UNTIL, ids.NOT_IDLE, ids.WHY, ids.DELETE_IDLE,
    }  # fmt: skip


def test_each_sort_has_its_own_words() -> None:
    """No two sorts of idleness share headline or advice."""
    headlines = [idle_message(idle(kind), RULES, LATER)[1][0]["text"]["text"] for kind in IDLING]
    headlines += [
        idle_message(wasted(kind), RULES, LATER)[1][0]["text"]["text"] for kind in (Kind.BLOCKED, Kind.BROKEN)
    ]
    assert len(set(headlines)) == len(Kind)
    assert len(set(reminders.ADVICE.values())) == len(reminders.ADVICE) == len(Kind) == len(reminders.TITLES)


def test_every_button_says_what_it_saves_or_costs_and_which_epoch_it_saw() -> None:
    """Label or dialog has the money; the value has the cluster, the epoch and the size that were shown."""
    labels = {e["action_id"]: e["text"]["text"] for e in elements(idle_message(idle(), RULES, LATER)[1])}
    assert labels[ids.PARK_IDLE] == "Park now: saves $11.57/h"
    assert labels[ids.DELETE_IDLE] == "Delete now: saves $11.89/h"
    assert labels[ids.KEEP_HOURS] == "Keep 4 h: $47.55"
    assert labels[ids.NOT_IDLE] == "Not idle: goes on at $11.89/h"
    for element in elements(idle_message(idle(), RULES, LATER)[1]):
        assert ids.read(element["value"]) == ids.ButtonValue("demo-abcde", "size-0", 4)
    dialogs = {e["action_id"]: e["confirm"]["text"]["text"] for e in elements(idle_message(idle(), RULES, LATER)[1])
               if "confirm" in e}  # fmt: skip
    assert set(dialogs) == {ids.PARK_IDLE, ids.DELETE_IDLE}
    assert "$0.32/h instead of $11.89/h" in dialogs[ids.PARK_IDLE]
    assert "This cannot be undone." in dialogs[ids.DELETE_IDLE]


def test_what_cannot_be_seen_is_not_called_idle() -> None:
    """Since when, what it costs, which probe is blind and why, how to mend it; no word of idle money."""
    shown = words(unseen())
    assert "❔ demo · raygpu cannot see whether it is used" in shown
    assert "It costs *$11.89/h*." in shown
    assert "*GPU utilisation*: The exporter of ip-10-0-1-2 does not answer." in shown
    assert "dcgm-exporter that tolerates its taints" in shown
    assert "spent idle" not in shown
    assert "*Next:*" not in shown
    assert pressable(unseen()) == [ids.WHY, ids.KEEP_UNTIL, ids.PARK_IDLE, ids.DELETE_IDLE]


def test_a_blind_probe_that_is_not_needed_is_not_to_be_mended() -> None:
    """Only what holds the judgement up is explained; the other stands in the evidence."""
    blind = readings(U=unknown("U", say("gone")), X=unknown("X", say("hidden"), required=False))
    shown = words(unseen(readings=blind))
    assert "*GPU utilisation*: gone" in shown
    assert "*Health*: hidden" not in shown
    assert "❔ *Health*" in shown


@pytest.mark.parametrize(
    ("kind", "headline", "first"),
    [
        (Kind.BLOCKED, "pods wait for GPUs that are paid for", ids.WHY),
        (Kind.BROKEN, "GPUs are paid for that cannot work", ids.VERIFY),
    ],
)
def test_waste_is_not_called_idle(kind: Kind, headline: str, first: str) -> None:
    """Paid for and of no use, since when; proving anew or the reason comes first, and nobody has to deny idleness."""
    shown = words(wasted(kind))
    assert f"🔥 demo · {headline}" in shown
    assert f"of no use since <!date^{int(SINCE)}^" in shown
    assert "spent idle" not in shown
    assert pressable(wasted(kind))[0] == first
    assert ids.NOT_IDLE not in pressable(wasted(kind))
    assert ids.VERIFY not in pressable(replace(wasted(kind), spec=replace(wasted(kind).spec, smoke=False)))


# ---- what comes next


def ready_to_park(*notices: Delivered, **changed: object) -> Cluster:
    """One of which enough was said."""
    return idle(told=notices, **changed)


def test_the_park_is_announced_with_its_time() -> None:
    """Two reminders reached somebody, and the second named the moment."""
    at = LATER + 1800
    cluster = ready_to_park(told(1), told(3, step="park", act_at=at))
    assert f"*Next:* raygpu parks it <!date^{int(at)}^" in words(cluster)
    assert "unless it is used or kept before." in words(cluster)


def test_a_shadow_says_what_it_would_do() -> None:
    """While an installation only watches, the message says when it would have parked, and until when it only watches."""
    rules = replace(RULES, shadow_until=LATER + 86400)
    shown = words(ready_to_park(told(1), told(3)), rules)
    assert f"*Next:* raygpu would park it <!date^{int(LATER)}^" in shown
    assert "but it does not: raygpu only says what it would do until <!date^" in shown
    assert "raygpu would park it when it has reminded often enough" in words(idle(), rules)
    assert "what follows does not happen by itself: raygpu only says what it would do" in shown


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        (
            replace(RULES, halt=Freeze("U0CAROL", NOW, "demo")),
            "but it does not: Automatic steps are stopped by <@U0CAROL>.",
        ),
        (replace(RULES, freeze=Freeze("U0CAROL", NOW)), "but it does not: raygpu is frozen by <@U0CAROL>."),
        (
            Rules(idle=Idle(policy=IdlePolicy(automatic=OFF))),
            "raygpu does nothing by itself. Automatic steps are switched off for this cluster.",
        ),
    ],
)
def test_what_holds_it_back_is_said(rules: Rules, why: str) -> None:
    """A halt, the brake, or the owner's choice: the reason stands where the step would."""
    assert why in words(idle(), rules)


def test_an_unsafe_sort_is_never_parked_by_itself() -> None:
    """A loaded model is no case for a timer, and the message says so."""
    shown = words(idle(Kind.WARM))
    assert "raygpu does nothing by itself. A model is loaded on its GPUs" in shown


@pytest.mark.parametrize(
    ("at_expiry", "then"),
    [
        ("delete", "and is deleted after that."),
        ("park", "and is parked after that."),
        ("off", "raygpu does nothing then."),
    ],
)
def test_the_end_is_told_as_the_rules_have_it(at_expiry: str, then: str) -> None:
    """Deleted, parked, or only told."""
    rules = Rules(idle=Idle(policy=IdlePolicy(at_expiry=at_expiry)))
    assert then in words(idle(), rules)


# ---- over


@pytest.mark.parametrize(
    ("cluster", "why"),
    [
        (
            replace(idle(), deletion=Deletion("U0CAROL", LATER, "button", "x")),
            "Its deletion was asked for by <@U0CAROL>",
        ),
        (replace(in_phase(Phase.PARKED), watch=watch()), "Parked by <@U0ALICE>"),
        (replace(in_phase(Phase.PARKED), watch=watch(), parked=Parking("raygpu", LATER, "timer")), "Parked by raygpu"),
        (keep(idle(), "<!channel> the demo"), "by <@U0ALICE>: &lt;!channel&gt; the demo"),
        (keep(unseen()), "Kept until <!date^"),
        (keep(wasted()), "Kept until <!date^"),
        (idle(use=Use.ACTIVE, kind=None), "At work again."),
        (
            idle(
                use=Use.ACTIVE,
                kind=None,
                readings=readings(U=Reading("U", State.ACTIVE, LATER, LATER, "", say("93 %"))),
            ),
            "At work again. GPU utilisation: 93 %",
        ),
        (idle(use=Use.WARMING, kind=None, labels=(Label("U0BOB", LATER, ""),)), "<@U0BOB> said <!date^"),
        (idle(use=Use.WARMING, kind=None), "It may warm up until <!date^"),
        (replace(in_phase(Phase.TROUBLE), watch=watch()), "Now: Trouble; its card says more."),
        (replace(in_phase(Phase.DELETED), watch=watch()), "Its deletion was asked for by <@U0CAROL>"),
    ],
)
def test_what_is_over_is_one_line_without_buttons(cluster: Cluster, why: str) -> None:
    """Why, by whom; nothing to press, for nothing is asked any more."""
    text, blocks = idle_message(cluster, RULES, LATER)
    assert text.startswith("✅ *demo* · ")
    assert why in text
    assert [block["type"] for block in blocks] == ["section"]
    assert "\n" not in text


def test_an_old_word_does_not_close_a_new_message() -> None:
    """Somebody said "not idle" before this message was sent: it idles again, and the buttons are there."""
    cluster = idle(labels=(Label("U0BOB", SINCE - 9000, "U=IDLE"),))
    assert ids.PARK_IDLE in pressable(cluster)
