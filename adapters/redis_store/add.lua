-- KEYS: 1 operation, 2 records, 3 names, 4 audit
-- ARGV: 1 reply ttl ms, 2 id, 3 record, 4 region, 5 live, 6.. audit fields
local kept = stored_reply(KEYS[1])
if kept then return {'repeated', kept[1], redis.call('HGET', KEYS[2], kept[1])} end
local id = ARGV[2]
if redis.call('HEXISTS', KEYS[2], id) == 1 then return {'taken', id} end
local holder = reserve(KEYS[3], ARGV[4], id, ARGV[5])
if holder then return {'taken', holder} end
redis.call('HSET', KEYS[2], id, ARGV[3])
write_audit(KEYS[4], 6)
store_reply(KEYS[1], ARGV[1], {id})
return {'done', id}
