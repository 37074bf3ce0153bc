-- KEYS: 1 records, 2 quarantine, 3 live, 4 shares, 5 usage, 6 ledger, 7 indexed
-- The sums anew from the shares, in one call, so that no change can fall in between. Answers how much was wrong.
-- What belongs to a record in quarantine stays: it cannot be read, and so it is not known to have ended.
local function known(id)
  return redis.call('HEXISTS', KEYS[1], id) == 1 or redis.call('HEXISTS', KEYS[2], id) == 1
end

local wrong, usage, ledger = 0, {}, {}
local shares = redis.call('HGETALL', KEYS[4])
for n = 1, #shares, 2 do
  if known(shares[n]) then
    local share = share_of(shares[n + 1])
    for field, amount in pairs(share.usage) do usage[field] = (usage[field] or 0) + amount end
    for field, amount in pairs(share.ledger) do ledger[field] = (ledger[field] or 0) + amount end
  else
    redis.call('HDEL', KEYS[4], shares[n])
    wrong = wrong + 1
  end
end
for _, id in ipairs(redis.call('SMEMBERS', KEYS[3])) do
  if not known(id) then wrong = wrong + redis.call('SREM', KEYS[3], id) end
end

local function put(key, sums)
  local stands = redis.call('HGETALL', key)
  for n = 1, #stands, 2 do
    if not sums[stands[n]] then wrong = wrong + redis.call('HDEL', key, stands[n]) end
  end
  for field, amount in pairs(sums) do
    local text = string.format('%.0f', amount)
    if redis.call('HGET', key, field) ~= text then
      redis.call('HSET', key, field, text)
      wrong = wrong + 1
    end
  end
end
put(KEYS[5], usage)
put(KEYS[6], ledger)
redis.call('SET', KEYS[7], 1)
return {wrong}
