-- Registry: the memory of an incarnation that is over is given back, a bounded number of keys a call.

local LABEL_LISTS = 16384

-- The names of the keys number `from` to `to` of an incarnation, beside those of its order.
local function names_from(base, from, to, lists, logs)
  local ranges = {{':n:', lists}, {':f:', LABEL_LISTS}, {':t:', LABEL_LISTS}, {':s:', LABEL_LISTS}, {':c:', logs}}
  local names, first = {}, 0
  for _, range in ipairs(ranges) do
    for at = math.max(from, first), math.min(to, first + range[2] - 1) do
      names[#names + 1] = base .. range[1] .. integer(at - first)
    end
    first = first + range[2]
  end
  return names, first
end

-- KEYS: the registry's head. ARGV: for how many seconds it must have been over, keys at once.
-- Answer: 1 when there is more to be done now.
local function registry_forget(keys, args)
  local head, most = keys[1], tonumber(args[2])
  local over = redis.call('HGET', head, 'over')
  if not over then
    return 0
  end
  local incarnation, version, since, rest = string.match(over, '^(%d+):(%d+):(%d+) ?(.*)$')
  if tonumber(redis.call('TIME')[1]) < tonumber(since) + tonumber(args[1]) then
    return 0
  end
  local base = head .. ':' .. incarnation
  local leaves = redis.call('ZRANGE', base .. ':o', 0, most - 1)
  if #leaves > 0 then
    for i, first in ipairs(leaves) do
      leaves[i] = base .. ':o:' .. first
    end
    redis.call('UNLINK', unpack(leaves))
    redis.call('ZREMRANGEBYRANK', base .. ':o', 0, most - 1)
    return 1
  end
  local from = tonumber(redis.call('HGET', head, 'gone') or '0')
  local lists = math.ceil(redis.call('HLEN', base .. ':m') / NAMES_A_LIST)
  local logs = math.floor(tonumber(version) / VERSIONS_A_LOG) + 1
  local names, all = names_from(base, from, from + most - 1, lists, logs)
  if #names > 0 then
    redis.call('UNLINK', unpack(names))
  end
  if from + most < all then
    redis.call('HSET', head, 'gone', integer(from + most))
    return 1
  end
  redis.call('UNLINK', base .. ':m', base .. ':h')
  redis.call('HDEL', head, 'gone', 'over')
  if rest ~= '' then
    redis.call('HSET', head, 'over', rest)
    return 1
  end
  return 0
end

redis.register_function('gf5_registry_forget', registry_forget)
