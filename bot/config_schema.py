"""The shape of the configuration file, field by field, and the domain's view of it. References are checked elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot.config_values import (
    Channel,
    Chart,
    Count,
    Digest,
    GroupName,
    Hour,
    HowFar,
    Member,
    Members,
    Principal,
    Repository,
    Span,
    Store,
    TeamName,
    Usd,
    UserId,
    Version,
    known_language,
    two_hours,
)
from domain.operator import OperatorChart
from domain.request import duration
from domain.rules import (
    ADMINS,
    APPROVERS,
    EVERYONE,
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
_CHART = OperatorChart()


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
    day: Annotated[tuple[Hour, ...], AfterValidator(two_hours)] | None = None
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


class KubeRay(_Strict):
    """KubeRay's operator. `install` left out: where helm is on PATH."""

    install: Annotated[bool, Field(strict=True)] | None = None
    chart: Chart = _CHART.reference
    version: Version = _CHART.version
    repository: Repository | None = None
    digest: Digest | None = None

    def operator(self) -> OperatorChart | None:
        """The domain's view; None where it is not to be installed. A chart by its place needs no repository."""
        if self.install is False:
            return None
        is_place = "/" in self.chart
        repository = self.repository or ("" if is_place else _CHART.repository)
        return OperatorChart(self.chart, self.version, repository, self.digest or "")


class GivenFoundation(_Strict):
    """A region whose network and roles were made by others."""

    vpc: str
    subnets: tuple[str, ...] = Field(min_length=2)
    cluster_role: str
    node_role: str


class Config(_Strict):
    """The whole file; every field has a default, so an empty file is a valid one (in which nobody can approve)."""

    language: Annotated[str, AfterValidator(known_language)] = _DEFAULTS.language
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
    kuberay: KubeRay = KubeRay()
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
            operator=self.kuberay.operator(),
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
