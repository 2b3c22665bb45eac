-- Entries: what waits on the uplink stream for the parent, and the counter of its bytes.
local ENTRY_BYTES = 64

local function integer(number)
  return string.format('%.0f', number)
end

local function entry_bytes(edge, excluded, payload)
  return #edge + #excluded + #payload + ENTRY_BYTES
end

-- `after` is the sequence of the edge's entry before this one, empty when it is not known;
-- `replaces` says that a value made way, so nobody may see this entry before what it replaced.
local function add_entry(uplink, counter, entry, replaces)
  local edge, excluded, payload = entry.edge, entry.excluded, entry.payload
  redis.call('XADD', uplink, '*', 'e', edge, 's', entry.sequence, 'a', entry.after,
    'x', excluded, 'p', payload, 'r', replaces and '1' or '')
  redis.call('INCRBY', counter, integer(entry_bytes(edge, excluded, payload)))
end

local function has_room(counter, limit, bytes)
  return tonumber(redis.call('GET', counter) or '0') + bytes <= tonumber(limit)
end

-- KEYS: uplink, its byte counter. ARGV: id of the last entry that the parent has.
-- Answer: how many entries left the stream.
local function uplink_ack(keys, args)
  local last, from, freed = args[1], '-', 0
  repeat
    local entries = redis.call('XRANGE', keys[1], from, last, 'COUNT', 16)
    for _, entry in ipairs(entries) do
      local field = {}
      for i = 1, #entry[2], 2 do
        field[entry[2][i]] = entry[2][i + 1]
      end
      freed = freed + entry_bytes(field.e, field.x, field.p)
      from = '(' .. entry[1]
    end
  until #entries == 0
  local ms, number = string.match(last, '^(%d+)-(%d+)$')
  local next_id = ms .. '-' .. integer(tonumber(number) + 1)
  local trimmed = redis.call('XTRIM', keys[1], 'MINID', '=', next_id)
  if freed > 0 then
    redis.call('DECRBY', keys[2], integer(freed))
  end
  return trimmed
end

-- KEYS: uplink, its byte counter. ARGV: ids of entries that the parent has.
-- Answer: how many entries left the stream.
local function uplink_drop(keys, args)
  local freed, dropped = 0, 0
  for _, id in ipairs(args) do
    for _, entry in ipairs(redis.call('XRANGE', keys[1], id, id)) do
      local field = {}
      for i = 1, #entry[2], 2 do
        field[entry[2][i]] = entry[2][i + 1]
      end
      freed = freed + entry_bytes(field.e, field.x, field.p)
      dropped = dropped + redis.call('XDEL', keys[1], id)
    end
  end
  if freed > 0 then
    redis.call('DECRBY', keys[2], integer(freed))
  end
  return dropped
end

-- Also at the server's memory limit: nothing else can make room there.
redis.register_function{
  function_name = 'gf5_uplink_drop', callback = uplink_drop, flags = {'allow-oom'}
}
redis.register_function{
  function_name = 'gf5_uplink_ack', callback = uplink_ack, flags = {'allow-oom'}
}
