-- KEYS: 1 operation, 2 due, 3 leases, 4 wakes. ARGV: 1 reply ttl ms, 2 id, 3 delay ms
local kept = stored_reply(KEYS[1])
if kept then return kept end
local id, now = ARGV[2], now_ms()
local at = now + tonumber(ARGV[3])
local score = redis.call('ZSCORE', KEYS[2], id)
if score and tonumber(score) > now and redis.call('HEXISTS', KEYS[3], id) == 1 then
  -- Somebody works on it: the score is the end of their lease. The earliest wish waits until they end.
  local before = redis.call('HGET', KEYS[4], id)
  if not before or tonumber(before) > at then redis.call('HSET', KEYS[4], id, at) end
else
  redis.call('ZADD', KEYS[2], 'LT', at, id)
end
return store_reply(KEYS[1], ARGV[1], {1})
