"""The use case of asking for a cluster: check the words, ask the policy, write one durable request, wake the worker."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from domain import approvals, outline
from domain.cluster import BudgetLine, Cluster, Requirement
from domain.errors import OutsideError, Refused, Taken
from domain.money import Quote, quote
from domain.policy import Act, Wanted
from domain.request import CreateOptions, to_spec
from domain.rules import Actor, Rules
from domain.spec import ClusterSpec, cpu_group
from domain.words import say
from services.authority import Authority
from services.ports import Accounts, AuditEntry, Catalogue, Clock, Clusters, Identifiers, Prices
from services.treasury import Treasury
from services.voters import nobody_words
from services.waker import Waker

RACES = 8  # compare-and-set rounds; a round is lost only to another writer who moved on, so few suffice


@dataclass(frozen=True, slots=True)
class Asked:
    """How a request came to us. `operation` is the same for a repeated delivery of the same request."""

    actor: Actor
    operation: str
    via: str
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """A GPU instance type one may ask for. `usd_per_hour` is the node's list price in that region, None: unknown."""

    instance_type: str
    gpus: int
    gpu_model: str
    usd_per_hour: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a create would come to. `calls`: what would be called, one sentence each, in the order of the first call."""

    spec: ClusterSpec
    quote: Quote
    budget: tuple[BudgetLine, ...]
    requirements: tuple[Requirement, ...]
    calls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a form that is being filled in would come to, as far as that is known. `fault`: what create would refuse."""

    quote: Quote | None = None
    budget: tuple[BudgetLine, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    fault: Refused | None = None


class Requests:
    """Takes requests. Nothing here waits for AWS: prices are those at hand, the worker reads the live ones."""

    def __init__(  # noqa: PLR0913 - one use case, all its ports by name
        self,
        *,
        clusters: Clusters,
        waker: Waker,
        catalogue: Catalogue,
        prices: Prices,
        ids: Identifiers,
        clock: Clock,
        authority: Authority,
        accounts: Accounts,
    ) -> None:
        self._clusters = clusters
        self._waker = waker
        self._catalogue = catalogue
        self._prices = prices
        self._ids = ids
        self._clock = clock
        self._authority = authority
        self._treasury = Treasury(clusters, accounts)

    def create(self, options: CreateOptions, asked: Asked) -> Cluster:
        """The new request, stored; raises Refused with the field at fault. The same operation answers the same."""
        self._authority.allow(asked.actor, Act.CREATE)
        rules, now, suffix = self._authority.rules(), self._clock.now(), self._ids.suffix()
        spec = self._spec(options, asked.actor, rules, suffix)
        self._authority.allow(asked.actor, Act.CREATE, Wanted(spec, asked.channel))
        cost = self._quote(spec)
        self._treasury.check(spec, cost, rules, now)
        budget, needs = self._needs(spec, cost, rules, now)
        cluster = Cluster(
            f"{spec.name}-{suffix}", spec, asked.actor.id, asked.channel, now, cost, requirements=needs, budget=budget
        )
        _refuse_hopeless(cluster, rules)
        audit = AuditEntry(asked.actor.id, Act.CREATE, cluster.id, asked.via, now, cluster.digest)
        try:
            stored = self._clusters.add(cluster, asked.operation, audit)
        except Taken as taken:
            raise Refused("NameTaken", self._taken(spec), "name") from taken
        self._waker.wake(stored.id)
        return stored

    def plan(self, options: CreateOptions, asked: Asked) -> Plan:
        """What a create with these options would build, need and cost; changes nothing. Raises Refused as create does."""
        self._authority.allow(asked.actor, Act.CREATE)
        rules, now = self._authority.rules(), self._clock.now()
        spec = self._spec(options, asked.actor, rules, self._ids.suffix())
        self._authority.allow(asked.actor, Act.CREATE, Wanted(spec, asked.channel))
        cost = self._quote(spec)
        self._treasury.check(spec, cost, rules, now)
        budget, needs = self._needs(spec, cost, rules, now)
        return Plan(spec, cost, budget, needs, outline.calls(spec, rules))

    def preview(self, options: CreateOptions, asked: Asked) -> Preview:
        """The same for a form that is not filled in yet: never raises; what is at fault is said beside the price.

        A field at fault counts as empty, so that a name half typed does not take the price off the form.
        """
        try:
            self._authority.allow(asked.actor, Act.CREATE)
            rules, now = self._authority.rules(), self._clock.now()
            spec, fault = self._mended(options, asked.actor, rules)
            if spec is None:
                return Preview(fault=fault)
            cost = self._quote(spec)
            fault = fault or self._fault(spec, cost, asked, rules)
            return Preview(cost, *self._needs(spec, cost, rules, now), fault)
        except Refused as refused:
            return Preview(fault=refused)
        except OutsideError as down:
            return Preview(fault=Refused(down.reason, say("What this would cost cannot be worked out right now.")))

    def offers(self, region: str) -> tuple[Offer, ...]:
        """What may be asked for, cheapest first, unknown prices last. A price list: nobody asks, nothing is anybody's."""
        known = self._catalogue.instance_types()
        kinds = tuple(k for k in self._authority.rules().gpu_types if k in known)
        prices = self._prices.at_hand(region, kinds)
        offers = []
        for kind in kinds:
            price = prices.of(kind)
            offers.append(Offer(kind, known[kind].gpus, known[kind].gpu_model, price.usd if price else None))
        return tuple(sorted(offers, key=lambda o: (o.usd_per_hour is None, o.usd_per_hour or 0.0)))

    def refresh_prices(self) -> None:
        """Reads the live prices of everything that may be asked for, so that they are at hand when somebody asks."""
        rules = self._authority.rules()
        kinds = (*rules.gpu_types, *cpu_group().instance_types)
        for region in rules.regions:
            self._prices.look_up(region, kinds, None)

    def _spec(self, options: CreateOptions, actor: Actor, rules: Rules, suffix: str) -> ClusterSpec:
        named = options if options.name else replace(options, name=f"ray-{suffix}")
        return to_spec(named, actor, rules, self._catalogue.instance_types())

    def _mended(self, options: CreateOptions, actor: Actor, rules: Rules) -> tuple[ClusterSpec | None, Refused | None]:
        """The spec with every field at fault left empty, and the first fault; None where emptying does not help."""
        first: Refused | None = None
        for _ in range(len(CreateOptions.__slots__)):
            try:
                return self._spec(options, actor, rules, "draft"), first
            except Refused as refused:
                first = first or refused
                field = refused.field or ""
                if not isinstance(getattr(options, field, None), str) or not getattr(options, field):
                    break
                options = CreateOptions(**{**asdict(options), field: ""})
        return None, first

    def _fault(self, spec: ClusterSpec, cost: Quote, asked: Asked, rules: Rules) -> Refused | None:
        try:
            self._authority.allow(asked.actor, Act.CREATE, Wanted(spec, asked.channel))
            self._treasury.check(spec, cost, rules, self._clock.now())
        except Refused as refused:
            return refused
        return None

    def _needs(
        self, spec: ClusterSpec, cost: Quote, rules: Rules, now: float
    ) -> tuple[tuple[BudgetLine, ...], tuple[Requirement, ...]]:
        budget = self._treasury.lines(spec, cost, rules, now)
        return budget, approvals.requirements(spec, cost, budget, rules)

    def _quote(self, spec: ClusterSpec) -> Quote:
        kinds = tuple(dict.fromkeys(kind for group in spec.groups for kind in group.instance_types))
        return quote(spec, self._prices.at_hand(spec.region, kinds))

    def _taken(self, spec: ClusterSpec) -> str:
        holder = next(iter(self._clusters.by_name(spec.region, spec.name)), None)
        if holder is None:
            return say("The name {name} was taken a moment ago; try again.", name=spec.name)
        return say(
            "{name} exists already in {region}, owned by <@{owner}>. Choose another name, or look at it with "
            "`/raygpu status {name}`.",
            name=spec.name,
            region=spec.region,
            owner=holder.spec.owner,
        )


def _refuse_hopeless(cluster: Cluster, rules: Rules) -> None:
    """Raises Refused where nobody could ever approve; a group with user groups of Slack in it is judged by the worker."""
    pool = approvals.pool(cluster, rules, {})
    stuck = [need for need in approvals.nobody(cluster, pool) if not rules.members(need.group) & rules.user_groups]
    if stuck:
        raise Refused("NobodyCanApprove", nobody_words(stuck[0], len(pool[stuck[0].group])))
