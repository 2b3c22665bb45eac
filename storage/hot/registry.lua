-- Registry: the zone's copy of the tenant's meters.

-- KEYS: meters, their version. ARGV: version, then meter id and record in turn: every change
-- after the held version, up to this one. Answer: the version now held.
local function registry_apply(keys, args)
  local version, held = tonumber(args[1]), tonumber(redis.call('GET', keys[2]) or '0')
  if version <= held then
    return held
  end
  for i = 2, #args, 2 do
    redis.call('HSET', keys[1], args[i], args[i + 1])
  end
  redis.call('SET', keys[2], args[1])
  return version
end

redis.register_function('gf4_registry_apply', registry_apply)
