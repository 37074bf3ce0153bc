"""The use case of asking for a cluster: check the words, ask the policy, write one durable request, wake the worker."""

from __future__ import annotations

from dataclasses import dataclass, replace

from domain import policy
from domain.cluster import Cluster
from domain.errors import Refused, Taken
from domain.lifecycle import phase
from domain.money import Quote, quote
from domain.policy import Act, Actor, Rules
from domain.request import CreateOptions, to_spec
from domain.spec import ClusterSpec, cpu_group
from services.ports import AuditEntry, Catalogue, Clock, Clusters, Identifiers, Prices
from services.waker import Waker


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
        rules: Rules,
    ) -> None:
        self._clusters = clusters
        self._waker = waker
        self._catalogue = catalogue
        self._prices = prices
        self._ids = ids
        self._clock = clock
        self._rules = rules

    def create(self, options: CreateOptions, asked: Asked) -> Cluster:
        """The new request, stored; raises Refused with the field at fault. The same operation answers the same."""
        now = self._clock.now()
        suffix = self._ids.suffix()
        spec = self._spec(options, asked.actor, suffix)
        verdict = policy.decide(asked.actor, Act.CREATE, None, self._rules, now)
        if not verdict.allowed:
            raise Refused(verdict.reason, verdict.message)
        cluster = Cluster(f"{spec.name}-{suffix}", spec, asked.actor.id, asked.channel, now, quote=self._quote(spec))
        audit = AuditEntry(asked.actor.id, Act.CREATE, cluster.id, asked.via, now, spec.digest)
        try:
            stored = self._clusters.add(cluster, asked.operation, audit)
        except Taken as taken:
            raise Refused("NameTaken", self._taken(spec), "name") from taken
        self._waker.wake(stored.id)
        return stored

    def plan(self, options: CreateOptions, asked: Asked) -> tuple[ClusterSpec, Quote]:
        """What a create with these options would build and cost; changes nothing."""
        spec = self._spec(options, asked.actor, self._ids.suffix())
        return spec, self._quote(spec)

    def offers(self, region: str) -> tuple[Offer, ...]:
        """What may be asked for, cheapest first, unknown prices last."""
        known = self._catalogue.instance_types()
        kinds = tuple(k for k in self._rules.gpu_types if k in known)
        prices = self._prices.at_hand(region, kinds)
        offers = []
        for kind in kinds:
            price = prices.of(kind)
            offers.append(Offer(kind, known[kind].gpus, known[kind].gpu_model, price.usd if price else None))
        return tuple(sorted(offers, key=lambda o: (o.usd_per_hour is None, o.usd_per_hour or 0.0)))

    def refresh_prices(self) -> None:
        """Reads the live prices of everything that may be asked for, so that they are at hand when somebody asks."""
        kinds = (*self._rules.gpu_types, *cpu_group().instance_types)
        for region in self._rules.regions:
            self._prices.look_up(region, kinds, None)

    def _spec(self, options: CreateOptions, actor: Actor, suffix: str) -> ClusterSpec:
        named = options if options.name else replace(options, name=f"ray-{suffix}")
        return to_spec(named, actor, self._rules, self._catalogue.instance_types())

    def _quote(self, spec: ClusterSpec) -> Quote:
        kinds = tuple(dict.fromkeys(kind for group in spec.groups for kind in group.instance_types))
        return quote(spec, self._prices.at_hand(spec.region, kinds))

    def _taken(self, spec: ClusterSpec) -> str:
        holder = next(iter(self._clusters.by_name(spec.region, spec.name)), None)
        if holder is None:
            return f"The name {spec.name} was taken a moment ago; try again."
        return (
            f"{spec.name} exists already in {spec.region}: {phase(holder).lower()}, owned by <@{holder.spec.owner}>. "
            "Choose another name, or look at it with `/raygpu status " + spec.name + "`."
        )
