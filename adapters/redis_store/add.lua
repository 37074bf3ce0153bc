-- KEYS: 1-8 as in records.lua, 9 operation, 10 audit, 11 the cluster's own audit
-- ARGV: 1-5 as in records.lua, 6 reply ttl ms, 7 record, 8.. audit fields
local id = ARGV[1]
local kept = stored_reply(KEYS[9])
if kept then return {'repeated', kept[1], redis.call('HGET', KEYS[1], kept[1])} end
if redis.call('HEXISTS', KEYS[1], id) == 1 then return {'taken', id} end
local holder = other_holder()
if holder then return {'taken', holder} end
local before = share_of(redis.call('HGET', KEYS[5], id))
redis.call('HSET', KEYS[1], id, ARGV[7])
place(before, share_of(ARGV[5]))
write_audit(8, KEYS[10], KEYS[11])
store_reply(KEYS[9], ARGV[6], {id})
return {'done', id}
