-- KEYS: 1 operation, 2 due, 3 leases, 4 wakes, 5 attempts
-- ARGV: 1 reply ttl ms, 2 id, 3 lease, 4 again in ms or -1, 5 succeeded
local kept = stored_reply(KEYS[1])
if kept then return kept end
local id, again = ARGV[2], tonumber(ARGV[4])
if redis.call('HGET', KEYS[3], id) ~= ARGV[3] then return {0} end
local at = again >= 0 and now_ms() + again or nil
local wish = tonumber(redis.call('HGET', KEYS[4], id))
if wish and (not at or wish < at) then at = wish end
redis.call('HDEL', KEYS[3], id)
redis.call('HDEL', KEYS[4], id)
if ARGV[5] == '1' then redis.call('HDEL', KEYS[5], id) end
if at then redis.call('ZADD', KEYS[2], at, id) else redis.call('ZREM', KEYS[2], id) end
return store_reply(KEYS[1], ARGV[1], {1})
