-- One entry into each of the streams, from ARGV[first] on: none when there is nothing to tell. Both are bounded; the log
-- holds it all.
local function write_audit(first, stream, own_stream)
  if #ARGV < first then return end
  redis.call('XADD', stream, 'MAXLEN', '~', 100000, '*', unpack(ARGV, first))
  if own_stream then redis.call('XADD', own_stream, 'MAXLEN', '~', 1000, '*', unpack(ARGV, first)) end
end
