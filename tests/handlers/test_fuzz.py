"""Mutated payloads of every surface: never a 5xx, and never a change that the policy would refuse."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from payload_fuzz import DICE, GESTURES, PHASES, Edit, Range, crowd, mutated, shots

from domain.cluster import Phase

EXAMPLES = 150
SHOTS_EACH = 20


@pytest.fixture(scope="module")
def range_() -> Range:
    """One bot for all of them."""
    return Range()


@pytest.mark.timeout(300)
def test_fuzzed_payloads_change_nothing_that_policy_would_refuse(
    range_: Range, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every answer is below 500, every change is audited, and every audited act was allowed to that person then."""
    crowd(monkeypatch.setattr)

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(PHASES, DICE)
    def fuzz(phases: list[Phase], dice: Random) -> None:
        clusters = range_.settle(phases)
        for shot in shots(dice, SHOTS_EACH):
            range_.fire(shot, clusters)

    fuzz()
    assert range_.shots >= EXAMPLES * SHOTS_EACH
    # A fuzz that never gets through proves nothing: some payloads must have changed something.
    assert len(range_.changes) >= 8, range_.changes


def test_a_mutation_reaches_every_depth() -> None:
    """Edits take away, replace, nest and double at any place of a payload, and leave the original alone."""
    payload = {"a": {"b": [{"c": "deep"}]}, "d": "text"}
    kept = {"a": {"b": [{"c": "deep"}]}, "d": "text"}
    assert mutated(payload, (Edit("drop", 3, 0),)) == {"a": {"b": [{}]}, "d": "text"}
    assert mutated(payload, (Edit("cut", 4, 2),))["d"] == "te"
    assert mutated(payload, (Edit("double", 2, 0),))["a"]["b"] == [{"c": "deep"}, {"c": "deep"}]
    assert payload == kept
    assert len(GESTURES) > 50
