"""Who may create what: at least one rule of theirs must permit all of it, and the refusal names the nearest bound."""

from dataclasses import replace
from typing import Any

import pytest
from worlds import ALICE, CAROL, KNOWN, NOW, RULES, spec

from domain.errors import Refused
from domain.policy import Act, Verdict, Wanted, decide, teams_of
from domain.request import CreateOptions, to_spec
from domain.rules import Actor, CreateRule, Rules
from domain.spec import ClusterSpec, gpu_group

TEAMS = {"vision": frozenset({ALICE, "S0VIS"}), "audio": frozenset({ALICE, "U0AUD"}), "ops": frozenset({"U0OPS"})}
WITH_TEAMS = replace(RULES, teams=TEAMS)


def nodes(count: int, ceiling: int | None = None, kind: str = "g5.xlarge", gpus: int = 1) -> ClusterSpec:
    """So many GPU nodes, with room for more."""
    return spec(replace(gpu_group((kind,), gpus, count), max_size=ceiling or count))


def asked(*rules: CreateRule, of: ClusterSpec | None = None, channel: str = "C0RAYGPU", actor: Any = ALICE) -> Verdict:
    """Alice asks under these rules."""
    who = actor if isinstance(actor, Actor) else Actor(actor)
    return decide(who, Act.CREATE, Wanted(of or spec(), channel), replace(RULES, create=rules), NOW)


BOUNDS = [
    ({"channels": frozenset({"C0GPU"})}, "ChannelNotAllowed", None, "<#C0GPU>"),
    ({"regions": frozenset({"eu-west-1"})}, "RegionNotAllowed", "region", "eu-west-1"),
    ({"gpu_types": frozenset({"g6.xlarge"})}, "TypeNotAllowed", "gpu", "g6.xlarge"),
    ({"max_nodes": 2}, "TooManyNodes", "gpus", "2 GPU nodes"),
    ({"max_gpus": 2}, "TooManyGpus", "gpus", "2 GPUs"),
    ({"max_ttl_s": 3600}, "TooLong", "ttl", "1 h"),
]


def test_without_rules_everyone_may_create_anything() -> None:
    """An installation that says nothing lets its members ask; approval is another matter."""
    assert asked(of=nodes(8)).allowed


@pytest.mark.parametrize(("bound", "reason", "field", "words"), BOUNDS, ids=[b[1] for b in BOUNDS])
def test_each_bound_is_named(bound: dict[str, Any], reason: str, field: str | None, words: str) -> None:
    """What passes a bound is refused with the bound in words, at the option at fault; what stays within is not."""
    verdict = asked(CreateRule(**bound), of=nodes(3))
    assert (verdict.allowed, verdict.reason, verdict.field) == (False, reason, field)
    assert words in verdict.message
    fitting = replace(nodes(2), region="eu-west-1" if reason == "RegionNotAllowed" else "us-west-2", ttl_s=3600)
    if reason == "TypeNotAllowed":
        fitting = nodes(2, kind="g6.xlarge")
    assert asked(CreateRule(**bound), of=fitting, channel="C0GPU").allowed


def test_room_to_grow_counts_as_if_it_were_asked_for() -> None:
    """One node now and five later are five: else a scale would walk around the rule."""
    assert asked(CreateRule(max_nodes=2), of=nodes(1, ceiling=5)).reason == "TooManyNodes"
    assert asked(CreateRule(max_gpus=8), of=nodes(2, kind="g5.12xlarge", gpus=4)).allowed
    assert asked(CreateRule(max_gpus=8), of=nodes(1, ceiling=3, kind="g5.12xlarge", gpus=4)).reason == "TooManyGpus"


def test_one_rule_that_permits_is_enough_but_it_must_permit_all() -> None:
    """Two rules do not add up: many cheap nodes or one dear one, never many dear ones."""
    cheap = CreateRule(gpu_types=frozenset({"g5.xlarge"}), max_nodes=8)
    dear = CreateRule(gpu_types=frozenset({"g5.12xlarge"}), max_nodes=1)
    assert asked(cheap, dear, of=nodes(8)).allowed
    assert asked(cheap, dear, of=nodes(1, kind="g5.12xlarge", gpus=4)).allowed
    refused = asked(cheap, dear, of=nodes(2, kind="g5.12xlarge", gpus=4))
    assert not refused.allowed


def test_the_nearest_rule_speaks() -> None:
    """The refusal tells the bound of the rule that misses least, not of the first."""
    far = CreateRule(regions=frozenset({"eu-west-1"}), max_nodes=1)
    near = CreateRule(max_nodes=4)
    assert "at most 4" in asked(far, near, of=nodes(5)).message


@pytest.mark.parametrize(
    ("who", "actor", "meant"),
    [
        ({"*"}, Actor("U0X"), True),
        ({"U0X"}, Actor("U0X"), True),
        ({"U0Y"}, Actor("U0X"), False),
        ({"S0GPU"}, Actor("U0X", groups=frozenset({"S0GPU"})), True),
        ({"S0GPU"}, Actor("U0X"), False),
        ({"admins"}, Actor(CAROL), True),
        ({"admins"}, Actor("U0X"), False),
    ],
)
def test_whom_a_rule_is_about(who: set[str], actor: Actor, meant: bool) -> None:
    """User ids, user groups of Slack, names of groups, or everyone; who is in no rule may create nothing."""
    rule = CreateRule(who=frozenset(who))
    assert asked(rule, actor=actor).allowed is meant
    assert decide(actor, Act.CREATE, None, replace(RULES, create=(rule,)), NOW).allowed is meant
    assert meant or asked(rule, actor=actor).reason == "MayNotCreate"


def test_teams_of_a_person() -> None:
    """By their id or by a user group of theirs; an administrator's are all; without teams there are none."""
    assert teams_of(Actor(ALICE), WITH_TEAMS) == ("audio", "vision")
    assert teams_of(Actor("U0X", groups=frozenset({"S0VIS"})), WITH_TEAMS) == ("vision",)
    assert teams_of(Actor(CAROL), WITH_TEAMS) == ("audio", "ops", "vision")
    assert teams_of(Actor(ALICE), RULES) == ()


@pytest.mark.parametrize(
    ("actor", "team", "reason"),
    [
        (ALICE, "vision", "Allowed"),
        (ALICE, "ops", "NotYourTeam"),
        (ALICE, "", "NotYourTeam"),
        (ALICE, "Vision", "NotYourTeam"),
        ("U0NEW", "vision", "NoTeam"),
        ("U0NEW", "", "NoTeam"),
        (CAROL, "ops", "Allowed"),
        (CAROL, "", "Allowed"),
        (CAROL, "unheard of", "Allowed"),
    ],
)
def test_nobody_spends_in_the_name_of_a_foreign_team(actor: str, team: str, reason: str) -> None:
    """Where teams are configured the policy itself looks, whatever the form or the grammar let through."""
    wanted = Wanted(spec(team=team, owner=actor), "C0RAYGPU")
    verdict = decide(Actor(actor), Act.CREATE, wanted, WITH_TEAMS, NOW)
    assert verdict.reason == reason
    assert verdict.allowed or verdict.field == "team"


def team_of(actor: str, text: str, rules: Rules = WITH_TEAMS) -> str:
    """The team of the spec that somebody gets with --team."""
    return to_spec(CreateOptions(name="demo", team=text), Actor(actor), rules, KNOWN).team


def test_the_team_of_a_request() -> None:
    """The only team is taken without a word; case does not matter, the configuration's spelling is kept."""
    assert team_of("U0OPS", "") == "ops"
    assert team_of("U0OPS", "OPS") == "ops"
    assert team_of(ALICE, "Vision") == "vision"
    assert team_of(CAROL, "") == ""
    assert team_of(CAROL, "anything") == "anything"
    assert team_of(ALICE, "anything", RULES) == "anything"


@pytest.mark.parametrize(
    ("actor", "text", "reason", "words"),
    [
        (ALICE, "", "ChooseTeam", "audio, vision"),
        (ALICE, "ops", "NotYourTeam", "audio, vision"),
        ("U0NEW", "", "NoTeam", "no team"),
        ("U0NEW", "ops", "NoTeam", "no team"),
    ],
)
def test_a_team_that_is_not_theirs_is_refused_at_the_field(actor: str, text: str, reason: str, words: str) -> None:
    """Who must choose is told the choices; who has none is told whom to ask."""
    with pytest.raises(Refused, match=words) as refused:
        team_of(actor, text)
    assert (refused.value.reason, refused.value.field) == (reason, "team")
