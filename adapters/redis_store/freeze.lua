-- KEYS: 1 operation, 2 freeze or halt, 3 audit. ARGV: 1 reply ttl ms, 2 its state or '', 3.. audit fields
if stored_reply(KEYS[1]) then return {0} end
if ARGV[2] == '' then redis.call('DEL', KEYS[2]) else redis.call('SET', KEYS[2], ARGV[2]) end
write_audit(3, KEYS[3])
return store_reply(KEYS[1], ARGV[1], {1})
