-- Places: which cell of which strip is a meter's and register's, given in the order in which they
-- first arrive, so that meters that report together are neighbours.

-- What a series' place costs in memory, about.
local PLACE_COST = 96
-- Lua's stack bounds how many arguments one call may have.
local FIELDS_AT_ONCE = 1000
-- When this server first gave places since it was started: a store may come back with less than
-- it had, and what a worker remembers of it must not outlive that.
local started

local function places_token(epoch)
  if not started then
    local now = redis.call('TIME')
    started = now[1] .. '.' .. now[2]
  end
  return started .. '/' .. (epoch or '')
end

-- What to answer to who goes by places that were given before, nil when they still hold.
local function places_moved(epoch_key, token)
  if token ~= '' and places_token(redis.call('GET', epoch_key)) ~= token then
    return redis.error_reply('PLACESMOVED the places were given anew')
  end
end

-- What a hash has of each of these fields, false for one that it has not.
local function held_fields(key, names)
  local held = {}
  for first = 1, #names, FIELDS_AT_ONCE do
    local last = math.min(first + FIELDS_AT_ONCE - 1, #names)
    local page = redis.call('HMGET', key, unpack(names, first, last))
    if #page == #names then
      return page
    end
    for i = 1, #page do
      held[first + i - 1] = page[i]
    end
  end
  return held
end

-- KEYS: places' epoch, places of a register. ARGV: meter ids.
-- Answer: the token, then a place a meter, '' for one that has none.
local function find_places(keys, args)
  local found = {places_token(redis.call('GET', keys[1]))}
  local held = held_fields(keys[2], args)
  for i = 1, #args do
    found[i + 1] = held[i] or ''
  end
  return found
end

-- KEYS, ARGV and answer as of find_places, of which every meter has a place then.
local function give_places(keys, args)
  local epoch = redis.call('GET', keys[1])
  if not epoch then
    local now = redis.call('TIME')
    epoch = now[1] .. '.' .. now[2]
    redis.call('SET', keys[1], epoch)
  end
  local found, fields = {places_token(epoch)}, {}
  local held, given, new = held_fields(keys[2], args), {}, 0
  local count = redis.call('HLEN', keys[2])
  for i, name in ipairs(args) do
    local place = held[i] or given[name]
    if not place then
      place = tostring(count + new)
      given[name], new = place, new + 1
      fields[2 * new - 1], fields[2 * new] = name, place
    end
    found[i + 1] = place
  end
  for first = 1, #fields, FIELDS_AT_ONCE do
    redis.call('HSET', keys[2], unpack(fields, first, math.min(first + FIELDS_AT_ONCE - 1, #fields)))
  end
  if new > 0 then
    redis.call('INCRBY', string.match(keys[2], '^[^:]+') .. ':hb', new * PLACE_COST)
  end
  return found
end

redis.register_function{
  function_name = 'gf5_find_places', callback = find_places, flags = {'no-writes'}
}
redis.register_function('gf5_give_places', give_places)

-- KEYS: places' epoch. ARGV: the places' token. Answer: 1, or that they were given anew.
redis.register_function{
  function_name = 'gf5_places_hold', flags = {'no-writes'},
  callback = function(keys, args)
    return places_moved(keys[1], args[1]) or 1
  end,
}
