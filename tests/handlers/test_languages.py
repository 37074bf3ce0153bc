"""Every answer is in the language of who asked, and of nobody else."""

from dataclasses import replace
from gettext import NullTranslations

import pytest
from gesture_rig import PEOPLE, Rig, down
from surfaces import BY_COMMAND

from blocks import tongue
from domain.cluster import DaySpend


class Marks(NullTranslations):
    """A language whose sentences are English between marks."""

    def gettext(self, message: str) -> str:
        """The sentence, marked."""
        return f"«{message}»"


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A bot with a ready cluster; U0MEI, an administrator, speaks the marked language."""
    monkeypatch.setattr(tongue, "_catalogue", lambda language: Marks() if language == "zh" else NullTranslations())
    monkeypatch.setitem(PEOPLE, "U0MEI", replace(PEOPLE["U0CAROL"], id="U0MEI", locale="zh-CN"))
    monkeypatch.setitem(PEOPLE, "U0ELSE", replace(PEOPLE["U0DAVE"], id="U0ELSE"))
    made = Rig()
    made.world.rules = replace(
        made.world.rules,
        admins=frozenset({"U0MEI"}),
        principals={"U0ELSE": ("arn:aws:iam::111122223333:role/else",)},
    )
    held = made.in_phase()
    made.world.hold(replace(held, days=(DaySpend("2026-09-21", 3.0),)))
    return made


@pytest.mark.parametrize("text", [text for texts in BY_COMMAND.values() for text in texts] + ["help", "help create"])
def test_every_answer_is_whole_sentences_of_the_catalogue(rig: Rig, text: str) -> None:
    """Nothing of an answer stands outside of the marks but what joins whole sentences."""
    reply = rig.command(text, user="U0MEI")
    left, depth = [], 0
    for char in reply.text:
        depth += (char == "«") - (char == "»")
        left += [char] if depth == 0 and char != "»" else []
    outside = "".join(left).partition("```")[0]
    assert "«" in reply.text
    assert depth == 0
    assert not any(char.isalpha() for char in outside), outside


@pytest.mark.parametrize(
    "text",
    ["statsu demo", "create demo --gpsu 2", "admin thaw", "keep demo until doomsday", "status nobody", "scale demo x",
     "access demo bob", "list everybody", "create Demo_1"],
)  # fmt: skip
def test_a_mistake_is_met_in_ones_own_language(rig: Rig, text: str) -> None:
    """Also a line that cannot be read: who typed it is known before it is."""
    assert rig.command(text, user="U0MEI").text.startswith("«")
    assert "«" not in rig.command(text, user="U0BOB").text


def test_no_language_stays_behind(rig: Rig) -> None:
    """The next gesture begins in English, whoever was there before; so does one whose person is not known."""
    rig.command("list", user="U0MEI")
    assert "«" not in rig.command("list", user="U0BOB").text
    rig.world.people_down = down()
    assert "«" not in rig.command("list", user="U0MEI").text
    assert "«" not in tongue.t("unknown")
