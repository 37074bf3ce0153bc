-- What every transition shares. An operation answers a repeated call with its stored reply and changes nothing again;
-- only what was applied is stored, so a refusal is judged afresh.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function stored_reply(operation)
  local kept = redis.call('GET', operation)
  return kept and cjson.decode(kept)
end

local function store_reply(operation, ttl_ms, reply)
  redis.call('SET', operation, cjson.encode(reply), 'PX', ttl_ms)
  return reply
end
