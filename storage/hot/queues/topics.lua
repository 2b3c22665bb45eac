-- Topics: messages in a stream, read by a consumer group a function, and by whoever listens.
--   :t:NAME  the stream      :topics  names of topics      :s  schedules and when they last fired
local PAGE = 32

local function position(id)
  local ms, number = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(number)
end

local function is_after(one, other)
  local ms, number = position(one)
  local other_ms, other_number = position(other)
  return ms > other_ms or (ms == other_ms and number > other_number)
end

-- The last message that every group has read; nil when there is no group.
local function read_by_all(stream)
  if redis.call('EXISTS', stream) == 0 then
    return nil
  end
  local lowest
  for _, flat in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local last = map_of(flat)['last-delivered-id']
    if not lowest or is_after(lowest, last) then
      lowest = last
    end
  end
  return lowest
end

local ALL_TOPICS = 'topics'

local function hold_message(prefix, topic, bytes)
  hold(prefix, 't:' .. topic, bytes)
  hold(prefix, ALL_TOPICS, bytes)
end

-- Let go of the oldest messages beyond what is kept; what a group has not read yet stays.
local function trim_topic(prefix, topic, messages, bytes, age_ms, adding)
  local stream, kind = prefix .. ':t:' .. topic, 't:' .. topic
  local oldest_ms = now_ms() - age_ms
  local read = read_by_all(stream)
  for _ = 1, PAGE do
    local entry = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
    if not entry or (read and is_after(entry[1], read)) then
      return
    end
    local over = redis.call('XLEN', stream) + (adding > 0 and 1 or 0) > messages
      or held(prefix, kind) + adding > bytes
    if not over and position(entry[1]) >= oldest_ms then
      return
    end
    redis.call('XDEL', stream, entry[1])
    hold_message(prefix, topic, -weight(entry[2]))
  end
end

-- Add a message of these fields. `args` begins with its topic; messages, bytes, ms that are kept;
-- messages, bytes that may be unread; topics and bytes of messages that a tenant may have.
-- Answer: {'full', limit} or {'published', id}.
local function add_message(prefix, args, flat)
  local topic = args[1]
  local stream, kind = prefix .. ':t:' .. topic, 't:' .. topic
  local bytes = weight(flat)
  if redis.call('SISMEMBER', prefix .. ':topics', topic) == 0 then
    if redis.call('SCARD', prefix .. ':topics') >= tonumber(args[7]) then
      return {'full', 'topics'}
    end
    redis.call('SADD', prefix .. ':topics', topic)
    redis.call('SADD', TENANTS, string.sub(prefix, 3))
  end
  local age_ms = tonumber(args[4])
  trim_topic(prefix, topic, tonumber(args[2]), tonumber(args[3]), age_ms, bytes)
  if held(prefix, ALL_TOPICS) + bytes > tonumber(args[8]) then
    -- Room for what is unread goes before what has been read.
    trim_topic(prefix, topic, 0, 0, age_ms, bytes)
    if held(prefix, ALL_TOPICS) + bytes > tonumber(args[8]) then
      return {'full', 'tenant_topic_bytes'}
    end
  end
  if redis.call('XLEN', stream) >= tonumber(args[5]) then
    return {'full', 'topic_messages'}
  end
  if held(prefix, kind) + bytes > tonumber(args[6]) then
    return {'full', 'topic_bytes'}
  end
  local id = redis.call('XADD', stream, '*', unpack(flat))
  hold_message(prefix, topic, bytes)
  return {'published', id}
end

-- ARGV: as `add_message` says, then fields. A bridged topic's message goes up in the same step.
local function publish(keys, args)
  local prefix, flat = keys[1], rest_of(args, 9)
  local going = going_up(prefix, args[1], flat)
  if going and going.full then
    return {'full', 'bridge_bytes'}
  end
  local done = add_message(prefix, args, flat)
  if going and done[1] == 'published' then
    send_up(prefix, going)
  end
  return done
end

-- ARGV: topic; messages, bytes, ms that are kept. A topic with nothing in it is forgotten.
local function trim(keys, args)
  local prefix, topic = keys[1], args[1]
  local stream = prefix .. ':t:' .. topic
  trim_topic(prefix, topic, tonumber(args[2]), tonumber(args[3]), tonumber(args[4]), 0)
  local groups = redis.call('EXISTS', stream) == 1 and #redis.call('XINFO', 'GROUPS', stream) or 0
  if redis.call('XLEN', stream) == 0 and groups == 0 then
    redis.call('DEL', stream)
    redis.call('SREM', prefix .. ':topics', topic)
    redis.call('HDEL', prefix .. ':size', 't:' .. topic)
  end
  return redis.call('XLEN', stream)
end

-- ARGV: topic, group, how many ms before now it begins. Answer: 1 if it is new.
local function subscribe(keys, args)
  local prefix, topic = keys[1], args[1]
  local stream = prefix .. ':t:' .. topic
  if redis.call('EXISTS', stream) == 1 then
    for _, flat in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
      if map_of(flat)['name'] == args[2] then
        return 0
      end
    end
  end
  local from = whole(math.max(0, now_ms() - tonumber(args[3]))) .. '-0'
  redis.call('XGROUP', 'CREATE', stream, args[2], from, 'MKSTREAM')
  redis.call('SADD', prefix .. ':topics', topic)
  redis.call('SADD', TENANTS, string.sub(prefix, 3))
  return 1
end

-- ARGV: topic, group. Answer: 1 if it was there.
local function unsubscribe(keys, args)
  local stream = keys[1] .. ':t:' .. args[1]
  if redis.call('EXISTS', stream) == 0 then
    return 0
  end
  return redis.call('XGROUP', 'DESTROY', stream, args[2])
end

-- Make calls of what a group has not read, as many as the function's queue has room for.
-- ARGV: topic, group, function, bounds of calls (open, bytes), how many ids follow, ids, fields.
-- Answer: how many calls.
local function dispatch(keys, args)
  local prefix, topic, name = keys[1], args[1], args[3]
  local bounds, ids = bounds_of(args[4], args[5]), tonumber(args[6])
  local stream = prefix .. ':t:' .. topic
  local settings = rest_of(args, 7 + ids)
  local made = 0
  while made < ids and open_calls(prefix, name) < bounds.queue
    and held(prefix, 'calls') < bounds.bytes do
    local reply = redis.call('XREADGROUP', 'GROUP', args[2], 'messaging', 'COUNT', 1, 'NOACK',
      'STREAMS', stream, '>')
    if not reply or not reply[1] then
      return made
    end
    local entry = reply[1][2][1]
    local message = map_of(entry[2])
    local flat = {
      'topic', topic, 'message', entry[1], 'body', message.body or '',
      'content_type', message.content_type or '', 'subject', message.subject or '',
    }
    for i = 1, #settings do
      flat[#flat + 1] = settings[i]
    end
    made = made + 1
    -- The bound of bytes has been passed by less than one message: this one was read already.
    queue_call(prefix, args[6 + made], name, {queue = bounds.queue, bytes = math.huge}, flat,
      now_ms())
  end
  return made
end

-- Queue a schedule's call, unless this instant or a later one has fired.
-- ARGV: schedule, instant (s), id, function, bounds of calls (open, bytes), then fields.
-- Answer: 'fired', 'before' or the limit's name.
local function fire(keys, args)
  local prefix, schedules = keys[1], keys[1] .. ':s'
  local last = tonumber(redis.call('HGET', schedules, args[1]) or '-1')
  if last >= tonumber(args[2]) then
    return 'before'
  end
  local bounds = bounds_of(args[5], args[6])
  local full = queue_call(prefix, args[3], args[4], bounds, rest_of(args, 7), now_ms())
  if full then
    return full
  end
  redis.call('HSET', schedules, args[1], args[2])
  return 'fired'
end

redis.register_function('gfq1_publish', publish)
redis.register_function('gfq1_subscribe', subscribe)
redis.register_function('gfq1_dispatch', dispatch)
redis.register_function('gfq1_fire', fire)
register_freeing('gfq1_trim', trim)
register_freeing('gfq1_unsubscribe', unsubscribe)
