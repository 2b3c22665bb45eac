-- Registry: the zone's copy of the tenant's meters, and where to look for some of them.

-- A record: the meter's number, its labels' buckets, the version of its last change, then what only
-- storage/hot/meter_record.py reads.
local NUMBER, NUMBER_BYTES, TAIL_AT = '<I4', 4, 5
local LABELS, LABELS_AT, NO_BUCKET = '<I2I2I2', 5, 65535
local VERSION, VERSION_AT = '<I6', 11
local INDEXES = {':f:', ':t:', ':s:'}
local NAMES_A_LIST, VERSIONS_A_LOG = 256, 1024
-- A leaf is one allocation, which the server goes through name by name.
local NAMES_A_LEAF = 48

-- Leaf of the ids in order that an id belongs to. No id of a leaf is below its name; the first leaf
-- has the empty name, so that this holds for whatever comes.
local function leaf_of(base, id)
  return redis.call('ZRANGE', base .. ':o', '[' .. id, '-', 'BYLEX', 'REV', 'LIMIT', 0, 1)[1]
end

local function new_leaf(base, name, ids)
  local members = {}
  for i, id in ipairs(ids) do
    members[2 * i - 1], members[2 * i] = 0, id
  end
  redis.call('ZADD', base .. ':o', 0, name)
  redis.call('ZADD', base .. ':o:' .. name, unpack(members))
end

-- How many of the ids from the i-th on belong into one leaf, at most `room`.
local function run_of(base, ids, i, room)
  local run, step = 1, 1
  while run < room and i + run <= #ids do
    local more = math.min(step, room - run, #ids - i - run + 1)
    if redis.call('ZLEXCOUNT', base .. ':o', '(' .. ids[i], '[' .. ids[i + run + more - 1]) > 0 then
      return run
    end
    run, step = run + more, 2 * step
  end
  return run
end

-- Take new ids, by rising id, into the order of all.
local function put_in_order(base, ids)
  local i = 1
  while i <= #ids do
    local first = leaf_of(base, ids[i])
    local leaf = first and base .. ':o:' .. first
    local size = leaf and redis.call('ZCARD', leaf)
    if not leaf then
      new_leaf(base, '', {ids[i]})
      i = i + 1
    elseif size < NAMES_A_LEAF then
      local run, members = run_of(base, ids, i, NAMES_A_LEAF - size), {}
      for n = 0, run - 1 do
        members[2 * n + 1], members[2 * n + 2] = 0, ids[i + n]
      end
      redis.call('ZADD', leaf, unpack(members))
      i = i + run
    elseif redis.call('ZLEXCOUNT', leaf, '(' .. ids[i], '+') == 0 then
      -- Ids mostly come in their order: full leaves stay full.
      new_leaf(base, ids[i], {ids[i]})
      i = i + 1
    else
      local upper = redis.call('ZRANGE', leaf, NAMES_A_LEAF / 2, -1)
      new_leaf(base, upper[1], upper)
      redis.call('ZREMRANGEBYRANK', leaf, NAMES_A_LEAF / 2, -1)
    end
  end
end

local function note(added, key, number)
  local numbers = added[key]
  if not numbers then
    numbers = {}
    added[key] = numbers
  end
  numbers[#numbers + 1] = number
end

-- Write meters, by rising id, and what finds them again. What an index says of a meter that has
-- moved on since stays: who reads it looks at the record.
local function write_meters(base, ids, tails)
  local meters = base .. ':m'
  local held, count = held_fields(meters, ids), redis.call('HLEN', meters)
  local fields, new, added = {}, {}, {}
  for i, id in ipairs(ids) do
    local now, tail = held[i], tails[i]
    local number = now and string.sub(now, 1, NUMBER_BYTES)
    if not now then
      new[#new + 1] = id
      number = struct.pack(NUMBER, count + #new - 1)
    end
    if not now or string.sub(now, TAIL_AT) ~= tail then
      local record = number .. tail
      local buckets = {struct.unpack(LABELS, record, LABELS_AT)}
      local before = now and {struct.unpack(LABELS, now, LABELS_AT)} or {}
      for kind, index in ipairs(INDEXES) do
        if buckets[kind] ~= NO_BUCKET and buckets[kind] ~= before[kind] then
          note(added, base .. index .. buckets[kind], number)
        end
      end
      local version = struct.unpack(VERSION, record, VERSION_AT)
      if not now or version ~= struct.unpack(VERSION, now, VERSION_AT) then
        note(added, base .. ':c:' .. integer(math.floor(version / VERSIONS_A_LOG)), number)
      end
      fields[#fields + 1], fields[#fields + 2] = id, record
    end
  end
  for i = 1, #new do
    -- In the order of their numbers, a list at a time.
    note(added, math.floor((count + i - 1) / NAMES_A_LIST), new[i])
  end
  for key, values in pairs(added) do
    if type(key) == 'number' then
      redis.call('RPUSH', base .. ':n:' .. integer(key), unpack(values))
    else
      redis.call('APPEND', key, table.concat(values))
    end
  end
  for first = 1, #fields, FIELDS_AT_ONCE do
    redis.call('HSET', meters, unpack(fields, first, math.min(first + FIELDS_AT_ONCE - 1, #fields)))
  end
  put_in_order(base, new)
end

-- Note that an incarnation is over; what it takes up is given back in pieces, and not at once: a
-- worker may look up meters in it until it hears of the next.
local function note_over(head, incarnation, version)
  local over = redis.call('HGET', head, 'over')
  local now = redis.call('TIME')[1]
  local this = table.concat({incarnation, version, now}, ':')
  redis.call('HSET', head, 'over', over and over .. ' ' .. this or this)
end

-- KEYS: the registry's head. ARGV: incarnation, after, version, 'more', 'last', or of a copy that
-- is laid out anew 'laid' and 'whole'; how many shapes, each with its name and text, then meter
-- id and record without number in turn, by rising id: every change after one version, up to another.
-- Answer: incarnation and version now held, or, of a newer incarnation that is not whole yet,
-- taken. A page that does not follow changes nothing. Where none is held, what there is of the first
-- counts as it comes.
local function registry_page(keys, args)
  local head, incarnation, after, version = keys[1], tonumber(args[1]), tonumber(args[2]), tonumber(args[3])
  local said = redis.call('HMGET', head, 'i', 'v', 'ti', 'tv')
  local taken = said[3]
  local held, held_version = tonumber(said[1] or '0'), tonumber(said[2] or '0')
  local kind, shapes = args[4], tonumber(args[5])
  local laid, newer = kind == 'laid' or kind == 'whole', incarnation > held
  if laid then
    if said[1] then
      return {held, held_version}
    end
  elseif newer then
    if after > 0 and (taken ~= args[1] or tonumber(said[4]) < after) then
      return {held, held_version}
    end
    if taken and taken ~= args[1] and tonumber(taken) > held then
      note_over(head, taken, said[4])
    end
  elseif incarnation < held or version <= held_version or after > held_version then
    return {held, held_version}
  end
  local base = head .. ':' .. args[1]
  local ids, tails = {}, {}
  for i = 6 + 2 * shapes, #args, 2 do
    ids[#ids + 1], tails[#tails + 1] = args[i], args[i + 1]
  end
  for i = 6, 5 + 2 * shapes, 2 do
    redis.call('HSETNX', base .. ':h', args[i], args[i + 1])
  end
  write_meters(base, ids, tails)
  if kind == 'laid' then
    return {0, 0}
  elseif newer and kind == 'more' and said[2] then
    redis.call('HSET', head, 'ti', args[1], 'tv', args[3])
    return {incarnation, version}
  end
  -- Readers go by the incarnation: with it the whole registry is another one.
  redis.call('HSET', head, 'i', args[1], 'v', args[3])
  if newer and said[1] then
    note_over(head, said[1], said[2])
  end
  return {incarnation, version}
end

redis.register_function('gf5_registry_page', registry_page)
