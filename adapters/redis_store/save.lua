-- KEYS: 1 operation, 2 records, 3 names, 4 audit, 5 leases
-- ARGV: 1 reply ttl ms, 2 id, 3 record, 4 schema, 5 version it replaces, 6 lease or '', 7 region, 8 live, 9.. audit fields
local id, base = ARGV[2], tonumber(ARGV[5])
local kept = stored_reply(KEYS[1])
if kept then
  -- The same words about another version are another change: answering "done" would lose it in silence.
  if kept[1] ~= base then return {'reused'} end
  return {'repeated', id, redis.call('HGET', KEYS[2], id)}
end
if ARGV[6] ~= '' and redis.call('HGET', KEYS[5], id) ~= ARGV[6] then return {'fenced'} end
local raw = redis.call('HGET', KEYS[2], id)
if not raw then return {'gone'} end
local readable, stored = pcall(cjson.decode, raw)
if not readable or type(stored) ~= 'table' or type(stored.record) ~= 'table' then return {'unreadable'} end
if stored.schema ~= tonumber(ARGV[4]) then return {'newer'} end
if stored.record.version ~= base then return {'moved'} end
local holder = reserve(KEYS[3], ARGV[7], id, ARGV[8])
if holder then return {'taken', holder} end
redis.call('HSET', KEYS[2], id, ARGV[3])
write_audit(KEYS[4], 9)
store_reply(KEYS[1], ARGV[1], {base})
return {'done'}
