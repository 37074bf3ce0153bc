"""The rules of one installation, as the configuration gives them, and the people they are about. Nothing is judged here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from domain.operator import OperatorChart

APPROVERS = "approvers"
ADMINS = "admins"
EVERYONE = "*"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person as Slack describes them; flags as in users.info. Everything is keyed on the user id.

    `groups`: the user groups of Slack (S…) that the rules name and that this person is in. `is_foreign`: of another
    workspace. `is_self`: raygpu itself, acting by its timer.
    """

    id: str
    name: str = ""
    is_bot: bool = False
    is_guest: bool = False
    is_stranger: bool = False
    is_deactivated: bool = False
    is_foreign: bool = False
    is_self: bool = False
    groups: frozenset[str] = frozenset()
    locale: str = "en-US"
    tz: str = "UTC"


RAYGPU = Actor("raygpu", "raygpu", is_self=True)


@dataclass(frozen=True, slots=True)
class CreateRule:
    """Who may create what. `who`: user ids, user-group ids, group names, or "*". None stands for "no bound"."""

    who: frozenset[str] = frozenset({EVERYONE})
    gpu_types: frozenset[str] | None = None
    regions: frozenset[str] | None = None
    channels: frozenset[str] | None = None
    max_nodes: int | None = None
    max_gpus: int | None = None
    max_ttl_s: int | None = None


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """The first rule that fits decides: `approvals` different people of `group`. It fits requests for `gpu_types` only
    (None: any) that cost no more than `up_to_usd_per_hour` (None: any price, an unknown one included)."""

    approvals: int = 1
    group: str = APPROVERS
    up_to_usd_per_hour: float | None = None
    gpu_types: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Allowance:
    """The most that may run at once; None: no bound."""

    clusters: int | None = None
    gpus: int | None = None
    usd_per_hour: float | None = None


NO_BOUND = Allowance()


@dataclass(frozen=True, slots=True)
class Quotas:
    """Allowances of each user, each team, and all together; `users` and `teams` hold exceptions by id and name."""

    user: Allowance = NO_BOUND
    team: Allowance = NO_BOUND
    everyone: Allowance = NO_BOUND
    users: Mapping[str, Allowance] = field(default_factory=lambda: MappingProxyType({}))
    teams: Mapping[str, Allowance] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Budgets:
    """USD a calendar month (UTC), by user and by team; None: no budget. Above it one of `second_tier` must approve."""

    user: float | None = None
    team: float | None = None
    users: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    teams: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    second_tier: str = ADMINS


OFF, PARK, DELETE = "off", "park", "delete"  # how far raygpu may go by itself


@dataclass(frozen=True, slots=True)
class IdlePolicy:
    """When idleness is spoken of, and what may follow. Times in seconds, money in USD.

    `window_s` of full evidence, `dear_window_s` for clusters above `dear_usd_per_hour`; the first reminder at
    `first_usd` spent idle, at latest after `latest_s`; more at `steps_usd`, else each after twice the time of the last.
    `automatic` holds where the owner chose nothing at create; parked after `park_notices` delivered ones and `grace_s`
    after the last; deleted after `delete_after_s` without a GPU node. Owners hear of it from `day_from` to `day_to`
    o'clock of their own day, at any hour above `loud_usd`. `at_expiry`: delete, park or off (it is only told).
    """

    window_s: int = 3600
    dear_window_s: int = 1200
    dear_usd_per_hour: float = 30.0
    first_usd: float = 5.0
    latest_s: int = 8 * 3600
    steps_usd: tuple[float, ...] = (25.0, 100.0, 250.0)
    automatic: str = OFF
    park_notices: int = 2
    grace_s: int = 3600
    delete_after_s: int = 72 * 3600
    day_from: int = 8
    day_to: int = 20
    loud_usd: float = 100.0
    at_expiry: str = DELETE

    def window_for(self, usd_per_hour: float | None) -> float:
        """The seconds of evidence that are a full window for a cluster of that rate; an unknown rate is not a dear one."""
        is_dear = usd_per_hour is not None and usd_per_hour > self.dear_usd_per_hour
        return float(min(self.window_s, self.dear_window_s) if is_dear else self.window_s)


@dataclass(frozen=True, slots=True)
class Idle:
    """What an installation does about idleness. `teams`: policies of their own, by team. `shadow_s`: so long after its
    beginning an installation only says what it would do. `exporter`: whether raygpu installs dcgm-exporter. `prometheus`:
    where range queries go, `http(s)://…` or `namespace/service:port` inside the cluster; empty: nowhere.
    `container_insights`: ask CloudWatch. `digest_channel`: where the weekly figures go; empty: nowhere."""

    policy: IdlePolicy = IdlePolicy()
    teams: Mapping[str, IdlePolicy] = field(default_factory=lambda: MappingProxyType({}))
    shadow_s: int = 14 * 24 * 3600
    actions_per_hour: int = 5
    exporter: bool = True
    prometheus: str = ""
    container_insights: bool = False
    digest_channel: str = ""

    def of(self, team: str) -> IdlePolicy:
        """The policy that holds for a team."""
        return self.teams.get(team, self.policy)


@dataclass(frozen=True, slots=True)
class Freeze:
    """The emergency brake: while it is pulled raygpu builds and deletes nothing, it only looks and tells."""

    by: str
    at: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """The configuration's rules. Times in seconds. `principals`: the IAM ARNs of a Slack user, let into his clusters.

    `groups`: members of each named group, as user ids (U…) and user-group ids (S…); `approvers` and `admins` are groups
    as well. `teams`: who may ask in the name of which team; empty: any team may be named. `approvals_channel`: where
    approvers are called, empty: in the thread of the card. `language`: that of cards. `operator`: the
    chart of KubeRay that is installed in every cluster; None: raygpu installs none. `freeze` is no configuration: it
    is how the emergency brake stands, put in by services.authority.
    """

    regions: tuple[str, ...] = ("us-west-2",)
    gpu_types: tuple[str, ...] = ("g4dn.xlarge", "g5.xlarge", "g5.2xlarge", "g5.12xlarge", "g6.xlarge", "g6e.xlarge")
    max_nodes: int = 8
    default_ttl_s: int = 8 * 3600
    max_ttl_s: int = 7 * 24 * 3600
    longest_life_s: int = 30 * 24 * 3600
    approvers: frozenset[str] = frozenset()
    admins: frozenset[str] = frozenset()
    principals: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    groups: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    teams: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    create: tuple[CreateRule, ...] = ()
    approval: tuple[ApprovalRule, ...] = ()
    quotas: Quotas = Quotas()
    budgets: Budgets = Budgets()
    approvals_channel: str = ""
    language: str = "en"
    idle: Idle = Idle()
    operator: OperatorChart | None = None
    freeze: Freeze | None = None
    halt: Freeze | None = None
    shadow_until: float = 0.0

    def members(self, group: str) -> frozenset[str]:
        """The user ids and user-group ids of a group by its name; empty for a name nobody defined."""
        named = {APPROVERS: self.approvers, ADMINS: self.admins}
        return self.groups.get(group, frozenset()) | named.get(group, frozenset())

    def is_in(self, actor: Actor, group: str) -> bool:
        """True when the person, or one of their user groups, stands in that group."""
        return bool(self.members(group) & ({actor.id} | actor.groups))

    def is_admin(self, actor: Actor) -> bool:
        """True for administrators."""
        return self.is_in(actor, ADMINS)

    @property
    def user_groups(self) -> frozenset[str]:
        """Every user group of Slack (S…) that any rule names: those whose members must be known."""
        named = [self.approvers, self.admins, *self.groups.values(), *self.teams.values()]
        named += [rule.who for rule in self.create]
        return frozenset(one for members in named for one in members if one.startswith("S"))
