-- Registry: the zone's copy of the tenant's meters.

-- KEYS: meters of the page's incarnation, version, incarnation, what is taken of a newer one.
-- ARGV: incarnation, after, version, 1 for the last page, then meter id and record in turn: every
-- change after one version, up to another. Answer: incarnation and version now held, or, of a
-- newer incarnation that is not whole yet, taken. A page that does not follow changes nothing.
local function registry_apply(keys, args)
  local incarnation, after, version = tonumber(args[1]), tonumber(args[2]), tonumber(args[3])
  local held = tonumber(redis.call('GET', keys[3]) or '0')
  local held_version = tonumber(redis.call('GET', keys[2]) or '0')
  local last = args[4] == '1'
  if incarnation > held then
    local of, taken = string.match(redis.call('GET', keys[4]) or '', '^(%d+):(%d+)$')
    if after > 0 and (of ~= args[1] or tonumber(taken) < after) then
      return {held, held_version}
    end
  elseif incarnation < held or version <= held_version or after > held_version then
    return {held, held_version}
  end
  for i = 5, #args, 2 do
    redis.call('HSET', keys[1], args[i], args[i + 1])
  end
  if incarnation > held and not last then
    redis.call('SET', keys[4], args[1] .. ':' .. args[3])
    return {incarnation, version}
  end
  -- Readers go by the incarnation: with it the whole registry is another one.
  redis.call('SET', keys[2], args[3])
  redis.call('SET', keys[3], args[1])
  return {incarnation, version}
end

redis.register_function('gf5_registry_apply', registry_apply)
