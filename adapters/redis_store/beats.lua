-- KEYS: 1 beats, 2 what they said. Answers name, age in ms, detail, one after the other.
local found, now = {}, now_ms()
local beats = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for n = 1, #beats, 2 do
  table.insert(found, beats[n])
  table.insert(found, now - tonumber(beats[n + 1]))
  table.insert(found, redis.call('HGET', KEYS[2], beats[n]) or '')
end
return found
