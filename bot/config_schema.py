"""The shape of the configuration file, field by field, and the domain's view of it. References are checked elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from blocks.tongue import LANGUAGES
from domain.errors import Refused
from domain.request import TEAM, duration
from domain.rules import (
    ADMINS,
    APPROVERS,
    DELETE,
    EVERYONE,
    OFF,
    PARK,
    Allowance,
    ApprovalRule,
    Budgets,
    CreateRule,
    Idle,
    IdlePolicy,
    Quotas,
    Rules,
)

_DEFAULTS = Rules()
USER = re.compile(r"[UW][A-Z0-9]{2,30}")
USER_GROUP = re.compile(r"S[A-Z0-9]{2,30}")
CHANNEL = re.compile(r"[CG][A-Z0-9]{2,30}")
GROUP = re.compile(r"[a-z][a-z0-9_-]{0,39}")
# EKS takes roles and users as principals of access entries, no STS sessions and no root (CreateAccessEntry).
PRINCIPAL = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:(role|user)/[\w+=,.@/-]{1,512}")
# A metrics store: outside, or a service inside the cluster by namespace, name and port.
PROMETHEUS = re.compile(
    r"https?://[^\s/?#@]+(/[^\s?#]*)?|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/[a-z]([a-z0-9-]{0,61}[a-z0-9])?:\d{1,5}"
)
RESERVED = (APPROVERS, ADMINS)


def _fits(pattern: re.Pattern[str], words: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"“{text}” is not {words}")
        return text

    return check


def _span(text: str) -> str:
    try:
        duration(text)
    except Refused as refused:
        raise ValueError(refused.message.rstrip(".")) from None
    return text


def _group_name(name: str) -> str:
    if name in RESERVED:
        raise ValueError(f"“{name}” is a group of its own: name its members at the top of the file")
    return _fits(GROUP, "a group name (lower-case letters, digits, - and _)")(name)


def _team_name(name: str) -> str:
    if len(name) > 40 or not name.strip() or " ".join(name.split()) != name or not TEAM.fullmatch(name):
        raise ValueError(f"“{name}” is not a team name (1 to 40 letters, digits, spaces and + - = . _ : / @)")
    return name


def _member(one: str) -> str:
    if not USER.fullmatch(one) and not USER_GROUP.fullmatch(one):
        raise ValueError(f"“{one}” is neither a Slack user id (U012AB3CD) nor a user-group id (S012AB3CD)")
    return one


def _how_far(word: object) -> object:
    """YAML reads a bare `off` as false."""
    word = OFF if word is False else word
    if word not in (OFF, PARK, DELETE):
        raise ValueError("it is one of off, park and delete")
    return word


def _two(hours: tuple[int, ...]) -> tuple[int, ...]:
    if len(hours) != 2:
        raise ValueError("it takes two hours, such as [8, 20]")
    return hours


def _language(word: str) -> str:
    if word not in LANGUAGES:
        raise ValueError(f"“{word}” is no language of raygpu; it has {', '.join(LANGUAGES)}")
    return word


Span = Annotated[str, AfterValidator(_span)]
UserId = Annotated[str, AfterValidator(_fits(USER, "a Slack user id, such as U012AB3CD"))]
Member = Annotated[str, AfterValidator(_member)]
Channel = Annotated[str, AfterValidator(_fits(CHANNEL, "a Slack channel id, such as C012AB3CD"))]
GroupName = Annotated[str, AfterValidator(_group_name)]
TeamName = Annotated[str, AfterValidator(_team_name)]
Principal = Annotated[str, AfterValidator(_fits(PRINCIPAL, "the ARN of an IAM role or user"))]
# YAML's yes and no are no numbers, and .inf is no budget.
Count = Annotated[int, Field(strict=True, ge=0, le=100_000)]
Usd = Annotated[float, Field(strict=True, ge=0, le=1_000_000_000, allow_inf_nan=False)]
HowFar = Annotated[str, BeforeValidator(_how_far)]
Store = Annotated[str, AfterValidator(_fits(PROMETHEUS, "http(s)://… or namespace/service:port"))]
Hour = Annotated[int, Field(strict=True, ge=0, le=24)]
Members = Annotated[frozenset[Member], Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Strict):
    """Bounds of every request and of every life."""

    max_nodes: Annotated[int, Field(strict=True, ge=1, le=100)] = _DEFAULTS.max_nodes
    default_ttl: Span = "8h"
    max_ttl: Span = "7d"
    longest_life: Span = "30d"


class Create(_Strict):
    """Who may create what. `who` may also hold names of groups, and `*` for everybody."""

    who: Annotated[frozenset[str], Field(min_length=1)] = frozenset({EVERYONE})
    gpu_types: Annotated[frozenset[str], Field(min_length=1)] | None = None
    regions: Annotated[frozenset[str], Field(min_length=1)] | None = None
    channels: Annotated[frozenset[Channel], Field(min_length=1)] | None = None
    max_nodes: Count | None = None
    max_gpus: Count | None = None
    max_ttl: Span | None = None


class Approve(_Strict):
    """What approval the requests need that this rule is the first to fit."""

    approvals: Annotated[int, Field(strict=True, ge=0, le=10)] = 1
    group: str = APPROVERS
    up_to_usd_per_hour: Usd | None = None
    gpu_types: Annotated[frozenset[str], Field(min_length=1)] | None = None


class Most(_Strict):
    """The most that may run at once; a field left out is no bound."""

    clusters: Count | None = None
    gpus: Count | None = None
    usd_per_hour: Usd | None = None


class Quota(_Strict):
    """Allowances of each user, of each team, and of all together; `users` and `teams` are exceptions."""

    user: Most = Most()
    team: Most = Most()
    everyone: Most = Field(Most(), alias="all")
    users: dict[UserId, Most] = {}
    teams: dict[TeamName, Most] = {}


class Budget(_Strict):
    """USD a calendar month (UTC)."""

    user: Usd | None = None
    team: Usd | None = None
    users: dict[UserId, Usd] = {}
    teams: dict[TeamName, Usd] = {}
    second_tier: str = ADMINS


class IdleRule(_Strict):
    """What is done about idleness; what is left out is as the installation has it, and as raygpu comes."""

    window: Span | None = None
    dear_window: Span | None = None
    dear_above: Usd | None = None
    first_usd: Usd | None = None
    latest: Span | None = None
    steps_usd: tuple[Usd, ...] | None = None
    automatic: HowFar | None = None
    notices: Annotated[int, Field(strict=True, ge=1, le=10)] | None = None
    grace: Span | None = None
    delete_after: Span | None = None
    day: Annotated[tuple[Hour, ...], AfterValidator(_two)] | None = None
    loud_usd: Usd | None = None
    at_expiry: HowFar | None = None

    def policy(self, usual: IdlePolicy = _DEFAULTS.idle.policy) -> IdlePolicy:
        """The domain's view, over that of what is left out."""
        spans = {"window": "window_s", "dear_window": "dear_window_s", "latest": "latest_s", "grace": "grace_s"}
        spans |= {"delete_after": "delete_after_s"}
        names = {"dear_above": "dear_usd_per_hour", "notices": "park_notices"}
        changes: dict[str, Any] = {}
        for name in IdleRule.model_fields:
            held = getattr(self, name)
            if held is None:
                continue
            if name == "day":
                changes |= {"day_from": held[0], "day_to": held[1]}
            else:
                changes[spans.get(name, names.get(name, name))] = duration(held) if name in spans else held
        return replace(usual, **changes)


class Idling(IdleRule):
    """The same for the whole installation, exceptions by team, and what there is one of."""

    teams: dict[TeamName, IdleRule] = {}
    shadow: Span = "14d"
    actions_per_hour: Annotated[int, Field(strict=True, ge=0, le=1000)] = _DEFAULTS.idle.actions_per_hour
    exporter: Annotated[bool, Field(strict=True)] = _DEFAULTS.idle.exporter
    prometheus: Store | None = None
    container_insights: Annotated[bool, Field(strict=True)] = _DEFAULTS.idle.container_insights
    digest_channel: Channel | None = None

    def idle(self) -> Idle:
        """The domain's view of all of it."""
        usual = self.policy()
        return Idle(
            policy=usual,
            teams=_fixed({team: rule.policy(usual) for team, rule in self.teams.items()}),
            shadow_s=duration(self.shadow),
            actions_per_hour=self.actions_per_hour,
            exporter=self.exporter,
            prometheus=self.prometheus or "",
            container_insights=self.container_insights,
            digest_channel=self.digest_channel or "",
        )


class GivenFoundation(_Strict):
    """A region whose network and roles were made by others."""

    vpc: str
    subnets: tuple[str, ...] = Field(min_length=2)
    cluster_role: str
    node_role: str


class Config(_Strict):
    """The whole file; every field has a default, so an empty file is a valid one (in which nobody can approve)."""

    language: Annotated[str, AfterValidator(_language)] = _DEFAULTS.language
    regions: tuple[str, ...] = Field(_DEFAULTS.regions, min_length=1)
    gpu_types: tuple[str, ...] = Field(_DEFAULTS.gpu_types, min_length=1)
    approvers: frozenset[Member] = frozenset()
    admins: frozenset[Member] = frozenset()
    approvals_channel: Channel | None = None
    groups: dict[GroupName, Members] = {}
    teams: dict[TeamName, Members] = {}
    create: tuple[Create, ...] = ()
    approval: tuple[Approve, ...] = ()
    quotas: Quota = Quota()
    budgets: Budget = Budget()
    principals: dict[UserId, Annotated[tuple[Principal, ...], Field(min_length=1)]] = {}
    limits: Limits = Limits()
    idle: Idling = Idling()
    foundation_stack: str = "raygpu-foundation"
    foundations: dict[str, GivenFoundation] = {}

    def rules(self) -> Rules:
        """The domain's view of it."""
        return Rules(
            regions=self.regions,
            gpu_types=self.gpu_types,
            max_nodes=self.limits.max_nodes,
            default_ttl_s=duration(self.limits.default_ttl),
            max_ttl_s=duration(self.limits.max_ttl),
            longest_life_s=duration(self.limits.longest_life),
            approvers=self.approvers,
            admins=self.admins,
            principals=_fixed(self.principals),
            groups=_fixed(self.groups),
            teams=_fixed(self.teams),
            create=tuple(_create(rule) for rule in self.create),
            approval=tuple(ApprovalRule(**dict(rule)) for rule in self.approval),
            quotas=_quotas(self.quotas),
            budgets=_budgets(self.budgets),
            approvals_channel=self.approvals_channel or "",
            language=self.language,
            idle=self.idle.idle(),
        )


def _fixed(held: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(held))


def _create(rule: Create) -> CreateRule:
    bounds = {name: held for name, held in rule if name != "max_ttl"}
    return CreateRule(**bounds, max_ttl_s=duration(rule.max_ttl) if rule.max_ttl is not None else None)


def _quotas(quota: Quota) -> Quotas:
    return Quotas(
        user=_allowance(quota.user),
        team=_allowance(quota.team),
        everyone=_allowance(quota.everyone),
        users=_fixed({user: _allowance(most) for user, most in quota.users.items()}),
        teams=_fixed({team: _allowance(most) for team, most in quota.teams.items()}),
    )


def _allowance(most: Most) -> Allowance:
    return Allowance(**dict(most))


def _budgets(budget: Budget) -> Budgets:
    return Budgets(
        user=budget.user,
        team=budget.team,
        users=_fixed(budget.users),
        teams=_fixed(budget.teams),
        second_tier=budget.second_tier,
    )
