-- KEYS: 1 operation, 2 errand. ARGV: 1 reply ttl ms. Handed out once, and to whom it was handed again when he asks again.
local kept = stored_reply(KEYS[1])
if kept then return kept end
local errand = redis.call('GETDEL', KEYS[2])
if not errand then return {} end
return store_reply(KEYS[1], ARGV[1], {errand})
