-- KEYS: 1 the places. ARGV: 1 member, 2 most, 3 window s, 4 now (epoch s). A set of members by the time they came;
-- who is in it keeps the place, so a repeated call answers the same and takes no second one.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', tonumber(ARGV[4]) - tonumber(ARGV[3]))
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return {1} end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return {0} end
redis.call('ZADD', KEYS[1], ARGV[4], ARGV[1])
return {1}
