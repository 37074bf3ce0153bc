"""What is rendered in another language says the same: Chinese words around the very ids, names, times and prices."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest
from card_samples import NOW, in_phase
from slack_limits import assert_message, assert_tame, assert_view, texts
from test_golden import CARDS

from blocks import checkup, costs, help, history, listing, manual, sentences
from blocks.cards import cluster_card
from blocks.tongue import CHINESE, ENGLISH, LANGUAGES, in_tongue, language_of, speak, speaking, t
from domain import budgets, quotas
from domain.adoption import Sweep
from domain.cluster import BudgetLine, DaySpend, Phase
from domain.costs import CostRow, Costs
from domain.doctor import Finding
from domain.errors import Exceeded
from domain.words import say
from services.ports import AuditEntry

HAN = re.compile(r"[\u4e00-\u9fff]")
# What no language changes: mentions, moments, code, prices, regions, instance types, ids.
FACTS = re.compile(
    r"<[^>]+>|`[^`\n]+`|\$\d+(?:,\d{3})*(?:\.\d+)?|us-west-2[a-z]?|[gpm]\d\w*\.\d*x\w+|demo-abcde|\b\d{4}-\d{2}-\d{2}"
)
Drawn = Callable[[], tuple[str, list[dict[str, Any]]]]

READY = in_phase(Phase.READY)
COSTS = Costs(
    rows=(CostRow("demo-abcde", "demo", "U0ALICE", "vision", (), 12.5, 3600.0),),
    days=(DaySpend("2026-11-22", 2.5), DaySpend("2026-11-23", 10.0, 3600.0)),
    usd=12.5,
    unknown_s=3600.0,
    first_day="2026-11-22",
    last_day="2026-11-23",
)
ENTRY = AuditEntry(
    actor="U0BOB",
    action="extend",
    object="demo-abcde",
    via="button",
    at=NOW,
    detail="",
    before="until 2026-09-21 22:26 UTC",
    after="until 2026-09-22 02:26 UTC",
)
FINDINGS = (
    Finding(
        say("Redis memory"), False, say("It uses {used} of {most} MB.", used="9.0", most="10.0"), say("See Sweep.")
    ),
    Finding(say("AWS identity"), None, say("AWS knows it as {principal}.", principal="arn:aws:iam::1:role/x")),
)
ANSWERS: dict[str, Drawn] = {
    **{f"card {state}": lambda state=state: cluster_card(in_phase(state), NOW + 1200) for state in Phase},
    **{f"help {command.name}": lambda topic=command.name: help.page(topic) for command in manual.COMMANDS},
    "help": help.overview,
    "list": lambda: listing.cluster_list((READY, in_phase(Phase.TROUBLE)), "all"),
    "an empty list": lambda: listing.cluster_list((), "team"),
    "history": lambda: history.page(READY, (ENTRY,)),
    "costs": lambda: costs.table(COSTS, "me", NOW),
    "doctor": lambda: checkup.findings(FINDINGS),
    "orphans": lambda: checkup.orphans(Sweep(NOW, (), ("demo-abcde",), ("us-west-2",))),
    "delete question": lambda: sentences.delete_question(READY),
}


def plain_words(made: object) -> str:
    """All text of what was rendered, without emojis' names."""
    return "\n".join(text for text, _ in texts(made))


def facts(made: object) -> list[str]:
    """Everything in it that has no language."""
    return sorted(FACTS.findall(plain_words(made).replace(r"\n", "\n")))


def keys(made: object, names: tuple[str, ...] = ("action_id", "block_id", "value", "callback_id", "type")) -> list[Any]:
    """What the code reads again: ids, values and kinds of elements, in order."""
    if isinstance(made, dict):
        own = [(name, made[name]) for name in names if isinstance(made.get(name), str)]
        return own + [key for name in sorted(made) for key in keys(made[name], names)]
    return [key for part in made for key in keys(part, names)] if isinstance(made, list | tuple) else []


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_in_chinese_is_the_same_answer(name: str) -> None:
    """A message Slack takes, in Chinese, with every id, button value, mention, moment and price of the English one."""
    text, blocks = ANSWERS[name]()
    with speaking(CHINESE):
        spoken, drawn = ANSWERS[name]()
    assert_message(drawn)
    assert HAN.search(spoken)
    assert HAN.search(plain_words(drawn))
    assert not HAN.search(text + plain_words(blocks))
    assert keys(drawn) == keys(blocks)
    assert facts(drawn) == facts(blocks)


@pytest.mark.parametrize("name", CARDS)
def test_every_golden_view_can_be_chinese(name: str) -> None:
    """Modals, Home tab and notices as well: same fields, same values, within Slack's limits."""
    made: Any = CARDS[name]()
    with speaking(CHINESE):
        spoken: Any = CARDS[name]()
    if isinstance(spoken, dict):
        assert_view(spoken)
    else:
        assert_message(spoken[1])
    assert_tame(spoken)
    assert HAN.search(plain_words(spoken))
    assert keys(json.loads(json.dumps(spoken))) == keys(json.loads(json.dumps(made)))
    assert facts(spoken) == facts(made)


@pytest.mark.parametrize("state", Phase)
def test_no_english_word_is_left_on_a_card(state: Phase) -> None:
    """Beside what records, AWS and Kubernetes say, a Chinese card has no English sentence."""
    cluster = in_phase(state)
    own = " ".join([*(f"{c.name} {c.message}" for c in cluster.checks), *(c.message for c in cluster.conditions)])
    with speaking(CHINESE):
        drawn = [text for text, _ in texts(cluster_card(cluster, NOW + 1200)[1]) if not text.startswith("```")]
    left = [run for text in drawn for run in re.findall(r"[a-z]{2,}(?: [a-z]{2,}){2,}", text) if run not in own]
    assert left in ([], ["fine-tuning llama"])


@pytest.mark.parametrize(
    ("locale", "language"),
    [("zh-CN", CHINESE), ("zh_TW", CHINESE), ("ZH", CHINESE), ("en-US", ENGLISH), ("de-DE", ENGLISH), ("", ENGLISH)],
)
def test_a_locale_names_its_language(locale: str, language: str) -> None:
    """Slack's locale decides by its first part; what raygpu does not speak is English."""
    assert language_of(locale) == language


def test_a_language_ends_where_it_was_asked_for() -> None:
    """Outside of `speaking` it is as before, also after an error, and also where it was changed midway."""
    with pytest.raises(ZeroDivisionError), speaking(ENGLISH):
        speak(CHINESE)
        assert t("unknown") == "未知"
        raise ZeroDivisionError
    assert t("unknown") == "unknown"
    with speaking("tlh"):
        assert t("unknown") == "unknown"


def test_a_sentence_in_a_sentence_is_spoken_as_well() -> None:
    """Parameters that are sentences follow the language, all the way down; others stay as they are."""
    inner = say("{count} of “{group}”", count=2, group="unknown")
    outer = say("It waits for {people}.", people=inner)
    assert str(outer) == "It waits for 2 of “unknown”."
    with speaking(CHINESE):
        assert in_tongue(outer) == "正在等待“unknown”中的 2 人。"


def test_what_a_record_kept_is_spoken_where_it_has_no_holes() -> None:
    """Stored, a sentence is plain text: without parameters it is found again, with them it stays English."""
    bare = pickle.loads(pickle.dumps(say("Nothing is missing.")))
    filled = pickle.loads(pickle.dumps(say("It waits for {people}.", people="x")))
    assert type(bare) is type(filled) is str
    with speaking(CHINESE):
        assert in_tongue(bare) == "不缺批准。"
        assert in_tongue(filled) == "It waits for x."
        assert in_tongue("") == ""


def test_braces_of_people_are_never_formatted() -> None:
    """What somebody typed stands in a sentence as it is, in every language."""
    for language in LANGUAGES:
        with speaking(language):
            assert "{0.__class__} {x}" in t("Reason: {reason}", reason="{0.__class__} {x}")


def test_a_quota_is_explained_in_chinese() -> None:
    """The longest sentence of the domain, made of others: who holds what, and when there is room."""
    told = quotas.explain(Exceeded("team:vision", quotas.GPUS, held=8, asked=8, most=12), (READY,), NOW)
    with speaking(CHINESE):
        spoken = in_tongue(told)
    assert spoken.startswith("团队 vision 已占用 8 个 GPU，上限 12 个，此申请还需 8 个。 “demo”最先到期（<!date^")


def test_a_budget_names_its_month_in_chinese() -> None:
    """November is 11 月."""
    line = BudgetLine("vision", "2026-11", 500.0, 400.0, 65.0, 95.0)
    with speaking(CHINESE):
        assert in_tongue(budgets.words(line)) == "这将使 vision 达到 11 月预算的 112 %：$560.00 / $500.00。"
