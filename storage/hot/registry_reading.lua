-- Registry, read by its indexes: a bounded number of records a call.

-- How many numbers of one list are worth reading all of it.
local WHOLE_LIST = 24
local LOGS_A_CALL = 512

-- Ids of meters by number, in any order.
local function named(base, numbers)
  local lists, ids = {}, {}
  for _, number in ipairs(numbers) do
    note(lists, math.floor(number / NAMES_A_LIST), number % NAMES_A_LIST)
  end
  for list, places in pairs(lists) do
    local key = base .. ':n:' .. integer(list)
    local every = #places >= WHOLE_LIST and redis.call('LRANGE', key, 0, -1)
    for _, place in ipairs(places) do
      ids[#ids + 1] = every and every[place + 1] or redis.call('LINDEX', key, place)
    end
  end
  return ids
end

-- Each id and its record in turn, of those whose last change is after one version, up to another.
local function records_between(base, ids, after, up_to)
  local found, held = {}, held_fields(base .. ':m', ids)
  for i, id in ipairs(ids) do
    local version = held[i] and struct.unpack(VERSION, held[i], VERSION_AT)
    if version and (not after or (version > after and version <= up_to)) then
      found[#found + 1], found[#found + 2] = id, held[i]
    end
  end
  return found
end

-- KEYS: base of the registry's incarnation. ARGV: meters' numbers, packed; two versions, or nothing.
-- Answer: id and record in turn, in no order; changed after the first version up to the second.
local function registry_numbers(keys, args)
  local numbers, seen = {}, {}
  for at = 1, #args[1], NUMBER_BYTES do
    local number = struct.unpack(NUMBER, args[1], at)
    if not seen[number] then
      seen[number], numbers[#numbers + 1] = true, number
    end
  end
  return records_between(keys[1], named(keys[1], numbers), tonumber(args[2]), tonumber(args[3]))
end

-- KEYS: as above. ARGV: a log, the last log, and how many bytes are enough.
-- Answer: the log to go on with, then numbers, packed, of the meters that changed in those before.
local function registry_log(keys, args)
  local log, last, size, found = tonumber(args[1]), tonumber(args[2]), 0, {}
  local stop = math.min(last, log + LOGS_A_CALL - 1)
  while log <= stop and size < tonumber(args[3]) do
    local numbers = redis.call('GET', keys[1] .. ':c:' .. integer(log))
    if numbers then
      found[#found + 1], size = numbers, size + #numbers
    end
    log = log + 1
  end
  return {log, table.concat(found)}
end

-- KEYS: as above. ARGV: an id, and how many meters. Answer: id and record in turn of those after it.
local function registry_after(keys, args)
  local root, after, limit = keys[1] .. ':o', args[1], tonumber(args[2])
  local ids = {}
  local first = leaf_of(keys[1], after)
  while first and #ids < limit do
    local page = redis.call('ZRANGE', keys[1] .. ':o:' .. first, '(' .. after, '+', 'BYLEX', 'LIMIT', 0,
      limit - #ids)
    for _, id in ipairs(page) do
      ids[#ids + 1] = id
    end
    first = redis.call('ZRANGE', root, '(' .. first, '+', 'BYLEX', 'LIMIT', 0, 1)[1]
  end
  return records_between(keys[1], ids)
end

redis.register_function{
  function_name = 'gf5_registry_numbers', callback = registry_numbers, flags = {'no-writes'}
}
redis.register_function{
  function_name = 'gf5_registry_log', callback = registry_log, flags = {'no-writes'}
}
redis.register_function{
  function_name = 'gf5_registry_after', callback = registry_after, flags = {'no-writes'}
}
