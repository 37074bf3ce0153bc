-- The first limit that the change would pass, of the measures that it raises: {number, held, asked}; -1: no price known.
-- A limit is {"field", "most"} and, where it is of money, "unpriced": the field that counts clusters without a price.
local function passed(usage, before, after, limits)
  local function more(field) return (after[field] or 0) - (before[field] or 0) end
  local function held(field) return tonumber(redis.call('HGET', usage, field)) or 0 end
  for number, limit in ipairs(cjson.decode(limits)) do
    local asked, unpriced = more(limit.field), limit.unpriced and more(limit.unpriced) or 0
    local has = held(limit.field)
    if unpriced > 0 then return {number, has, -1} end
    if asked > 0 then
      if limit.unpriced and held(limit.unpriced) + unpriced > 0 then return {number, -1, asked} end
      if has + asked > limit.most then return {number, has, asked} end
    end
  end
  return nil
end
