"""What the doctor and the sweep found, as messages: marks, order, fixes, hostile words, and Slack's limits."""

from __future__ import annotations

from dataclasses import replace
from gettext import NullTranslations

import pytest
from slack_limits import assert_message, assert_tame

from blocks import checkup, tongue
from domain.adoption import Orphan, Sweep
from domain.doctor import Finding
from domain.observation import ControlPlane
from domain.words import say

NOW = 1_800_000_000.0
GREEN = Finding(say("Tick"), True, say("Heard of {age} ago.", age="1 s"))
RED = Finding(
    say("AWS permissions"), False, say("No."), say("An administrator runs `raygpu setup`, or allows them in IAM.")
)
UNSEEN = Finding(say("Sweep"), None, say("It was never heard of."), say("See what is said of Redis."))
PLANE = ControlPlane(
    "raygpu-demo-abc23", "us-west-2", "ACTIVE", "1.35", "arn:x", created_at=NOW - 3600,
    tags={"raygpu:id": "demo-abc23", "raygpu:owner": "U0ALICE"},
)  # fmt: skip
ORPHAN = Orphan(PLANE, say("It carries raygpu's tags, but no id."))
HOSTILE = "<!channel> <https://evil.example|click> `rm -rf` \u202e & <@U0BOB>"


def body(blocks: list[dict]) -> str:
    """All text of a message."""
    parts = [b.get("text", {}).get("text", "") or " ".join(e["text"] for e in b.get("elements", [])) for b in blocks]
    return "\n".join(parts)


def test_what_is_red_comes_first_and_what_is_well_last() -> None:
    """Each with its mark; the fix stands under what is to be mended."""
    title, blocks = checkup.findings((GREEN, UNSEEN, RED))
    assert_message(blocks)
    assert title == "The doctor finds 1 to mend, and could not see 1."
    lines = body(blocks).splitlines()
    assert [line[0] for line in lines[1:]] == ["✗", " ", "?", " ", "✓"]
    assert "→ An administrator runs `raygpu setup`" in lines[2]


@pytest.mark.parametrize(
    ("found", "title"),
    [
        ((GREEN,), "all is well"),
        ((GREEN, RED), "finds 1 to mend."),
        ((GREEN, UNSEEN), "nothing to mend, and could not see 1"),
    ],
)
def test_the_summary_says_how_it_stands(found: tuple[Finding, ...], title: str) -> None:
    """Unknown is not well."""
    assert title in checkup.findings(found)[0]


def test_orphans_are_named_with_owner_and_age() -> None:
    """And what to do; nothing was changed in AWS."""
    title, blocks = checkup.orphans(Sweep(NOW, (ORPHAN,), ()))
    assert_message(blocks)
    assert title == "One cluster stands in AWS that no record knows."
    text = body(blocks)
    for part in ("`raygpu-demo-abc23`", "us-west-2", "<@U0ALICE>", f"<!date^{int(NOW - 3600)}^", "admin adopt"):
        assert part in text


def test_a_region_that_was_not_read_is_never_an_all_clear() -> None:
    """Named in the message, and the title does not say that every cluster has its record."""
    title, blocks = checkup.orphans(Sweep(NOW, (), (), ("eu-west-1",)))
    assert title == "No cluster without a record, where AWS could be read."
    assert "eu-west-1" in body(blocks)
    clear, _ = checkup.orphans(Sweep(NOW, (), ()))
    assert clear == "Every cluster of raygpu's in AWS has its record."


def test_records_without_a_cluster_are_named() -> None:
    """The other way round."""
    _, blocks = checkup.orphans(Sweep(NOW, (), ("demo-abc23",)))
    assert "demo-abc23" in body(blocks)


def test_words_of_the_outside_cannot_become_markup() -> None:
    """Tags, names and AWS's own words are literal; a mention of a person stays one."""
    nasty = replace(
        PLANE, name=HOSTILE, status=HOSTILE, region=HOSTILE, tags={"raygpu:id": HOSTILE, "raygpu:owner": HOSTILE}
    )
    for _, blocks in (
        checkup.orphans(Sweep(NOW, (Orphan(nasty, HOSTILE),), (HOSTILE,), (HOSTILE,))),
        checkup.findings((Finding(HOSTILE, False, HOSTILE, HOSTILE),)),
    ):
        assert_message(blocks)
        assert_tame(blocks)


def test_the_longest_answers_fit() -> None:
    """Sixty regions that are all wrong, a hundred orphans with the longest names: within Slack's limits, and said so."""
    many = tuple(Finding(f"Foundation in region-{n}", False, "x" * 2000, "y" * 2000) for n in range(60))
    _, blocks = checkup.findings(many)
    assert_message(blocks)
    assert "Left out for Slack's limit" in body(blocks)
    planes = [
        replace(PLANE, name="raygpu-" + "n" * 93, tags={**PLANE.tags, "raygpu:id": "i" * 250}) for _ in range(100)
    ]
    sweep = Sweep(NOW, tuple(Orphan(one, "w" * 900) for one in planes), ("m" * 40,) * 100, ("r" * 20,) * 30)
    title, blocks = checkup.orphans(sweep)
    assert_message(blocks)
    assert title.startswith("100 clusters")


def test_it_speaks_the_askers_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """Title, names, messages and fixes go through the catalogue, also those that the domain wrote."""

    class Marking(NullTranslations):
        def gettext(self, message: str) -> str:
            return f"¤{message}"

    monkeypatch.setattr(tongue, "_catalogue", lambda _: Marking())
    title, blocks = checkup.findings((GREEN, RED, UNSEEN))
    assert title.startswith("¤")
    assert body(blocks).count("¤") == 1 + 2 + 3 + 3
    title, blocks = checkup.orphans(Sweep(NOW, (ORPHAN,), ("demo",), ("eu-west-1",)))
    assert title.startswith("¤")
    assert body(blocks).count("¤") == 1 + 1 + 3 + 1 + 1
