-- KEYS: 1-8 as in records.lua. ARGV: 1-5 as in records.lua, 6 the record as it was read
-- Answers whether something was wrong, and who else holds the name, which is a fault that nobody can heal from here.
-- A record that changed since it was read has been placed by the one who changed it.
local id, live = ARGV[1], ARGV[3] == '1'
if redis.call('HGET', KEYS[1], id) ~= ARGV[6] then return {0} end
local holder = other_holder()
local named = holder or (redis.call('HGET', KEYS[2], ARGV[2]) == id) == live
local share = redis.call('HGET', KEYS[5], id) or '{}'
local right = named and (redis.call('SISMEMBER', KEYS[3], id) == 1) == live and redis.call('ZSCORE', KEYS[4], id)
if right and share == ARGV[5] then return {0, holder} end
place(share_of(share), share_of(ARGV[5]))
return {1, holder}
