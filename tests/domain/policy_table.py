"""Every kind of actor, one record for each phase, and what is expected of each pair: the matrix, and it as a page.

The expectation is written from the promise (docs/policy.md), not from the code: a small table of words for each act.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from idle_worlds import HOUR, WARNED, parked, warning, watched
from worlds import ALICE, BORIS, NOW, RULES, doomed, false, proven_record, record, request

from domain.cluster import Approval, Cluster, Parking, Phase, Receipt, Requirement
from domain.lifecycle import CONTROL_PLANE, PREFLIGHT, REQUEST_OPEN
from domain.policy import Act, decide
from domain.rules import RAYGPU, Actor, Budgets, Freeze, Rules
from domain.watch import Use, Watch

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
    Act.HALT: (ADMINS, "NotAdmin"),
    Act.UNHALT: (ADMINS, "NotAdmin"),
    Act.RETRY: (OWNERS, "NotOwner"),
    Act.DELETE: (OWNERS, "NotOwner"),
    Act.VERIFY: (OWNERS, "NotOwner"),
    Act.EXTEND: (OWNERS_OR_APPROVERS, "NotOwner"),
    Act.KEEP: (OWNERS, "NotOwner"),
    Act.NOT_IDLE: (OWNERS, "NotOwner"),
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
    if kind.relation == "raygpu" and act in STEPS:
        return by_itself("no leave", act, state, "")
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


# What raygpu does by itself: how things stand, by name, and the word for each step. A phase that is not named: NotDue.
STEPS = (Act.PARK, Act.DELETE)
STANDING = (Phase.PROVISIONING, Phase.TROUBLE, Phase.READY, Phase.RESIZING, Phase.PARKED)
ENDS_UNWARNED = dict.fromkeys(STANDING, "NotWarned")
BY_ITSELF: dict[str, dict[Act, dict[Phase, str]]] = {
    "no leave": {
        Act.PARK: dict.fromkeys((Phase.READY, Phase.RESIZING, Phase.PARKED), "ChosenOff"),
        Act.DELETE: ENDS_UNWARNED,
    },
    "busy": {Act.PARK: {Phase.READY: "NotIdle"}, Act.DELETE: ENDS_UNWARNED | {Phase.RESIZING: "Unseen"}},
    "not seen": {Act.PARK: {Phase.READY: "Unseen"}, Act.DELETE: ENDS_UNWARNED | {Phase.RESIZING: "Unseen"}},
    "idle": {Act.PARK: {Phase.READY: "NotWarned"}, Act.DELETE: ENDS_UNWARNED | {Phase.RESIZING: "Unseen"}},
    "idle, warned": {
        Act.PARK: {Phase.READY: "Allowed"},
        Act.DELETE: ENDS_UNWARNED | {Phase.RESIZING: "Unseen", Phase.PARKED: "Allowed"},
    },
    "at its end": {Act.PARK: {Phase.READY: "NotIdle"}, Act.DELETE: ENDS_UNWARNED | {Phase.RESIZING: "Unseen"}},
    "at its end, warned": {Act.PARK: {Phase.READY: "NotIdle"}, Act.DELETE: dict.fromkeys(STANDING, "Allowed")},
}
BRAKES = {"": "", "shadow": "Shadow", "halt": "Halted", "freeze": "Frozen"}


def by_itself(how: str, act: Act, state: Phase, brake: str) -> str:
    """The reason word that the promise gives for raygpu itself."""
    if brake == "freeze":
        return "Frozen"
    word = BY_ITSELF[how][act].get(state, "NotDue")
    stops = brake and (word in ("Allowed", "NotWarned") or (word == "Unseen" and act is Act.DELETE))
    return BRAKES[brake] if stops else word


def left_alone(how: str) -> dict[Phase, Cluster]:
    """A record for each phase, as things stand with its use and its end; parked ones have been so for three days."""
    found = {}
    for state, cluster in in_phase().items():
        changed = cluster if how == "no leave" else replace(cluster, spec=replace(cluster.spec, automatic="delete"))
        if changed.parked is not None:
            changed = replace(changed, parked=replace(changed.parked, at=NOW - 73 * HOUR))
        if how.startswith("at its end"):
            changed = replace(changed, expires_at=NOW - 1)
        found[state] = replace(changed, watch=_watch_of(how, changed))
    return found


def _watch_of(how: str, cluster: Cluster) -> Watch:
    if how in ("idle", "idle, warned"):
        warned = () if how == "idle" else WARNED if cluster.parked is None else parked().watch.told
        return watched(told=warned)
    use = Use.UNKNOWN if how == "not seen" else Use.ACTIVE
    told = (warning("expires-2h", NOW - 1, 2 * HOUR),) if how == "at its end, warned" else ()
    return watched(use=use, kind=None, told=told)


def braked(brake: str) -> Rules:
    """The rules with that brake on."""
    changes = {"shadow": {"shadow_until": NOW + 1}, "halt": {"halt": FREEZE}, "freeze": {"freeze": FREEZE}, "": {}}
    return replace(RULES, **changes[brake])


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


BY_ITSELF_HEAD = """\
With the owner's leave to delete, but for the first two rows; parked ones have been so for three days. “Warned” means that
the messages of [idleness.md](idleness.md) reached somebody in time. In shadow mode, halted or frozen none of it is done."""


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
    lines += [
        "",
        "## What raygpu does by itself",
        "",
        BY_ITSELF_HEAD,
        "",
        _row("act, how things stand", [*STANDING]),
        _rule(5),
    ]
    lines += [_row(f"{act}, {how}", _by_itself(how, act)) for how in BY_ITSELF for act in STEPS]
    admin = Kind("member", frozenset({"admin", "approver"}))
    open_ = clusters[Phase.AWAITING_APPROVAL]
    stopped = [act for act in Act if decide(admin.actor, act, open_, admin.rules(True), NOW).reason == "Frozen"]
    lines += ["", "## While raygpu is frozen", "", "Nobody may: " + ", ".join(stopped) + ". All else stays."]
    return PAGE_HEAD + "\n".join(lines) + "\n"


def _row(first: str, rest: list[str]) -> str:
    return "| " + " | ".join([first, *rest]) + " |"


def _rule(columns: int) -> str:
    return "|" + "---|" * (columns + 1)


def _by_itself(how: str, act: Act) -> list[str]:
    clusters = left_alone(how)
    verdicts = [decide(RAYGPU, act, clusters[state], RULES, NOW) for state in STANDING]
    return ["✓" if verdict.allowed else verdict.reason for verdict in verdicts]


def _answer(kind: Kind, act: Act, cluster: Cluster) -> str:
    verdict = decide(kind.actor, act, cluster, kind.rules(False), NOW)
    return "✓" if verdict.allowed else verdict.reason
