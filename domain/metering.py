"""The bill of a cluster as its things write it: each from its real first second to its real last one, each second once.

A pass moves every meter on to what it knows. What it could not read it leaves behind, and a later pass catches up: so the
sums do not depend on how often, how late, or how many times over somebody looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from domain import savings
from domain.cluster import Cluster, GroupRow, Meter
from domain.money import HOURS_PER_MONTH, PriceList
from domain.naming import is_ours
from domain.observation import Absent, ControlPlane, Instance, NotLooked, SpotPrice, Unreadable
from domain.spending import Piece, paid

PLANE, INSTANCE, UNSEEN = "control-plane", "instance", "unseen"
DISK_GB = 20  # EKS's own default: for nodes of a group that raygpu did not make
LISTED_S = 50 * 60.0  # EC2 lists an instance for "about an hour" after its end; so long at least
VANISHED_S = 600.0  # an answer of EC2 may leave out for a moment what is there
HELD_S = 3600.0  # for so long a Spot price that nobody could tell may still come
BLIND_S = 6 * 3600.0  # from then on, time in which instances cannot be read is time whose price is unknown
GOING_S = 300.0  # so long it mostly takes a control plane to go
BLIND_END_S = 900.0  # a receipt that was not read to its end by more than that is not known
SETTLED_S = 1.0

Instances = tuple[Instance, ...] | Unreadable | NotLooked
Plane = ControlPlane | Absent | Unreadable | NotLooked


@dataclass(frozen=True, slots=True)
class SpotAsk:
    """A Spot instance whose price is needed from `since` on, in its own zone."""

    id: str
    zone: str
    instance_type: str
    since: float


@dataclass(frozen=True, slots=True)
class _Move:
    """A meter as it shall stand, and until when it is to be paid. `blind`: nobody can know what ran until then."""

    meter: Meter
    until: float
    blind: bool = False


@dataclass(frozen=True, slots=True)
class _Book:
    """What prices are told to one pass. `floor`: what ran before it was paid for already, or is not ours to count."""

    cluster: Cluster
    prices: PriceList
    spot: Mapping[str, tuple[SpotPrice, ...]]
    now: float
    floor: float


def metered(
    cluster: Cluster,
    instances: Instances,
    prices: PriceList,
    spot: Mapping[str, tuple[SpotPrice, ...]],
    plane: Plane,
    now: float,
) -> Cluster:
    """The record with its meters, days and sum moved on to `now`, as far as this pass knows them.

    `prices` of `types(cluster, instances)`; `spot`: by instance id, for each of `spot_asks`. `usd_per_hour_now` becomes
    what really runs. An adopted cluster, and one that was counted by its rate until now, goes on from `metered_at`.
    """
    complete = isinstance(instances, tuple) and isinstance(plane, ControlPlane | Absent)
    if not cluster.meters and cluster.metered_at and not complete:
        return cluster
    book = _Book(cluster, prices, spot, now, _floor(cluster))
    moves = [*_planes(book, plane), *_running(book, instances), *([] if complete else _unseen(book))]
    moved = {move.meter.id for move in moves}
    moves += [_Move(m, m.metered_to) for m in cluster.meters if m.id not in moved and m.kind != UNSEEN]
    settled = [_settled(book, move) for move in moves]
    after = paid(cluster, (piece for _, pieces in settled for piece in pieces))
    after = replace(after, meters=_remembered((meter for meter, _ in settled), instances, now))
    return replace(_complete(after, now) if complete else after, savings=savings.kept_up(after, now))


def closed(cluster: Cluster, now: float) -> Cluster:
    """The record at its end: what no pass could settle is time whose price is unknown. For the receipt, once."""
    ends = {meter.id: now if meter.ended is None else meter.ended for meter in cluster.meters}
    gaps = [Piece(m.metered_to, ends[m.id], None) for m in cluster.meters if ends[m.id] - m.metered_to > SETTLED_S]
    last, blind_to = (
        _last_complete(cluster),
        max((m.metered_to for m in cluster.meters if m.kind == UNSEEN), default=0.0),
    )
    if not gaps and last is not None and _was_built(cluster) and now - max(last, blind_to) > BLIND_END_S:
        gaps = [Piece(max(last, blind_to), now, None)]
    ended = tuple(replace(m, ended=ends[m.id], metered_to=ends[m.id]) for m in cluster.meters if m.kind != UNSEEN)
    return replace(paid(cluster, gaps), meters=ended, usd_per_hour_now=0.0)


def types(cluster: Cluster, instances: Instances) -> tuple[str, ...]:
    """The instance types whose prices a pass needs: those of the spec, and of whatever runs or ran."""
    kinds = [kind for group in cluster.spec.groups for kind in group.instance_types]
    kinds += [one.instance_type for one in instances] if isinstance(instances, tuple) else []
    kinds += [meter.instance_type for meter in cluster.meters if meter.instance_type]
    return tuple(dict.fromkeys(kinds))


def spot_asks(cluster: Cluster, instances: Instances) -> tuple[SpotAsk, ...]:
    """The Spot instances that are not paid for to their end, and since when."""
    known, floor = {meter.id: meter for meter in cluster.meters}, _floor(cluster)
    asks = []
    for one in instances if isinstance(instances, tuple) else ():
        meter = known.get(one.id)
        since = max(one.launched_at, floor) if meter is None else meter.metered_to
        end = one.ended_at if meter is None or meter.ended is None else meter.ended
        if one.spot and (end is None or since < end):
            asks.append(SpotAsk(one.id, one.zone, one.instance_type, since))
    return tuple(asks)


def forgotten(cluster: Cluster, instances: Instances) -> tuple[GroupRow, ...]:
    """The rows of the groups (for their `asg_name`) that may tell when an instance ended of which EC2 does not say it."""
    if not isinstance(instances, tuple):
        return ()
    groups = {meter.group for meter in _untold(cluster, instances)}
    return tuple(row for row in cluster.group_rows if row.name in groups and row.asg_name)


def recalled(cluster: Cluster, instances: tuple[Instance, ...], endings: Mapping[str, float]) -> tuple[Instance, ...]:
    """The instances, with those of `forgotten` ended when their Auto Scaling group says that it ended them."""
    gone = tuple(
        Instance(m.id, m.group, m.instance_type, m.zone, "terminated", m.began, endings[m.id], m.spot)
        for m in _untold(cluster, instances)
        if m.id in endings
    )
    told = {one.id for one in gone}
    return (*(one for one in instances if one.id not in told), *gone)


def _untold(cluster: Cluster, instances: tuple[Instance, ...]) -> tuple[Meter, ...]:
    """The open meters of instances that are not listed any more, or listed as over without a time."""
    clear = {one.id for one in instances if not one.is_over or one.ended_at is not None}
    return tuple(meter for meter in _open(cluster) if meter.id not in clear)


def _floor(cluster: Cluster) -> float:
    """Before the first meter of a record: until when another count has paid for it, or nobody will."""
    return 0.0 if cluster.meters else cluster.metered_at


def _open(cluster: Cluster) -> Iterator[Meter]:
    return (meter for meter in cluster.meters if meter.kind == INSTANCE and meter.ended is None)


def _was_built(cluster: Cluster) -> bool:
    return bool(cluster.group_rows) or any(meter.kind == INSTANCE for meter in cluster.meters)


def _last_complete(cluster: Cluster) -> float | None:
    """When everything was read last; the beginning of the first thing where it never was."""
    began = [meter.began for meter in cluster.meters if meter.kind != UNSEEN]
    return cluster.metered_at or min(began, default=None)


def _complete(cluster: Cluster, now: float) -> Cluster:
    """After a pass that read everything: the rate of what runs. Before the first thing runs, nothing is counted from."""
    rates = [meter.usd_per_hour for meter in cluster.meters if meter.ended is None]
    known = [rate for rate in rates if rate is not None]
    rate = sum(known) if len(known) == len(rates) else None
    metered_at = max(now, cluster.metered_at) if cluster.meters else cluster.metered_at
    return replace(cluster, metered_at=metered_at, usd_per_hour_now=rate)


def _planes(book: _Book, plane: Plane) -> Iterator[_Move]:
    """The control plane that stands, and one that stood before: gone when this pass says so."""
    if not isinstance(plane, ControlPlane | Absent):
        return
    ours = plane if isinstance(plane, ControlPlane) and is_ours(book.cluster, plane) else None
    name = "" if ours is None else f"{PLANE}/{int(ours.created_at)}"
    known = {meter.id: meter for meter in book.cluster.meters if meter.kind == PLANE}
    for meter in known.values():
        if meter.id != name and meter.ended is None:
            end = _plane_end(book, meter)
            yield _Move(replace(meter, ended=end), end)
    if ours is not None:
        began = ours.created_at or book.now
        fresh = Meter(name, PLANE, began, max(began, book.floor), None)
        yield _Move(replace(known.get(name, fresh), ended=None), book.now)


def _plane_end(book: _Book, meter: Meter) -> float:
    """AWS keeps no record of when it went. Out of sight on its way out, it is taken to have gone as they mostly do."""
    leaving = book.cluster.deletion is not None and not any(_open(book.cluster))
    end = min(book.now, meter.metered_to + GOING_S) if leaving else book.now
    return max(end, meter.metered_to)


def _running(book: _Book, instances: Instances) -> Iterator[_Move]:
    """Every instance that EC2 lists, and those it ought to list."""
    if not isinstance(instances, tuple):
        return
    known = {meter.id: meter for meter in book.cluster.meters}
    listed = {one.id: one for one in instances}
    for one in listed.values():
        meter = _meter(book, one, known.get(one.id))
        yield _Move(meter, book.now if meter.ended is None else meter.ended)
    for meter in _open(book.cluster):
        if meter.id not in listed and book.now - meter.metered_to > VANISHED_S:
            # It ended after the last look, and so long ago that EC2 forgot it: in between nobody knows.
            end = max(meter.metered_to, book.now - LISTED_S)
            yield _Move(replace(meter, ended=end), end, blind=True)


def _meter(book: _Book, one: Instance, known: Meter | None) -> Meter:
    """The meter of an instance that is listed. What has ended once has ended, unless it was started anew."""
    if known is None or (known.ended is not None and one.launched_at > known.ended):
        start = max(one.launched_at, book.floor)
        fresh = Meter(one.id, INSTANCE, one.launched_at, start, None)
        known = replace(fresh, group=one.group, instance_type=one.instance_type, zone=one.zone, spot=one.spot)
    # Nobody says when: it is seen ended now.
    ended = book.now if one.is_over and one.ended_at is None else one.ended_at
    # By our clock it may not have ended yet: a later pass pays for the rest.
    return known if known.ended is not None or ended is None or ended > book.now else replace(known, ended=ended)


def _unseen(book: _Book) -> Iterator[_Move]:
    """Not all could be read. What may run unseen is caught up with later; for long enough, it is unknown."""
    last = _last_complete(book.cluster)
    if last is None or not _was_built(book.cluster) or book.now - last <= BLIND_S:
        return
    fresh = Meter(UNSEEN, UNSEEN, last, last + BLIND_S, None)
    yield _Move(next((meter for meter in book.cluster.meters if meter.kind == UNSEEN), fresh), book.now, blind=True)


def _settled(book: _Book, move: _Move) -> tuple[Meter, tuple[Piece, ...]]:
    """The meter after the move, and the pieces of time that were paid. What is paid already is not paid again."""
    meter, start = move.meter, move.meter.metered_to
    if move.until <= start:
        return meter, ()
    pieces = (Piece(start, move.until, None),) if move.blind else tuple(_priced(book, meter, move.until))
    rated = replace(meter, usd_per_hour=pieces[-1].rate)
    if meter.spot and not move.blind and book.now - start < HELD_S and any(piece.rate is None for piece in pieces):
        return rated, ()  # the price may come with the next pass
    return replace(rated, metered_to=move.until), pieces


def _priced(book: _Book, meter: Meter, end: float) -> Iterator[Piece]:
    """The time from `metered_to` to `end`, cut where the price changed."""
    start = meter.metered_to
    if meter.kind == PLANE:
        yield Piece(start, end, book.prices.control_plane.usd)
        return
    price = book.prices.of(meter.instance_type)
    listed = Piece(start, end, None if price is None else price.usd)
    disk = _disk(book, meter)
    for piece in _spot_pieces(book.spot.get(meter.id, ()), start, end) if meter.spot else (listed,):
        yield replace(piece, rate=None if piece.rate is None or disk is None else piece.rate + disk)


def _disk(book: _Book, meter: Meter) -> float | None:
    """USD an hour of the node's gp3 volume, which lives as long as its instance."""
    group = next((group for group in book.cluster.spec.groups if group.name == meter.group), None)
    usd = book.prices.storage.usd
    return None if usd is None else usd * (DISK_GB if group is None else group.disk_gb) / HOURS_PER_MONTH


def _spot_pieces(history: Iterable[SpotPrice], start: float, end: float) -> Iterator[Piece]:
    """The time from `start` to `end`, cut where the price changed; unknown before the first price that is known."""
    rate: float | None = None
    for price in sorted(history, key=lambda one: one.at):
        if price.at >= end:
            break
        if price.at > start:
            yield Piece(start, price.at, rate)
            start = price.at
        rate = price.usd
    yield Piece(start, end, rate)


def _remembered(meters: Iterable[Meter], instances: Instances, now: float) -> tuple[Meter, ...]:
    """Without instances that ended so long ago that EC2 will not list them again."""
    listed = {one.id for one in instances} if isinstance(instances, tuple) else set()
    kept = [
        meter
        for meter in meters
        if meter.kind != INSTANCE
        or meter.ended is None
        or meter.id in listed
        or meter.metered_to < meter.ended
        or now - meter.ended < 2 * HELD_S
    ]
    return tuple(sorted(kept, key=lambda meter: (meter.kind, meter.began, meter.id)))
