-- What add, save and reindex share: a record's place in the indexes, beside its name and the sums of sums.lua.
-- KEYS: 1 records, 2 names, 3 live, 4 namesakes, 5 shares, 6 usage, 7 ledger, 8 indexed
-- ARGV: 1 id, 2 region, 3 live, 4 created at, 5 share

-- The name is the cluster's while it lives. Answers the holder's id when that is somebody else.
local function other_holder()
  local holder = ARGV[3] == '1' and redis.call('HGET', KEYS[2], ARGV[2])
  return holder and holder ~= ARGV[1] and holder or nil
end

-- Puts the record where it belongs, no matter where it stood: in the names, the living, the namesakes and the sums.
local function place(before, after)
  local id = ARGV[1]
  if ARGV[3] == '1' then
    redis.call('HSETNX', KEYS[2], ARGV[2], id)
    redis.call('SADD', KEYS[3], id)
  else
    if redis.call('HGET', KEYS[2], ARGV[2]) == id then redis.call('HDEL', KEYS[2], ARGV[2]) end
    redis.call('SREM', KEYS[3], id)
  end
  redis.call('ZADD', KEYS[4], ARGV[4], id)
  local sound = move(KEYS[6], before.usage, after.usage)
  sound = move(KEYS[7], before.ledger, after.ledger) and sound
  if ARGV[5] == '{}' then redis.call('HDEL', KEYS[5], id) else redis.call('HSET', KEYS[5], id, ARGV[5]) end
  -- Sums that cannot be right are counted anew before anybody trusts them again.
  if not sound then redis.call('DEL', KEYS[8]) end
end
