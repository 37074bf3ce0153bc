-- KEYS: 1 the beginning. ARGV: 1 now. Who asks first lays it, for ever; asked again it answers the same.
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return {redis.call('GET', KEYS[1])}
