-- KEYS: 1 due. ARGV: 1 limit. An expired lease is a due time that has come: it is found here like any other.
return redis.call('ZRANGE', KEYS[1], '-inf', now_ms(), 'BYSCORE', 'LIMIT', 0, ARGV[1])
