-- KEYS: 1 operation, 2 due, 3 leases, 4 wakes. ARGV: 1 reply ttl ms, 2 id, 3 delay ms
local kept = stored_reply(KEYS[1])
if kept then return kept end
local id = ARGV[2]
local at = now_ms() + tonumber(ARGV[3])
if redis.call('HEXISTS', KEYS[3], id) == 1 then
  -- Somebody works on it and the score is the end of their lease: the earliest wish waits until they end, or die.
  -- Also when that end has passed: a slow owner may still say "done", and must not take the wish away with it.
  local before = tonumber(redis.call('HGET', KEYS[4], id))
  if not before or before > at then redis.call('HSET', KEYS[4], id, at) end
else
  redis.call('ZADD', KEYS[2], 'LT', at, id)
end
return store_reply(KEYS[1], ARGV[1], {1})
