-- KEYS: 1 operation, 2 errand. ARGV: 1 reply ttl ms, 2 ttl ms, 3 errand. Resent late, it must not come back once taken.
local kept = stored_reply(KEYS[1])
if kept then return kept end
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[2])
return store_reply(KEYS[1], ARGV[1], {1})
