"""Every kind of actor, one record for each phase, and what is expected of each pair: the matrix, and it as a page.

The expectation is written from the promise (docs/policy.md), not from the code: a small table of words for each act.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from worlds import ALICE, BORIS, NOW, RULES, doomed, false, proven_record, record, request

from domain.cluster import Approval, Cluster, Parking, Phase, Receipt, Requirement
from domain.lifecycle import CONTROL_PLANE, PREFLIGHT, REQUEST_OPEN
from domain.policy import Act, decide
from domain.rules import RAYGPU, Actor, Budgets, Freeze, Rules

REQUESTER, OWNER, MATE, OTHER, LONER = ALICE, "U0OLGA", "U0MATE", "U0OTHER", "U0LONER"
RELATIONS = {"owner": OWNER, "requester": REQUESTER, "team-mate": MATE, "member": OTHER}
POWERS = ("approver", "second tier", "admin")
GROUP_OF = {"approver": "approvers", "second tier": "leads", "admin": "admins"}
FLAGS = {
    "deactivated": ("is_deactivated", "Deactivated"),
    "bot": ("is_bot", "Bot"),
    "stranger": ("is_stranger", "Stranger"),
    "foreign": ("is_foreign", "Foreign"),
    "guest": ("is_guest", "Guest"),
}
TEAMS = {"vision": frozenset({REQUESTER, OWNER, MATE}), "audio": frozenset({OTHER})}
FREEZE = Freeze("U0CAROL", NOW - 60, "AWS has trouble")


@dataclass(frozen=True)
class Kind:
    """A kind of actor: how they stand to the cluster, what the configuration gives them, what Slack says of them."""

    relation: str
    powers: frozenset[str] = frozenset()
    flag: str = ""

    @property
    def name(self) -> str:
        """How the page calls them."""
        return " + ".join(
            [self.relation, *(p for p in POWERS if p in self.powers), *([self.flag] if self.flag else [])]
        )

    @property
    def actor(self) -> Actor:
        """One such person; raygpu is none."""
        if self.relation == "raygpu":
            return RAYGPU
        actor = Actor(RELATIONS.get(self.relation, LONER))
        return replace(actor, **{FLAGS[self.flag][0]: True}) if self.flag else actor

    def rules(self, frozen: bool) -> Rules:
        """Rules that give them these powers, and each power to somebody else as well."""
        mine = {GROUP_OF[power]: frozenset({self.actor.id}) for power in self.powers}
        return replace(
            RULES,
            approvers=RULES.approvers | mine.get("approvers", frozenset()),
            admins=RULES.admins | mine.get("admins", frozenset()),
            groups={"leads": frozenset({"U0LEAD"}) | mine.get("leads", frozenset())},
            budgets=Budgets(second_tier="leads"),
            teams=TEAMS,
            freeze=FREEZE if frozen else None,
        )


def kinds() -> tuple[Kind, ...]:
    """Every relation with every set of powers; a member of no team; every outsider with all powers; raygpu itself."""
    sets = [frozenset(p for p, has in zip(POWERS, flags, strict=True) if has) for flags in product((0, 1), repeat=3)]
    insiders = [Kind(relation, powers) for relation in RELATIONS for powers in sets]
    outsiders = [Kind("owner", frozenset(POWERS), flag) for flag in FLAGS]
    return (*insiders, Kind("in no team"), *outsiders, Kind("raygpu"))


def owned(cluster: Cluster) -> Cluster:
    """The same, owned by somebody else than who asked for it, in a team, and needing one of each tier."""
    needs = (Requirement("approvers", 1), Requirement("leads", 1, "over budget"))
    return replace(cluster, spec=replace(cluster.spec, owner=OWNER, team="vision"), requirements=needs)


def in_phase() -> dict[Phase, Cluster]:
    """One record for each phase."""
    open_, ready = owned(request()), owned(proven_record())
    parked = replace(ready, parked=Parking(OWNER, NOW - 60, "button"), size_generation=1, sized_generation=1)
    return {
        Phase.CHECKING: replace(open_, conditions=()),
        Phase.REFUSED: replace(open_, conditions=(false(PREFLIGHT, "Impossible"),)),
        Phase.AWAITING_APPROVAL: open_,
        Phase.DENIED: replace(open_, approval=Approval(False, BORIS, NOW - 5, open_.digest)),
        Phase.LAPSED: replace(open_, conditions=(false(REQUEST_OPEN, "Lapsed"),)),
        Phase.PROVISIONING: owned(record()),
        Phase.TROUBLE: owned(record(conditions=(false(CONTROL_PLANE, "Failed"),))),
        Phase.READY: ready,
        Phase.RESIZING: replace(parked, sized_generation=0),
        Phase.PARKED: parked,
        Phase.DELETING: owned(doomed()),
        Phase.DELETED: owned(doomed(receipt=Receipt(NOW - 60, NOW, (), (), 1.0))),
    }


# Who may, and the word for who may not. The three acts on a request have a table of their own.
ANYBODY, TEAMED, ADMINS, OWNERS, OWNERS_OR_APPROVERS = "anybody", "teamed", "admins", "owners", "owners or approvers"
WHO = {
    Act.CREATE: (TEAMED, "NoTeam"),
    Act.VIEW: (ANYBODY, ""),
    Act.DOCTOR: (ADMINS, "NotAdmin"),
    Act.ORPHANS: (ADMINS, "NotAdmin"),
    Act.ADOPT: (ADMINS, "NotAdmin"),
    Act.FREEZE: (ADMINS, "NotAdmin"),
    Act.UNFREEZE: (ADMINS, "NotAdmin"),
    Act.RETRY: (OWNERS, "NotOwner"),
    Act.DELETE: (OWNERS, "NotOwner"),
    Act.VERIFY: (OWNERS, "NotOwner"),
    Act.EXTEND: (OWNERS_OR_APPROVERS, "NotOwner"),
    Act.KEEP: (OWNERS, "NotOwner"),
    Act.PARK: (OWNERS, "NotOwner"),
    Act.RESUME: (OWNERS, "NotOwner"),
    Act.SCALE: (OWNERS, "NotOwner"),
    Act.GRANT: (OWNERS, "NotOwner"),
    Act.REVOKE: (OWNERS, "NotOwner"),
    Act.TRANSFER: (OWNERS, "NotOwner"),
}
VOTERS = {
    Act.APPROVE: frozenset({"approver", "second tier"}),
    Act.SHORTEN: frozenset({"approver", "second tier"}),
    Act.DENY: frozenset({"approver", "second tier", "admin"}),
}
OPEN = {
    Phase.CHECKING: "NotReadyForApproval",
    Phase.REFUSED: "NotReadyForApproval",
    Phase.AWAITING_APPROVAL: "Allowed",
    Phase.DENIED: "AlreadyDecided",
    Phase.LAPSED: "Lapsed",
    Phase.PROVISIONING: "AlreadyDecided",
    Phase.TROUBLE: "AlreadyDecided",
    Phase.READY: "AlreadyDecided",
    Phase.RESIZING: "AlreadyDecided",
    Phase.PARKED: "AlreadyDecided",
    Phase.DELETING: "AlreadyDecided",
    Phase.DELETED: "AlreadyDecided",
}
STOPPED = ["create", "approve", "retry", "delete", "verify", "park", "resume", "scale", "adopt", "grant", "shorten"]


def expected(kind: Kind, act: Act, state: Phase, frozen: bool) -> str:
    """The reason word that the promise gives."""
    if kind.flag:
        return FLAGS[kind.flag][1]
    if frozen and act.value in STOPPED:
        return "Frozen"
    if kind.relation == "raygpu":
        return {"Allowed": "NotAutomatic"}.get(OPEN[state], OPEN[state]) if act is Act.APPROVE else "NotAutomatic"
    if act in VOTERS:
        if kind.relation in ("owner", "requester"):
            return "OwnRequest"
        return OPEN[state] if kind.powers & VOTERS[act] else "NotApprover"
    who, otherwise = WHO[act]
    is_owner = kind.relation in ("owner", "requester") or "admin" in kind.powers
    may = {
        ANYBODY: True,
        TEAMED: kind.relation != "in no team",
        ADMINS: "admin" in kind.powers,
        OWNERS: is_owner,
        OWNERS_OR_APPROVERS: is_owner or bool(kind.powers & {"approver", "second tier"}),
    }
    return "Allowed" if may[who] else otherwise


def cells() -> Iterator[tuple[Kind, Act, Phase, bool]]:
    """Every place of the matrix."""
    yield from product(kinds(), Act, Phase, (False, True))


SHOWN = [
    Kind("owner"),
    Kind("requester"),
    Kind("team-mate"),
    Kind("member", frozenset({"approver"})),
    Kind("member", frozenset({"second tier"})),
    Kind("owner", frozenset({"approver"})),
    Kind("member", frozenset({"admin"})),
    Kind("owner", frozenset({"admin"})),
    Kind("raygpu"),
]
PAGE_HEAD = """# Who may do what

This page is made of what the policy answers (`domain/policy.py`), and a test fails when it is stale:
`RAYGPU_GOLDEN=write pytest tests/domain/test_policy_matrix.py` writes it anew. A yes is ✓; a no is the reason word that the
audit keeps. People who are deactivated, bots, strangers of Slack Connect, members of other workspaces and guests are refused
for everything, whatever groups they are in. A second-tier approver is asked when a budget is passed.

"""


def page() -> str:
    """The matrix for people, as Markdown, out of the code's own answers."""
    clusters = in_phase()
    lines = [
        "## On a cluster that stands, and without any",
        "",
        _row("act", [k.name for k in SHOWN]),
        _rule(len(SHOWN)),
    ]
    lines += [_row(f"{act}", [_answer(kind, act, clusters[Phase.READY]) for kind in SHOWN]) for act in WHO]
    lines += ["", "## On a request, by its phase", "", _row("act, phase", [k.name for k in SHOWN]), _rule(len(SHOWN))]
    rows = product(VOTERS, Phase)
    lines += [_row(f"{act}, {state}", [_answer(kind, act, clusters[state]) for kind in SHOWN]) for act, state in rows]
    admin = Kind("member", frozenset({"admin", "approver"}))
    open_ = clusters[Phase.AWAITING_APPROVAL]
    stopped = [act for act in Act if decide(admin.actor, act, open_, admin.rules(True), NOW).reason == "Frozen"]
    lines += ["", "## While raygpu is frozen", "", "Nobody may: " + ", ".join(stopped) + ". All else stays."]
    return PAGE_HEAD + "\n".join(lines) + "\n"


def _row(first: str, rest: list[str]) -> str:
    return "| " + " | ".join([first, *rest]) + " |"


def _rule(columns: int) -> str:
    return "|" + "---|" * (columns + 1)


def _answer(kind: Kind, act: Act, cluster: Cluster) -> str:
    verdict = decide(kind.actor, act, cluster, kind.rules(False), NOW)
    return "✓" if verdict.allowed else verdict.reason
