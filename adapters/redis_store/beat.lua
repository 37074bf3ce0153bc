-- KEYS: 1 operation, 2 due, 3 leases. ARGV: 1 reply ttl ms, 2 id, 3 lease, 4 lease ms
local kept = stored_reply(KEYS[1])
if kept then return kept end
if redis.call('HGET', KEYS[3], ARGV[2]) ~= ARGV[3] then return {0} end
redis.call('ZADD', KEYS[2], now_ms() + tonumber(ARGV[4]), ARGV[2])
return store_reply(KEYS[1], ARGV[1], {1})
