-- KEYS: 1 beats, 2 what they said. ARGV: 1 name, 2 detail. Sent twice it is a beat a little later: the sender lives.
redis.call('ZADD', KEYS[1], now_ms(), ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return {1}
