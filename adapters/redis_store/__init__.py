"""Redis as the house uses it: the records and their sums, the due set with its leases, the audit, and small state.

Every transition is one Lua call that may be sent twice: redis-py resends a write whose reply was lost.
"""

from adapters.redis_store.accounts import RedisAccounts
from adapters.redis_store.allowances import RedisAllowances
from adapters.redis_store.beats import RedisBeats
from adapters.redis_store.cards import RedisCardStates
from adapters.redis_store.client import Role, ServerFacts, connect, facts
from adapters.redis_store.clusters import RedisClusters
from adapters.redis_store.due import RedisDueSet
from adapters.redis_store.errands import RedisErrands
from adapters.redis_store.index import Rebuilt
from adapters.redis_store.once import RedisOnce
from adapters.redis_store.shares import Measures
from adapters.redis_store.store_facts import RedisStoreFacts
from adapters.redis_store.switches import RedisSwitches
from adapters.redis_store.trail import RedisTrail

__all__ = [
    "Measures",
    "Rebuilt",
    "RedisAccounts",
    "RedisAllowances",
    "RedisBeats",
    "RedisCardStates",
    "RedisClusters",
    "RedisDueSet",
    "RedisErrands",
    "RedisOnce",
    "RedisStoreFacts",
    "RedisSwitches",
    "RedisTrail",
    "Role",
    "ServerFacts",
    "connect",
    "facts",
]
