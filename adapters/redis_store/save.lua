-- KEYS: 1-8 as in records.lua, 9 operation, 10 audit, 11 the cluster's own audit, 12 leases
-- ARGV: 1-5 as in records.lua, 6 reply ttl ms, 7 record, 8 schema, 9 version it replaces, 10 lease or '', 11 limits,
-- 12.. audit fields
local id, base = ARGV[1], tonumber(ARGV[9])
local kept = stored_reply(KEYS[9])
if kept then
  -- The same words about another version are another change: answering "done" would lose it in silence.
  if kept[1] ~= base then return {'reused'} end
  return {'repeated', id, redis.call('HGET', KEYS[1], id)}
end
if ARGV[10] ~= '' and redis.call('HGET', KEYS[12], id) ~= ARGV[10] then return {'fenced'} end
local raw = redis.call('HGET', KEYS[1], id)
if not raw then return {'gone'} end
local readable, stored = pcall(cjson.decode, raw)
if not readable or type(stored) ~= 'table' or type(stored.record) ~= 'table' then return {'unreadable'} end
if stored.schema ~= tonumber(ARGV[8]) then return {'newer'} end
if stored.record.version ~= base then return {'moved'} end
local holder = other_holder()
if holder then return {'taken', holder} end
local before, after = share_of(redis.call('HGET', KEYS[5], id)), share_of(ARGV[5])
if ARGV[11] ~= '[]' then
  if redis.call('EXISTS', KEYS[8]) == 0 then return {'uncounted'} end
  local limit = passed(KEYS[6], before.usage, after.usage, ARGV[11])
  if limit then return {'exceeded', unpack(limit)} end
end
redis.call('HSET', KEYS[1], id, ARGV[7])
place(before, after)
write_audit(12, KEYS[10], KEYS[11])
store_reply(KEYS[9], ARGV[6], {base})
return {'done'}
