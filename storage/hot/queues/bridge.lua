-- Bridges: topics whose messages also travel to the parent zone, each in a class of traffic.
--   :bridge  zone, limit (bytes of a class that may wait), epoch, seq:CLASS, and t:TOPIC -> class
-- What travels waits on the uplink stream of its class, as storage/hot/entries.lua weighs entries.
local UPLINK_ENTRY_BYTES = 64

local function clock_us()
  local now = redis.call('TIME')
  return tonumber(now[1]) * 1000000 + tonumber(now[2])
end

-- The stream of a class, and the counter of its bytes.
local function uplink_of(prefix, class)
  local name = string.sub(prefix, 3) .. ':m:' .. class
  return 'up:' .. name, 'upb:' .. name
end

local function has_uplink_room(prefix, class, limit, bytes)
  local _, counter = uplink_of(prefix, class)
  return tonumber(redis.call('GET', counter) or '0') + bytes <= tonumber(limit)
end

local function uplink_bytes(edge, payload)
  return #edge + #payload + UPLINK_ENTRY_BYTES
end

local function add_uplink(prefix, class, edge, sequence, after, payload)
  local stream, counter = uplink_of(prefix, class)
  redis.call('XADD', stream, '*', 'e', edge, 's', sequence, 'a', after, 'x', '', 'p', payload,
    'r', '')
  redis.call('INCRBY', counter, whole(uplink_bytes(edge, payload)))
end

-- Topic, zone, content type, subject and body, each behind its length: storage/hot/queues/bridges.py.
local function packed_message(topic, zone, message)
  local parts = {}
  for n, part in ipairs({
    topic, zone, message.content_type or '', message.subject or '', message.body or '',
  }) do
    parts[n] = struct.pack('<I4', #part) .. part
  end
  return table.concat(parts)
end

-- What a bridged topic's message is on its way up; nil when the topic is not bridged.
local function going_up(prefix, topic, flat)
  local bridge = prefix .. ':bridge'
  local class = redis.call('HGET', bridge, 't:' .. topic)
  if not class then
    return nil
  end
  local zone, limit = redis.call('HGET', bridge, 'zone'), redis.call('HGET', bridge, 'limit')
  local epoch = redis.call('HGET', bridge, 'epoch')
  if not epoch then
    epoch = whole(clock_us())
    redis.call('HSET', bridge, 'epoch', epoch)
  end
  local edge, payload = zone .. '#' .. epoch, packed_message(topic, zone, map_of(flat))
  if not has_uplink_room(prefix, class, limit, uplink_bytes(edge, payload)) then
    return {full = true}
  end
  return {class = class, edge = edge, payload = payload}
end

local function send_up(prefix, going)
  local bridge, field = prefix .. ':bridge', 'seq:' .. going.class
  local last = redis.call('HGET', bridge, field) or '0'
  local sequence = whole(math.max(tonumber(last) + 1, clock_us()))
  redis.call('HSET', bridge, field, sequence)
  add_uplink(prefix, going.class, going.edge, sequence, last, going.payload)
end
