"""The indexes over the records (who lives, who bore which name, the sums) and how they are made anew from the records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import structlog
from redis import Redis

from adapters.redis_store.client import door
from adapters.redis_store.reader import RecordReader, text
from adapters.redis_store.scripts import (
    INDEXED,
    LEDGER,
    LIVE,
    PREFIX,
    QUARANTINE,
    RECORDS,
    SHARES,
    USAGE,
    Argument,
    Script,
)
from adapters.redis_store.shares import Measures
from domain.cluster import Cluster
from domain.errors import OutsideError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many records the indexes were made from, and how much of the indexes was wrong before: 0 when all was right."""

    records: int
    corrected: int


class RecordIndex:
    """The indexes of one Redis."""

    def __init__(self, client: Redis, measures: Measures, reader: RecordReader) -> None:
        self._client = client
        self._measures = measures
        self._reader = reader
        self._reindex = Script(client, "reindex")
        self._recount = Script(client, "recount")

    def live_ids(self) -> list[str]:
        """The ids of the living. Where the index was lost, or was never made, it is made first.

        Where that cannot be done (a full server still reads) it is every id: who asks looks at the records in any case.
        """
        whole, ids = self._living()
        if not whole:
            try:
                self.rebuild()
            except OutsideError as error:
                log.warning("no index of the living, so every record is read", reason=error.reason)
                return self._reader.ids()
            _, ids = self._living()
        return sorted(text(member) for member in ids)

    def holders(self, region: str | None, name: str) -> list[str]:
        """The ids of the clusters that hold the name, in that region or by region."""
        with door():
            holders = cast("dict[bytes, bytes]", self._client.hgetall(names_key(name)))
        return [text(holder) for place, holder in sorted(holders.items()) if region in (None, text(place))]

    def namesakes(self, name: str) -> list[str]:
        """The ids of all clusters that ever bore the name, the newest request first."""
        with door():
            return [text(member) for member in cast("list[bytes]", self._client.zrevrange(namesakes_key(name), 0, -1))]

    def rebuild(self) -> Rebuilt:
        """Every record put in its place again, page by page, then the sums counted anew.

        May run at any time, beside everything else, and more than once.
        """
        records = corrected = 0
        for page in self._reader.pages(self._reader.ids()):
            replies = self._reindex.many([(index_keys(c), [*self.place(c), raw]) for c, raw in page])
            records += len(page)
            for (cluster, _), (wrong, *holder) in zip(page, replies, strict=True):
                corrected += int(wrong)
                if holder and holder[0] is not None:
                    log.error("two live clusters bear one name", cluster=cluster.id, holder=text(holder[0]))
        (wrong,) = self._recount([RECORDS, QUARANTINE, LIVE, SHARES, USAGE, LEDGER, INDEXED], [])
        corrected += int(wrong)
        log.info("indexes rebuilt", records=records, corrected=corrected)
        return Rebuilt(records, corrected)

    def _living(self) -> tuple[int, set[bytes]]:
        with door(), self._client.pipeline() as pipe:
            pipe.exists(INDEXED)
            pipe.smembers(LIVE)
            whole, ids = pipe.execute()
        return whole, ids

    def place(self, cluster: Cluster) -> list[Argument]:
        """The arguments by which a script knows the place of a record."""
        live, share = int(self._measures.is_live(cluster)), self._measures.share(cluster).as_json()
        return [cluster.id, cluster.spec.region, live, cluster.created_at, share]


def index_keys(cluster: Cluster) -> list[str]:
    """The keys that a record's place depends on."""
    name = cluster.spec.name
    return [RECORDS, names_key(name), LIVE, namesakes_key(name), SHARES, USAGE, LEDGER, INDEXED]


def names_key(name: str) -> str:
    """The hash region -> id of those who hold that name."""
    return f"{PREFIX}name:{name}"


def namesakes_key(name: str) -> str:
    """The sorted set of ids, by the time of the request, of all that ever had that name."""
    return f"{PREFIX}namesakes:{name}"
