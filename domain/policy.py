"""Who may do what. One function answers for command, modal, button and timer alike, with the reason in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain import approvals, ladder
from domain.cluster import REQUEST_TTL_S, Cluster, Phase
from domain.expiry import Todo
from domain.lifecycle import phase
from domain.rules import APPROVERS, EVERYONE, RAYGPU, Actor, CreateRule, Freeze, Rules
from domain.spec import ClusterSpec
from domain.words import Said, say


class Act(StrEnum):
    """What an actor may want. Those from CREATE to UNHALT need no cluster."""

    CREATE = "create"
    VIEW = "view"
    DOCTOR = "doctor"
    ORPHANS = "orphans"
    ADOPT = "adopt"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    HALT = "halt"
    UNHALT = "unhalt"
    APPROVE = "approve"
    DENY = "deny"
    SHORTEN = "shorten"
    RETRY = "retry"
    DELETE = "delete"
    VERIFY = "verify"
    EXTEND = "extend"
    KEEP = "keep"
    NOT_IDLE = "not-idle"
    PARK = "park"
    RESUME = "resume"
    SCALE = "scale"
    GRANT = "grant"
    REVOKE = "revoke"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request before it is one: what is asked for, and in which channel."""

    spec: ClusterSpec
    channel: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Allowed or not, and why: `reason` is a word for audit, `message` a sentence for the person, `field` the create
    option at fault where there is one."""

    allowed: bool
    reason: str
    message: str = ""
    field: str | None = None


YES = Verdict(True, "Allowed")

FROZEN_ACTS = frozenset(
    {
        Act.CREATE,
        Act.APPROVE,
        Act.RETRY,
        Act.DELETE,
        Act.VERIFY,
        Act.PARK,
        Act.RESUME,
        Act.SCALE,
        Act.ADOPT,
        Act.GRANT,
        Act.SHORTEN,
    }
)


@dataclass(frozen=True, slots=True)
class _Case:
    """One question: who, what, under which rules, when."""

    actor: Actor
    act: Act
    rules: Rules
    now: float


def decide(actor: Actor, act: Act, thing: Cluster | Wanted | None, rules: Rules, now: float) -> Verdict:
    """May `actor` do `act` to `thing` at `now`? Asked anew at every click, whatever was shown before.

    A request that is none yet (Wanted) is a thing for CREATE only; CREATE of None asks whether they may create at all.
    """
    outsider = _outsider(actor)
    if outsider is not None:
        return outsider
    if rules.freeze is not None and act in FROZEN_ACTS:
        return _frozen(rules.freeze)
    case = _Case(actor, act, rules, now)
    if actor.is_self:
        return _by_itself(case, thing)
    if act in _WITHOUT_CLUSTER:
        return _WITHOUT_CLUSTER[act](case, thing)
    if not isinstance(thing, Cluster):
        return _no("NoCluster", say("There is no cluster to do that to."))
    return _WITH_CLUSTER[act](case, thing)


def teams_of(actor: Actor, rules: Rules) -> tuple[str, ...]:
    """The teams of the configuration in whose name this person may ask, by name; an administrator's are all."""
    mine = {actor.id} | actor.groups
    return tuple(sorted(team for team, people in rules.teams.items() if people & mine or rules.is_admin(actor)))


def _no(reason: str, message: Said, field: str | None = None) -> Verdict:
    return Verdict(False, reason, message, field)


def _outsider(actor: Actor) -> Verdict | None:
    if actor.is_deactivated:
        return _no("Deactivated", say("This account is deactivated."))
    if actor.is_bot:
        return _no("Bot", say("Bots cannot use raygpu."))
    if actor.is_stranger:
        return _no("Stranger", say("People from other organisations cannot use raygpu."))
    if actor.is_foreign:
        return _no("Foreign", say("People from other workspaces cannot use raygpu."))
    if actor.is_guest:
        return _no("Guest", say("Guests cannot use raygpu; ask a member of the workspace."))
    return None


def _frozen(freeze: Freeze) -> Verdict:
    if freeze.reason:
        return _no("Frozen", say("raygpu is frozen by <@{by}>: {reason}", by=freeze.by, reason=freeze.reason))
    return _no("Frozen", say("raygpu is frozen by <@{by}> until an administrator lifts it.", by=freeze.by))


def _by_itself(case: _Case, thing: Cluster | Wanted | None) -> Verdict:
    """What raygpu does by its own timer: it starts a request that needs nobody's approval, it parks and deletes what its
    ladder, or the end of a lifetime, lets it at this very moment; nothing else."""
    if isinstance(thing, Cluster) and case.act in _STEPS:
        barred = ladder.barred(thing, _STEPS[case.act], case.rules, case.now)
        return YES if barred is None else _no(barred.reason, barred.words)
    if case.act is not Act.APPROVE or not isinstance(thing, Cluster):
        return _no("NotAutomatic", say("raygpu does not do that by itself."))
    undecided = _undecided(case, thing)
    if undecided is None and approvals.needed(thing):
        return _no("NotAutomatic", say("This request needs the approval of people."))
    return undecided or YES


def _anyone(case: _Case, thing: Cluster | Wanted | None) -> Verdict:
    return YES


def _admins(case: _Case, thing: Cluster | Wanted | None) -> Verdict:
    if case.rules.is_admin(case.actor):
        return YES
    return _no("NotAdmin", say("Only administrators may do that."))


def _create(case: _Case, thing: Cluster | Wanted | None) -> Verdict:
    """Whether they may create at all; with a request, whether they may create that."""
    rules, mine = case.rules, [rule for rule in case.rules.create if _is_meant(case, rule)]
    if rules.create and not mine:
        return _no("MayNotCreate", say("The rules here let you create nothing; ask an administrator."))
    teams = teams_of(case.actor, rules)
    if rules.teams and not teams and not rules.is_admin(case.actor):
        return _no("NoTeam", say("You are in no team of the configuration; ask an administrator to add you."), "team")
    if not isinstance(thing, Wanted):
        return YES
    if rules.teams and thing.spec.team not in teams and not rules.is_admin(case.actor):
        return _no("NotYourTeam", say("You may not ask in the name of that team."), "team")
    faults = sorted((_faults(rule, thing) for rule in mine), key=len)
    return faults[0][0] if faults and faults[0] else YES


def _is_meant(case: _Case, rule: CreateRule) -> bool:
    names = {EVERYONE, case.actor.id, *case.actor.groups}
    return bool(rule.who & names) or any(case.rules.is_in(case.actor, name) for name in rule.who)


def _faults(rule: CreateRule, wanted: Wanted) -> list[Verdict]:
    """Every bound of one rule that the request passes. Nodes count at their ceiling: it may be scaled up to there."""
    spec = wanted.spec
    kinds = [kind for group in spec.gpu_groups for kind in group.instance_types]
    nodes = sum(group.max_size for group in spec.gpu_groups)
    gpus = sum(group.max_size * group.gpus_per_node for group in spec.gpu_groups)
    found = []
    if rule.channels is not None and wanted.channel not in rule.channels:
        where = ", ".join(f"<#{channel}>" for channel in sorted(rule.channels))
        found.append(_no("ChannelNotAllowed", say("You may create clusters in {channels} only.", channels=where)))
    if rule.regions is not None and spec.region not in rule.regions:
        regions = ", ".join(sorted(rule.regions))
        found.append(_no("RegionNotAllowed", say("You may create in {regions} only.", regions=regions), "region"))
    if rule.gpu_types is not None and not rule.gpu_types.issuperset(kinds):
        types = ", ".join(sorted(rule.gpu_types))
        found.append(_no("TypeNotAllowed", say("You may use these GPU types only: {types}.", types=types), "gpu"))
    if rule.max_nodes is not None and nodes > rule.max_nodes:
        text = say("You may ask for at most {most} GPU nodes, --max included.", most=rule.max_nodes)
        found.append(_no("TooManyNodes", text, "gpus"))
    if rule.max_gpus is not None and gpus > rule.max_gpus:
        text = say(
            "You may ask for at most {most} GPUs, and at --max this has {asked}.", most=rule.max_gpus, asked=gpus
        )
        found.append(_no("TooManyGpus", text, "gpus"))
    if rule.max_ttl_s is not None and spec.ttl_s > rule.max_ttl_s:
        text = say("You may ask for a lifetime of at most {hours} h.", hours=f"{rule.max_ttl_s / 3600:g}")
        found.append(_no("TooLong", text, "ttl"))
    return found


def _owners(case: _Case, cluster: Cluster) -> Verdict:
    if approvals.is_own(case.actor.id, cluster) or case.rules.is_admin(case.actor):
        return YES
    return _no(
        "NotOwner",
        say(
            "Only the owner of “{name}”, <@{owner}>, or an administrator may {act} it.",
            name=cluster.spec.name,
            owner=cluster.spec.owner,
            act=_VERBS[case.act],
        ),
    )


def _extend(case: _Case, cluster: Cluster) -> Verdict:
    """An approver, of the second tier as well, may extend what is not his own; how far, domain.changes says."""
    groups = (APPROVERS, case.rules.budgets.second_tier)
    return YES if any(case.rules.is_in(case.actor, group) for group in groups) else _owners(case, cluster)


def _approve(case: _Case, cluster: Cluster) -> Verdict:
    if approvals.is_own(case.actor.id, cluster):
        return _no("OwnRequest", say("You cannot decide on your own request; ask an approver."))
    barred = _not_asked(case, cluster) or _undecided(case, cluster)
    return barred or _not_needed(case, cluster) or YES


def _deny(case: _Case, cluster: Cluster) -> Verdict:
    """As to approve, and administrators may as well: it only takes back."""
    if approvals.is_own(case.actor.id, cluster):
        text = say(
            "You cannot decide on your own request; withdraw it: `/raygpu delete {name}`.", name=cluster.spec.name
        )
        return _no("OwnRequest", text)
    if case.rules.is_admin(case.actor):
        return _undecided(case, cluster) or YES
    return _approve(case, cluster)


def _not_asked(case: _Case, cluster: Cluster) -> Verdict | None:
    needed = approvals.needed(cluster)
    if not needed or approvals.groups_of(case.actor, cluster, case.rules):
        return None
    groups = ", ".join(f"“{need.group}”" for need in needed)
    return _no("NotApprover", say("Only people of {groups} may decide on this request.", groups=groups))


def _undecided(case: _Case, cluster: Cluster) -> Verdict | None:
    """None while the request is open for a decision."""
    decided = cluster.approval
    if decided is not None and decided.by == RAYGPU.id:
        return _no("AlreadyDecided", say("This request needed nobody's approval; raygpu has started it by itself."))
    if decided is not None and decided.approved:
        return _no("AlreadyDecided", say("Already approved by <@{by}>.", by=decided.by))
    if decided is not None:
        return _no("AlreadyDecided", say("Already denied by <@{by}>.", by=decided.by))
    if cluster.deletion is not None:
        return _no("Withdrawn", say("<@{by}> has withdrawn this request.", by=cluster.deletion.by))
    state = phase(cluster)
    if state is Phase.LAPSED or case.now - cluster.created_at > REQUEST_TTL_S:
        return _no("Lapsed", say("This request has lapsed after 24 hours; ask for it again."))
    if state is not Phase.AWAITING_APPROVAL:
        return _no("NotReadyForApproval", say("The checks before approval have not passed."))
    return None


def _not_needed(case: _Case, cluster: Cluster) -> Verdict | None:
    if not approvals.needed(cluster):
        return _no("NotNeeded", say("This request needs nobody's approval; raygpu starts it by itself."))
    if approvals.has_voted(case.actor, cluster, case.rules):
        return _no("AlreadyVoted", say("You have approved this already; another person is needed as well."))
    mine = approvals.groups_of(case.actor, cluster, case.rules)
    missing = [need.group for need in approvals.unmet(cluster)]
    if set(mine) & set(missing):
        return None
    groups = ", ".join(f"“{group}”" for group in missing)
    return _no("NotNeeded", say("Your group has approved already; what is missing is {groups}.", groups=groups))


_WITHOUT_CLUSTER: Mapping[Act, Callable[[_Case, Cluster | Wanted | None], Verdict]] = {
    Act.CREATE: _create,
    Act.VIEW: _anyone,
    Act.DOCTOR: _admins,
    Act.ORPHANS: _admins,
    Act.ADOPT: _admins,
    Act.FREEZE: _admins,
    Act.UNFREEZE: _admins,
    Act.HALT: _admins,
    Act.UNHALT: _admins,
}
_WITH_CLUSTER: Mapping[Act, Callable[[_Case, Cluster], Verdict]] = {
    Act.APPROVE: _approve,
    Act.DENY: _deny,
    Act.SHORTEN: _approve,
    Act.RETRY: _owners,
    Act.DELETE: _owners,
    Act.VERIFY: _owners,
    Act.EXTEND: _extend,
    Act.KEEP: _owners,
    Act.NOT_IDLE: _owners,
    Act.PARK: _owners,
    Act.RESUME: _owners,
    Act.SCALE: _owners,
    Act.GRANT: _owners,
    Act.REVOKE: _owners,
    Act.TRANSFER: _owners,
}
_STEPS: Mapping[Act, Todo] = {Act.PARK: Todo.PARK, Act.DELETE: Todo.DELETE}
_VERBS: Mapping[Act, Said] = {
    Act.RETRY: say("retry"),
    Act.DELETE: say("delete"),
    Act.VERIFY: say("verify"),
    Act.EXTEND: say("extend"),
    Act.KEEP: say("keep"),
    Act.NOT_IDLE: say("speak for"),
    Act.PARK: say("park"),
    Act.RESUME: say("resume"),
    Act.SCALE: say("scale"),
    Act.GRANT: say("give access to"),
    Act.REVOKE: say("take back access to"),
    Act.TRANSFER: say("transfer"),
}
