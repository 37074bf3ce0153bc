-- The audit trail: fields from ARGV[first] on, none when there is nothing to tell. The log holds it all; this is bounded.
local function write_audit(stream, first)
  if #ARGV >= first then
    redis.call('XADD', stream, 'MAXLEN', '~', 100000, '*', unpack(ARGV, first))
  end
end

-- The name is the cluster's while it lives. Answers the holder's id when that is somebody else.
local function reserve(names, region, id, live)
  local holder = redis.call('HGET', names, region)
  if live == '1' then
    if holder and holder ~= id then return holder end
    redis.call('HSET', names, region, id)
  elseif holder == id then
    redis.call('HDEL', names, region)
  end
  return nil
end
