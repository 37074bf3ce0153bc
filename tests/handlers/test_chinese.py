"""A person reads raygpu in the language of their Slack; a card, which everybody reads, speaks that of the configuration."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from card_samples import NOW, in_phase
from gesture_rig import PEOPLE, Rig
from slack_limits import texts

from adapters.slack_board import SlackBoard
from blocks import ids
from blocks.tongue import CHINESE
from domain.cluster import Phase

HAN = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """alice's demo stands, and bob, an approver, is also known as U0MEI, who reads Chinese; U0GAST is a Chinese guest."""
    monkeypatch.setitem(PEOPLE, "U0MEI", replace(PEOPLE["U0BOB"], id="U0MEI", locale="zh-CN"))
    monkeypatch.setitem(PEOPLE, "U0GAST", replace(PEOPLE["U0MALLORY"], id="U0GAST", locale="zh-CN"))
    made = Rig()
    made.in_phase()
    return made


def words(view: dict[str, Any]) -> str:
    """All text of a view."""
    return "\n".join(text for text, _ in texts(view))


@pytest.mark.parametrize(
    ("text", "chinese", "english"),
    [
        ("delete demo", "所有者 <@U0ALICE> 或管理员可以对它执行“删除”", "Only the owner of “demo”, <@U0ALICE>"),
        ("status nobody", "没有名为“nobody”的集群。", "There is no cluster named “nobody”."),
        ("creat", "“creat”不是命令。是不是 create？", "“creat” is no command. Did you mean create?"),
        ("create x --gpu g5.huge", "“g5.huge”不是这里可用的实例类型", "“g5.huge” is not an instance type"),
        ("doctor", "只有管理员可以这样做。", "Only administrators may do that."),
    ],
)
def test_a_refusal_is_in_the_language_of_who_is_refused(rig: Rig, text: str, chinese: str, english: str) -> None:
    """The same gesture, refused to two people: each reads their own language, and only theirs."""
    spoken, said = rig.command(text, user="U0MEI").text, rig.command(text, user="U0DAVE").text
    assert chinese in spoken
    assert english in said
    assert not HAN.search(said)


def test_a_guest_is_refused_in_chinese_on_every_surface(rig: Rig) -> None:
    """Command, button and Home tab know the language before they know that it is no."""
    told = "访客不能使用 raygpu；请找工作区成员帮忙。"
    assert rig.command("list", user="U0GAST").text == told
    rig.click(ids.DELETE, ids.ButtonValue(next(iter(rig.world.records))), user="U0GAST")
    assert rig.said == told
    rig.event({"type": "app_home_opened", "user": "U0GAST", "tab": "home"})
    assert told in words(rig.screen.homes["U0GAST"])


def test_home_and_form_are_chinese(rig: Rig) -> None:
    """The Home tab and the modal of a Chinese reader; those of the next reader are English again."""
    for user, home, title in (
        ("U0MEI", "你的 GPU 集群", "创建 GPU 集群"),
        ("U0BOB", "Your GPU clusters", "Create a GPU"),
    ):
        rig.event({"type": "app_home_opened", "user": user, "tab": "home"})
        rig.command("create", user=user)
        assert home in words(rig.screen.homes[user])
        assert title in words(rig.screen.modals[-1][1])


def test_a_wrong_field_of_the_form_is_told_in_chinese(rig: Rig) -> None:
    """The sentence at the field is the reader's."""
    rig.command("create", user="U0MEI")
    reply = rig.submit(rig.screen.modals[-1][1], {"ttl": "soon"}, user="U0MEI")
    assert reply.json["errors"] == {"ttl": "“soon”不是时长。请写 8h、90m、2d 或 1d12h。"}


def test_what_a_button_did_is_told_in_chinese(rig: Rig) -> None:
    """A Chinese approver decides by button; the button's value is the same in every language."""
    waiting = rig.asked_for("create fresh --gpu g5.xlarge")
    rig.world.rules = replace(rig.world.rules, approvers=frozenset({"U0MEI"}))
    held = rig.world.hold(replace(in_phase(Phase.AWAITING_APPROVAL, waiting), version=waiting.version))
    rig.click(ids.APPROVE, ids.ButtonValue(held.id, held.digest), user="U0MEI")
    assert rig.said.startswith("你批准了 *fresh* ；卡片会显示每一步。")


@pytest.mark.parametrize(("language", "is_chinese"), [("en", False), (CHINESE, True)])
def test_a_card_speaks_the_language_of_the_configuration(language: str, *, is_chinese: bool) -> None:
    """Card and notice, whoever was served before in this thread."""
    client: Any = None
    board = SlackBoard(client, language)
    cluster = in_phase(Phase.AWAITING_APPROVAL)
    draw: tuple[Callable[[], Any], ...] = (
        lambda: board.render(cluster, NOW),
        lambda: board.render_notice(cluster, "asked", ("U0BOB",), NOW),
    )
    for rendered in (one() for one in draw):
        assert bool(HAN.search(rendered.text)) is is_chinese
        assert bool(HAN.search(words({"blocks": rendered.blocks}))) is is_chinese
