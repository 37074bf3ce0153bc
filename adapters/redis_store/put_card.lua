-- KEYS: 1 operation, 2 cards. ARGV: 1 reply ttl ms, 2 id, 3 state. Resent late, it must not undo a newer state.
local kept = stored_reply(KEYS[1])
if kept then return kept end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
return store_reply(KEYS[1], ARGV[1], {1})
