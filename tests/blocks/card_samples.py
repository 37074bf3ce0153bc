"""Clusters for the tests of blocks and handlers: one per phase, plain, and at the extremes of what a record may hold."""

from __future__ import annotations

from dataclasses import replace

from domain import lifecycle as life
from domain.cluster import (
    Approval,
    BudgetLine,
    Check,
    Cluster,
    Cut,
    Deletion,
    Granted,
    GroupRow,
    Kept,
    NodeScore,
    Parking,
    Phase,
    Receipt,
    Requirement,
    Vote,
)
from domain.conditions import Condition, Status
from domain.money import Price, PriceList, quote
from domain.spec import SPOT, WORKER_TAINT, ClusterSpec, Taint, cpu_group, gpu_group

NOW = 1_790_000_000.0
HOSTILE = (
    "<!channel> <!here> <!everyone>",
    "<@U0MALLORY> <#C0RAYGPU|general>",
    "<http://evil.example|click me> https://evil.example",
    "`code` ```pre``` *bold* _it_ ~no~ :bomb:",
    "&amp;lt;!channel&gt; &lt;!here&gt;",
    "a\u202egnp.exe\u202c \u200b\u200d\ufeff \u2066x\u2069",
    "line\r\nline\ttab\x00\x07\x1b[31mred",
    '"quotes" \\back\\slash {"json": 1} \'single\'',
    "<!date^0^{date}|x> <!subteam^S123>",
    "𝕌𝕟𝕚 日本語 \u200fעברית 👩\u200d💻",
)


def price(item: str, usd: float | None, unit: str = "hour") -> Price:
    """A list price from the AWS price list."""
    return Price(item, usd, unit, "AWS price list", "2026-08-01")


def prices(*, known: bool = True) -> PriceList:
    """The prices of the default cluster; with `known` False that of the GPU type is unknown."""
    kinds = (price("m5.xlarge", 0.192), price("g5.12xlarge", 5.672 if known else None))
    return PriceList(kinds, price("EKS", 0.1), price("gp3", 0.08, "GB-month"))


def requested(*, known: bool = True) -> Cluster:
    """A fresh request for two g5.12xlarge."""
    spec = ClusterSpec(
        name="demo",
        region="us-west-2",
        groups=(cpu_group(), gpu_group(("g5.12xlarge",), 4, 2)),
        ttl_s=8 * 3600,
        owner="U0ALICE",
        team="vision",
        reason="fine-tuning llama",
    )
    return Cluster("demo-abcde", spec, "U0ALICE", "C0RAYGPU", NOW, quote=quote(spec, prices(known=known)))


def condition(kind: str, status: Status, message: str = "", reason: str = "Seen", at: float = NOW) -> Condition:
    """A condition first looked at `at`, and as it is now since three minutes later."""
    return Condition(kind, status, reason, message, since=at + 180, started=at)


def in_phase(phase: Phase, cluster: Cluster | None = None) -> Cluster:
    """The cluster (default: the plain request), brought into a phase as the reconcile would."""
    base = cluster or requested()
    checks = (
        Check("Kubernetes", True, "1.34, in standard support"),
        Check("Quota of gpu-node-group", None, "Running On-Demand G and VT could not be read."),
        Check("Instances of gpu-node-group", phase is not Phase.REFUSED, "g5.12xlarge in us-west-2a, us-west-2b"),
    )
    checked = replace(base, checks=checks, kubernetes_version="1.34")
    preflight = condition(life.PREFLIGHT, Status.FALSE if phase is Phase.REFUSED else Status.TRUE)
    approved = replace(
        checked,
        conditions=(preflight, *steps(done=2)),
        approval=Approval(True, "U0BOB", NOW + 60, base.digest),
        expires_at=NOW + 60 + base.spec.ttl_s,
        spent_usd=3.456,
    )
    parked = replace(ready(approved), parked=Parking("U0ALICE", NOW + 1000, "button"), size_generation=1)
    going = replace(approved, deletion=Deletion("U0CAROL", NOW + 9000, "button", "click:1"))
    made = {
        Phase.CHECKING: base,
        Phase.REFUSED: replace(checked, conditions=(preflight,)),
        Phase.AWAITING_APPROVAL: replace(checked, conditions=(preflight,)),
        Phase.DENIED: replace(
            checked, conditions=(preflight,), approval=Approval(False, "U0BOB", NOW + 60, base.digest)
        ),
        Phase.LAPSED: replace(checked, conditions=(preflight, condition(life.REQUEST_OPEN, Status.FALSE))),
        Phase.PROVISIONING: approved,
        Phase.TROUBLE: replace(approved, conditions=(preflight, *steps(done=3, trouble="no capacity in us-west-2a"))),
        Phase.READY: ready(approved),
        Phase.RESIZING: parked,
        Phase.PARKED: replace(parked, sized_generation=1),
        Phase.DELETING: replace(going, conditions=deletion_steps(3)),
        Phase.DELETED: replace(
            going,
            conditions=deletion_steps(6),
            receipt=Receipt(NOW, NOW + 9900, ("cluster raygpu-demo-abcde", "nodegroup gpu-node-group"), (), 21.5),
        ),
    }
    return made[phase]


def steps(done: int, trouble: str = "") -> tuple[Condition, ...]:
    """The first `done` steps hold, the next is in work or, with `trouble`, broken."""
    kinds = life.CREATE_ORDER
    held = tuple(condition(kind, Status.TRUE, at=NOW + 300 * number) for number, kind in enumerate(kinds[:done]))
    status = Status.FALSE if trouble else Status.UNKNOWN
    words = trouble or "2 of 4 add-ons are active"
    return (*held, condition(kinds[done], status, words, at=NOW + 300 * done))


def deletion_steps(done: int) -> tuple[Condition, ...]:
    """The same for a deletion."""
    kinds = life.DELETE_ORDER
    held = tuple(condition(kind, Status.TRUE, at=NOW + 9000 + 60 * n) for n, kind in enumerate(kinds[:done]))
    return held if done == len(kinds) else (*held, condition(kinds[done], Status.UNKNOWN, "draining", at=NOW + 9300))


def ready(approved: Cluster) -> Cluster:
    """A ready cluster with two nodes of four GPUs each."""
    cpu = GroupRow(
        "cpu-node-group", "ACTIVE", NOW + 700, 0, 1, 1, "m5.xlarge", "AL2023_x86_64_STANDARD",
        "eks-cpu-node-group-20c1f1a2", "ok", 1, 0, (), 0.22,
    )  # fmt: skip
    gpu = GroupRow(
        "gpu-node-group", "ACTIVE", NOW + 700, 0, 2, 2, "g5.12xlarge", "BOTTLEROCKET_x86_64_NVIDIA",
        "eks-gpu-node-group-9ac1f1b3", "ok", 2, 8, (str(WORKER_TAINT),), 11.57,
    )  # fmt: skip
    held = tuple(condition(kind, Status.TRUE, at=NOW + 60 * n) for n, kind in enumerate(life.CREATE_ORDER))
    scores = tuple(score(number) for number in (1, 2))
    held = (condition(life.PREFLIGHT, Status.TRUE), *held)
    return replace(approved, conditions=held, ready_at=NOW + 900, group_rows=(cpu, gpu), scores=scores)


def score(number: int, note: str = "") -> NodeScore:
    """A good node, or one with a note that says what is wrong with it."""
    return NodeScore(
        node=f"ip-10-0-123-{number}.us-west-2.compute.internal",
        group="gpu-node-group",
        instance_type="g5.12xlarge",
        ready=True,
        taint_ok=not note,
        gpus=0 if note else 4,
        gpus_expected=4,
        disk_ok=True,
        smoke="to come" if note else "passed",
        note=note,
    )


def crowded(made: Cluster, long: str) -> Cluster:
    """Five requirements, twenty voters, five budgets, cuts, a keep and guests, all with the longest words."""
    groups = tuple(f"{long[:50]}{number}" for number in range(5))
    digest = made.digest
    return replace(
        made,
        requirements=tuple(Requirement(group, 30, long) for group in groups),
        votes=tuple(Vote(f"U0VOTER{n:02}", NOW + n, digest, groups) for n in range(20)),
        budget=tuple(BudgetLine(long[:40], "2026-09", 500.0, None if n else 600.0, None, 95.1) for n in range(5)),
        cuts=tuple(Cut("U0BOB", NOW + n, long) for n in range(9)),
        kept=Kept(NOW + 86400, "U0ALICE", NOW, long),
        grants=tuple(Granted(f"arn:{n}", f"U0GUEST{n}", "view") for n in range(20)),
    )


def extreme(words: str, phase: Phase) -> Cluster:
    """Fifty GPU nodes, the longest names that the grammar and AWS allow, and `words` wherever text may stand."""
    long = (words * 60)[:300]
    group = gpu_group(("g6e.24xlarge", "g5.48xlarge", "p4de.24xlarge"), 8, 50)
    taints = tuple(Taint(f"example.com/{'k' * 50}{n}", "v" * 63, "NoSchedule") for n in range(3))
    group = replace(group, name="g" * 63, max_size=50, capacity_type=SPOT, taints=taints)
    base = requested(known=False)
    spec = replace(base.spec, name="n" * 30, region="ap-southeast-2", groups=(cpu_group(), group), team=long[:40])
    spec = replace(spec, reason=long)
    made = in_phase(phase, replace(base, id="n" * 30 + "-abcde", spec=spec))
    rows = tuple(replace(row, asg_name="eks-" + "x" * 96, health=long, taints=(long, long)) for row in made.group_rows)
    return replace(
        crowded(made, long),
        checks=tuple(Check(long[:60], ok, long) for ok in (True, False, None)) * 6,
        conditions=tuple(replace(c, message=long) for c in made.conditions),
        group_rows=rows,
        scores=tuple(score(n, note=long if n % 2 else "") for n in range(50)) if made.scores else (),
        receipt=made.receipt and replace(made.receipt, gone=(long,) * 90, leftovers=(long,) * 90, usd=None),
    )
