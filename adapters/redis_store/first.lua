-- KEYS: 1 the key. ARGV: 1 operation, 2 ttl ms. The value names who came first, so the same call answers the same.
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return {1} end
return {redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0}
