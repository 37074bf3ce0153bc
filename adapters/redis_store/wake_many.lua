-- KEYS: 1 operation, 2 due, 3 leases, 4 wakes. ARGV: 1 reply ttl ms, 2.. ids. Each as in `wake`, without delay.
local kept = stored_reply(KEYS[1])
if kept then return kept end
local at = now_ms()
for number = 2, #ARGV do
  local id = ARGV[number]
  if redis.call('HEXISTS', KEYS[3], id) == 1 then
    local before = tonumber(redis.call('HGET', KEYS[4], id))
    if not before or before > at then redis.call('HSET', KEYS[4], id, at) end
  else
    redis.call('ZADD', KEYS[2], 'LT', at, id)
  end
end
return store_reply(KEYS[1], ARGV[1], {1})
