"""Redis as the house uses it: the records, the due set with its leases, the state of cards, and "first come".

Every transition is one Lua call that may be sent twice: redis-py resends a write whose reply was lost.
"""

from adapters.redis_store.cards import RedisCardStates
from adapters.redis_store.client import Role, StoreFacts, connect, facts
from adapters.redis_store.clusters import RedisClusters
from adapters.redis_store.due import RedisDueSet
from adapters.redis_store.once import RedisOnce

__all__ = [
    "RedisCardStates",
    "RedisClusters",
    "RedisDueSet",
    "RedisOnce",
    "Role",
    "StoreFacts",
    "connect",
    "facts",
]
