"""The doctor's judgements: what is green, what is red with which fix, and what is only unknown."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from domain.capacity import Foundation, Subnet
from domain.diagnosis import SOCKET_LATE_S, SWEEP_LATE_S, TICK_LATE_S, WORKER_LATE_S, judge
from domain.doctor import SOCKET, SWEEP, TICK, WORKER, Facts, Finding, Heard, SweepNote, Unseen, noted
from domain.needs import GROUP_SCOPE, SCOPES
from domain.observation import ABSENT
from domain.rules import Allowance, ApprovalRule, Budgets, CreateRule, Freeze, Quotas, Rules
from domain.words import Said

ROOT = Path(__file__).parents[2]
REGION = "us-west-2"
LAID = Foundation(
    REGION, "vpc-1", (Subnet("subnet-a", "us-west-2a", 200), Subnet("subnet-b", "us-west-2b", 200)), "role/c", "role/n"
)
STORE = {
    "version": "7.2.4",
    "used_memory": "1000000",
    "maxmemory": "0",
    "last_write": "ok",
    "appendonly": "yes",
    "appendfsync": "always",
    "maxmemory-policy": "noeviction",
}
SWEPT = SweepNote(0, 0).written()
BEATS = {TICK: Heard(1), WORKER: Heard(20), SOCKET: Heard(2, "socket"), SWEEP: Heard(900, SWEPT)}
RULES = Rules(
    approvers=frozenset({"U0BOB", "U0BORIS"}),
    admins=frozenset({"U0CAROL"}),
    principals={"U0ALICE": ("arn:aws:iam::111122223333:role/alice",)},
)
WELL = Facts(
    scopes=SCOPES,
    store=STORE,
    beats=BEATS,
    principal="arn:aws:iam::111122223333:role/raygpu-bot",
    denied=(),
    foundations={REGION: LAID},
    owners=frozenset({"U0ALICE"}),
    freeze=None,
    halt=None,
)
DOWN = Unseen("It did not answer.")
NO = Unseen("It said no.", final=True)


def found(facts: Facts = WELL, rules: Rules = RULES, *, socket_mode: bool = True) -> dict[str, Finding]:
    """The findings by name; names are unique."""
    findings = judge(facts, rules, socket_mode=socket_mode)
    named = {one.name: one for one in findings}
    assert len(named) == len(findings)
    return named


def test_where_all_is_well_every_line_is_green() -> None:
    """Over a socket and over HTTP; a green line asks for nothing."""
    for socket_mode in (True, False):
        findings = found(socket_mode=socket_mode)
        assert [one.name for one in findings.values() if one.ok is not True] == []
        assert [one.name for one in findings.values() if one.fix] == []
        assert len(findings) == 19


CASES: list[tuple[str, dict[str, Any], bool | None, str]] = [
    ("Slack token", {"scopes": SCOPES - {"im:write"}}, False, "im:write"),
    ("Slack token", {"scopes": NO}, False, "said no"),
    ("Slack token", {"scopes": DOWN}, None, "did not answer"),
    ("Slack connection", {"beats": {**BEATS, SOCKET: Heard(SOCKET_LATE_S + 1)}}, False, "last heard of 61 s ago"),
    ("Slack connection", {"beats": {TICK: Heard(1)}}, False, "never heard of"),
    ("Slack connection", {"beats": DOWN}, None, "did not answer"),
    ("Redis", {"store": DOWN}, False, "did not answer"),
    ("Redis", {"store": NO}, False, "said no"),
    ("Redis durability", {"store": {**STORE, "appendonly": "no"}}, False, "no append-only file"),
    ("Redis durability", {"store": {**STORE, "appendfsync": "no"}}, False, "appendfsync is no"),
    ("Redis durability", {"store": {**STORE, "appendfsync": "everysec"}}, True, "everysec"),
    ("Redis durability", {"store": {**STORE, "last_write": "err"}}, False, "failed"),
    ("Redis eviction", {"store": {**STORE, "maxmemory-policy": "allkeys-lru"}}, False, "allkeys-lru"),
    ("Redis memory", {"store": {**STORE, "used_memory": "801", "maxmemory": "1000"}}, False, "MB"),
    ("Redis memory", {"store": {**STORE, "used_memory": "800", "maxmemory": "1000"}}, True, "MB"),
    ("AWS identity", {"principal": NO}, False, "said no"),
    ("AWS identity", {"principal": DOWN}, None, "did not answer"),
    ("AWS permissions", {"denied": ("eks:CreateCluster", "ec2:DeleteVolume")}, False, "eks:CreateCluster, ec2:"),
    ("AWS permissions", {"denied": NO}, None, "said no"),
    ("Foundation in us-west-2", {"foundations": {REGION: ABSENT}}, False, "no foundation"),
    ("Foundation in us-west-2", {"foundations": {REGION: DOWN}}, None, "did not answer"),
    ("Foundation in us-west-2", {"foundations": {REGION: replace(LAID, subnets=LAID.subnets[:1])}}, False, "one zone"),
    (
        "Foundation in us-west-2",
        {"foundations": {REGION: replace(LAID, subnets=(LAID.subnets[0], Subnet("subnet-b", "us-west-2b", 15)))}},
        False,
        "subnet-b",
    ),
    ("Tick", {"beats": {**BEATS, TICK: Heard(TICK_LATE_S)}}, True, "60 s"),
    ("Tick", {"beats": {**BEATS, TICK: Heard(TICK_LATE_S + 1)}}, False, "61 s"),
    ("Tick", {"beats": {}}, False, "never"),
    ("Tick", {"beats": DOWN}, None, "did not answer"),
    ("Worker", {"beats": {**BEATS, WORKER: Heard(WORKER_LATE_S + 1)}}, False, "3 min"),
    ("Sweep", {"beats": {TICK: Heard(1)}}, None, "not yet"),
    ("Sweep", {"beats": {**BEATS, SWEEP: Heard(1, "no note")}}, None, "not yet"),
    ("Sweep", {"beats": {**BEATS, SWEEP: Heard(SWEEP_LATE_S + 1, SWEPT)}}, False, "3 h"),
    ("Sweep", {"beats": {**BEATS, SWEEP: Heard(60, SweepNote(0, 0, ("eu-west-1",)).written())}}, None, "eu-west-1"),
    ("Orphans", {"beats": {**BEATS, SWEEP: Heard(60, SweepNote(0, 0, ("eu-west-1",)).written())}}, None, "could be"),
    ("Orphans", {"beats": {**BEATS, SWEEP: Heard(60, SweepNote(1, 0).written())}}, False, "One cluster"),
    ("Orphans", {"beats": {**BEATS, SWEEP: Heard(60, SweepNote(3, 0, ("x",)).written())}}, False, "3 clusters"),
    ("Orphans", {"beats": {**BEATS, SWEEP: Heard(60, SweepNote(0, 2).written())}}, False, "2 records"),
    ("Orphans", {"beats": {**BEATS, SWEEP: Heard(60, SweepNote(0, 1).written())}}, False, "A record"),
    ("Access", {"owners": frozenset({"U0ALICE", "U0DAVE"})}, False, "<@U0DAVE>"),
    ("Access", {"owners": DOWN}, None, "did not answer"),
    ("Emergency brake", {"freeze": Freeze("U0CAROL", 1.0, "audit")}, False, "<@U0CAROL> has pulled it: audit"),
    ("Emergency brake", {"freeze": Freeze("U0CAROL", 1.0)}, False, "no reason"),
    ("Emergency brake", {"freeze": DOWN}, None, "did not answer"),
    ("Automatic steps", {"halt": Freeze("U0CAROL", 1.0, "a demo")}, False, "<@U0CAROL> has stopped them: a demo"),
    ("Automatic steps", {"halt": Freeze("U0CAROL", 1.0)}, False, "no reason"),
    ("Automatic steps", {"halt": DOWN}, None, "did not answer"),
]


@pytest.mark.parametrize(("name", "changes", "ok", "words"), CASES, ids=[f"{c[0]}-{n}" for n, c in enumerate(CASES)])
def test_a_fact_that_is_not_well(name: str, changes: dict[str, Any], ok: bool | None, words: str) -> None:
    """Red, unknown or still green, in words; what is not green says what to do."""
    finding = found(replace(WELL, **changes))[name]
    assert finding.ok is ok
    assert words in finding.message
    assert bool(finding.fix) is (ok is not True)


def test_a_managed_server_that_hides_its_settings_is_unknown_not_wrong() -> None:
    """CONFIG and the append-only state are kept back: nothing is concluded from that."""
    hidden = {name: STORE[name] for name in ("version", "last_write")}
    findings = found(replace(WELL, store=hidden))
    for name in ("Redis durability", "Redis eviction", "Redis memory"):
        assert findings[name].ok is None
        assert findings[name].fix
    assert findings["Redis"].ok is True
    assert found(replace(WELL, store={"appendonly": "yes"}))["Redis durability"].ok is None


def test_one_part_down_takes_no_other_line_with_it() -> None:
    """With any single fact missing, every line that does not stand on it is as green as before."""
    for field in ("scopes", "store", "beats", "principal", "denied", "owners", "freeze", "halt"):
        findings = found(replace(WELL, **{field: DOWN}))
        dark = {one.name for one in findings.values() if one.ok is not True}
        assert dark, field
        assert len(dark) <= 4, (field, dark)


def test_over_http_the_web_process_is_what_must_be_heard_of() -> None:
    """There is no socket to blame, and no app token."""
    finding = found(replace(WELL, beats={}), socket_mode=False)["Slack connection"]
    assert finding.ok is False
    assert "SLACK_APP_TOKEN" not in finding.fix
    assert "SLACK_APP_TOKEN" in found(replace(WELL, beats={}))["Slack connection"].fix


def test_user_groups_need_their_scope_only_where_some_are_named() -> None:
    """usergroups:read is asked for by the configuration, not by raygpu."""
    few = replace(WELL, scopes=SCOPES - {GROUP_SCOPE})
    assert found(few)["Slack token"].ok is True
    named = replace(RULES, create=(CreateRule(who=frozenset({"S0ML"})),))
    assert GROUP_SCOPE in found(few, named)["Slack token"].message


@pytest.mark.parametrize(
    ("rules", "name", "ok", "words"),
    [
        (replace(RULES, approvers=frozenset()), "Approvers", False, "1 of “approvers”, and 0"),
        (replace(RULES, approvers=frozenset({"U0BOB"})), "Approvers", True, "what they ask for themselves"),
        (replace(RULES, approvers=frozenset({"S0GROUP"})), "Approvers", True, "can be given"),
        (replace(RULES, approvers=frozenset(), approval=(ApprovalRule(0),)), "Approvers", True, "can be given"),
        (replace(RULES, approval=(ApprovalRule(2, "leads"),)), "Approvers", False, "2 of “leads”, and 0"),
        (replace(RULES, admins=frozenset()), "Administrators", False, "none"),
        (replace(RULES, budgets=Budgets(user=100.0, second_tier="leads")), "Budgets", False, "leads"),
        (replace(RULES, budgets=Budgets(teams={"vision": 1.0})), "Budgets", True, "admins"),
        (replace(RULES, quotas=Quotas(user=Allowance(clusters=1))), "Budgets", True, "No budget"),
    ],
)
def test_a_configuration_in_which_somebody_is_missing(rules: Rules, name: str, ok: bool, words: str) -> None:
    """Nobody to approve, nobody for the second tier, nobody to pull the brake."""
    finding = found(rules=rules)[name]
    assert finding.ok is ok
    assert words in finding.message
    assert bool(finding.fix) is not ok


def test_every_region_has_its_own_line() -> None:
    """One region without a foundation does not hide that another has one."""
    findings = found(replace(WELL, foundations={REGION: LAID, "eu-west-1": ABSENT}))
    assert findings["Foundation in us-west-2"].ok is True
    assert findings["Foundation in eu-west-1"].ok is False
    assert "--region eu-west-1" in findings["Foundation in eu-west-1"].fix


def test_a_note_of_a_sweep_survives_being_written() -> None:
    """What the beat remembers is what the sweep found; what is no note is none."""
    note = SweepNote(2, 1, ("eu-west-1", "us-east-1"))
    assert noted(note.written()) == note
    for junk in ("", "[]", "{}", "null", '{"orphans": "x", "missing": 0, "unread": []}', '{"orphans": 0}'):
        assert noted(junk) is None


def test_every_word_can_be_said_in_another_language() -> None:
    """Names, messages and fixes remember their templates, whatever they quote."""
    for _, changes, _, _ in CASES:
        for one in judge(replace(WELL, **changes), RULES, socket_mode=True):
            for text in (one.name, one.message, one.fix):
                assert isinstance(text, Said) or text in ("", DOWN.message, NO.message), text


def test_the_scopes_are_those_of_the_manifest() -> None:
    """What the doctor asks for is what the app is given."""
    manifest = yaml.safe_load((ROOT / "manifest.yaml").read_text(encoding="utf-8"))
    assert frozenset(manifest["oauth_config"]["scopes"]["bot"]) == SCOPES
