-- KEYS: 1 operation, 2 due, 3 leases, 4 wakes, 5 epochs, 6 attempts. ARGV: 1 reply ttl ms, 2 id, 3 owner, 4 lease ms
-- A lease is a due time in the future, so it ends by itself and needs no sweeper.
local kept = stored_reply(KEYS[1])
if kept then return kept end
local id, now = ARGV[2], now_ms()
local score = redis.call('ZSCORE', KEYS[2], id)
if not score or tonumber(score) > now then return {0} end
local epoch = redis.call('HINCRBY', KEYS[5], id, 1)
local attempts = redis.call('HINCRBY', KEYS[6], id, 1)
redis.call('HSET', KEYS[3], id, string.format('%s|%d', ARGV[3], epoch))
redis.call('ZADD', KEYS[2], now + tonumber(ARGV[4]), id)
-- A wake left by a dead owner: this visit reads everything afresh and so answers it, unless it is for later.
local wish = redis.call('HGET', KEYS[4], id)
if wish and tonumber(wish) <= now then redis.call('HDEL', KEYS[4], id) end
return store_reply(KEYS[1], ARGV[1], {1, epoch, attempts})
