-- Rules: the zone's copy of the tenant's rule groups.

-- KEYS: the rules. ARGV: incarnation, version, the rules. Answer: 1 when they are held now. Older ones
-- than are held, and those of an older registry, change nothing.
local function rules_apply(keys, args)
  local incarnation, version = tonumber(args[1]), tonumber(args[2])
  local held, held_version = string.match(redis.call('GET', keys[1]) or '', '^(%d+) (%d+) ')
  held, held_version = tonumber(held or '-1'), tonumber(held_version or '-1')
  if incarnation < held or (incarnation == held and version <= held_version) then
    return 0
  end
  redis.call('SET', keys[1], args[1] .. ' ' .. args[2] .. ' ' .. args[3])
  return 1
end

redis.register_function('gf5_rules_apply', rules_apply)
