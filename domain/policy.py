"""Who may do what. One function answers for command, modal, button and timer alike, with the reason in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from domain.cluster import REQUEST_TTL_S, Cluster, Phase
from domain.lifecycle import phase


class Act(StrEnum):
    """What an actor may want of a cluster. CREATE and VIEW need no cluster."""

    CREATE = "create"
    VIEW = "view"
    APPROVE = "approve"
    DENY = "deny"
    RETRY = "retry"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person as Slack describes them; the flags are those of users.info. Everything is keyed on the user id."""

    id: str
    name: str = ""
    is_bot: bool = False
    is_guest: bool = False
    is_stranger: bool = False
    is_deactivated: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """The configuration's rules. Times in seconds. `principals`: the IAM ARNs of a Slack user, let into his clusters."""

    regions: tuple[str, ...] = ("us-west-2",)
    gpu_types: tuple[str, ...] = ("g4dn.xlarge", "g5.xlarge", "g5.2xlarge", "g5.12xlarge", "g6.xlarge", "g6e.xlarge")
    max_nodes: int = 8
    default_ttl_s: int = 8 * 3600
    max_ttl_s: int = 7 * 24 * 3600
    approvers: frozenset[str] = frozenset()
    admins: frozenset[str] = frozenset()
    principals: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Allowed or not, and why: `reason` is a word for audit, `message` a sentence for the person."""

    allowed: bool
    reason: str
    message: str = ""


YES = Verdict(True, "Allowed")


def decide(actor: Actor, act: Act, cluster: Cluster | None, rules: Rules, now: float) -> Verdict:
    """May `actor` do `act` to `cluster` at `now`? Asked anew at every click, whatever was shown before."""
    stranger = _outsider(actor)
    if stranger is not None:
        return stranger
    if act in (Act.CREATE, Act.VIEW):
        return YES
    if cluster is None:
        return Verdict(False, "NoCluster", f"There is nothing to {act}.")
    if act in (Act.APPROVE, Act.DENY):
        return _on_request(actor, act, cluster, rules, now)
    if actor.id in (cluster.spec.owner, cluster.requester) or actor.id in rules.admins:
        return YES
    return Verdict(
        False, "NotOwner", f"Only its owner <@{cluster.spec.owner}> or an administrator may {act} {cluster.spec.name}."
    )


def _outsider(actor: Actor) -> Verdict | None:
    if actor.is_deactivated:
        return Verdict(False, "Deactivated", "This account is deactivated.")
    if actor.is_bot:
        return Verdict(False, "Bot", "Bots cannot use raygpu.")
    if actor.is_stranger:
        return Verdict(False, "Stranger", "People from other organisations cannot use raygpu.")
    if actor.is_guest:
        return Verdict(False, "Guest", "Guests cannot use raygpu; ask a member of the workspace.")
    return None


def _on_request(actor: Actor, act: Act, cluster: Cluster, rules: Rules, now: float) -> Verdict:
    if actor.id in (cluster.requester, cluster.spec.owner) and act is Act.APPROVE:
        return Verdict(False, "OwnRequest", "You cannot approve your own request; ask an approver.")
    if actor.id not in rules.approvers:
        return Verdict(False, "NotApprover", "Only the approvers of the configuration may decide on requests.")
    if cluster.approval is not None:
        done = "approved" if cluster.approval.approved else "denied"
        return Verdict(False, "AlreadyDecided", f"Already {done} by <@{cluster.approval.by}>.")
    if cluster.deletion is not None:
        return Verdict(False, "Withdrawn", f"<@{cluster.deletion.by}> has withdrawn this request.")
    state = phase(cluster)
    if state is Phase.LAPSED or now - cluster.created_at > REQUEST_TTL_S:
        return Verdict(False, "Lapsed", "This request has lapsed after 24 hours; ask for it again.")
    if state is not Phase.AWAITING_APPROVAL:
        return Verdict(False, "NotReadyForApproval", "The checks before approval have not passed.")
    return YES


def eligible_approvers(cluster: Cluster, rules: Rules) -> tuple[str, ...]:
    """Those who could approve this request; empty means that nobody can, which must be said at once."""
    return tuple(sorted(rules.approvers - {cluster.requester, cluster.spec.owner}))
