-- A share is what one record adds to the sums over all of them: {"usage": {field: n}, "ledger": {field: n}}, whole
-- numbers. The sums move by the difference of two shares, so what was added once is also what goes away.
local function share_of(text)
  local readable, share = pcall(cjson.decode, text or '{}')
  if not readable or type(share) ~= 'table' then share = {} end
  return {usage = share.usage or {}, ledger = share.ledger or {}}
end

-- False when the sum cannot be right: no number, or below nothing.
local function bump(sums, field, delta)
  if delta == 0 then return true end
  local sum = redis.pcall('HINCRBY', sums, field, string.format('%.0f', delta))
  if type(sum) ~= 'number' then return false end
  if sum == 0 then redis.call('HDEL', sums, field) end
  return sum >= 0
end

local function move(sums, before, after)
  local sound = true
  for field, amount in pairs(after) do sound = bump(sums, field, amount - (before[field] or 0)) and sound end
  for field, amount in pairs(before) do
    if not after[field] then sound = bump(sums, field, -amount) and sound end
  end
  return sound
end
