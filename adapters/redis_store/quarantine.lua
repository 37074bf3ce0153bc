-- KEYS: 1 records, 2 quarantine. ARGV: 1 id, 2 what could not be read. Moves that very value, never a repaired one.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
