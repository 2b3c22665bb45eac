-- Calls that wait for a function: queued, taken under a lease, tried again, ended, kept a while.
-- KEYS[1] of every function is the tenant's prefix, q:<tenant>; all its keys begin with it:
--   :due   what is to be looked at, by the millisecond: a call's id, or cb:<id> for its callback
--   :c:ID  a call      :open  open calls by function      :size  bytes held, by kind
--   :kept  ended calls, by the millisecond at which they go      :dead  calls that failed for good
local OVERHEAD = 512
local SWEEP = 64
local TENANTS = 'q:tenants'
local FINAL = {done = true, failed = true, cancelled = true}

local function now_ms()
  local now = redis.call('TIME')
  return tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
end

local function whole(number)
  -- Minus zero would be written as -0, which Redis takes for no number.
  return string.format('%.0f', number + 0.0 == 0 and 0 or number)
end

local function map_of(flat)
  local map = {}
  for i = 1, #flat, 2 do
    map[flat[i]] = flat[i + 1]
  end
  return map
end

local function held(prefix, kind)
  return tonumber(redis.call('HGET', prefix .. ':size', kind) or '0')
end

local function hold(prefix, kind, bytes)
  redis.call('HINCRBY', prefix .. ':size', kind, whole(bytes))
end

local function open_calls(prefix, name)
  return tonumber(redis.call('HGET', prefix .. ':open', name) or '0')
end

local function close_call(prefix, name)
  if redis.call('HINCRBY', prefix .. ':open', name, -1) <= 0 then
    redis.call('HDEL', prefix .. ':open', name)
  end
end

local function weight(flat)
  local bytes = OVERHEAD
  for i = 1, #flat do
    bytes = bytes + #flat[i]
  end
  return bytes
end

-- Queue a call; answer: nil, or the name of the limit that it would pass.
local function queue_call(prefix, id, name, bounds, flat, at_ms)
  local call = prefix .. ':c:' .. id
  if redis.call('EXISTS', call) == 1 then
    return nil
  end
  if open_calls(prefix, name) >= bounds.queue then
    return 'queue'
  end
  local bytes = weight(flat)
  if held(prefix, 'calls') + bytes > bounds.bytes then
    return 'bytes'
  end
  redis.call('HSET', call, 'function', name, 'state', 'queued', 'created', whole(at_ms),
    'dispatches', 0, 'attempts', 0, 'bytes', whole(bytes), unpack(flat))
  redis.call('HINCRBY', prefix .. ':open', name, 1)
  hold(prefix, 'calls', bytes)
  redis.call('ZADD', prefix .. ':due', whole(at_ms), id)
  redis.call('SADD', TENANTS, string.sub(prefix, 3))
  return nil
end

local function bounds_of(queue, bytes)
  return {queue = tonumber(queue), bytes = tonumber(bytes)}
end

local function rest_of(args, first)
  local flat = {}
  for i = first, #args do
    flat[#flat + 1] = args[i]
  end
  return flat
end

-- ARGV: id, function, bound of its open calls, bound of the tenant's bytes, then fields.
-- Answer: the limit's name, or ''.
local function add(keys, args)
  local bounds = bounds_of(args[3], args[4])
  return queue_call(keys[1], args[1], args[2], bounds, rest_of(args, 5), now_ms()) or ''
end

local function sweep(prefix, now)
  local ended = redis.call('ZRANGE', prefix .. ':kept', '-inf', whole(now), 'BYSCORE',
    'LIMIT', 0, SWEEP)
  for _, id in ipairs(ended) do
    local call = prefix .. ':c:' .. id
    hold(prefix, 'calls', -tonumber(redis.call('HGET', call, 'bytes') or '0'))
    redis.call('DEL', call)
    redis.call('ZREM', prefix .. ':kept', id)
  end
end

-- ARGV: how many, lease in ms. Answer: {ms until something else is due (-1: nothing), then for
-- each taken: member of :due, its call's fields}.
local function take(keys, args)
  local prefix, now = keys[1], now_ms()
  local due, lease = prefix .. ':due', tonumber(args[2])
  sweep(prefix, now)
  local answer = {-1}
  local members = {}
  if tonumber(args[1]) > 0 then
    members = redis.call('ZRANGE', due, '-inf', whole(now), 'BYSCORE', 'LIMIT', 0, args[1])
  end
  for _, member in ipairs(members) do
    local id = string.match(member, '^cb:(.*)$')
    local call = prefix .. ':c:' .. (id or member)
    if redis.call('EXISTS', call) == 0 then
      redis.call('ZREM', due, member)
    else
      redis.call('ZADD', due, whole(now + lease), member)
      if not id then
        redis.call('HINCRBY', call, 'dispatches', 1)
        redis.call('HSETNX', call, 'started', whole(now))
        redis.call('HSET', call, 'state', 'running')
      end
      answer[#answer + 1] = member
      answer[#answer + 1] = redis.call('HGETALL', call)
    end
  end
  local following = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
  if following[2] then
    answer[1] = math.max(0, tonumber(following[2]) - now)
  end
  return answer
end

-- ARGV: lease in ms, members of :due. Answer: those that are not there any more.
local function renew(keys, args)
  local due, at = keys[1] .. ':due', whole(now_ms() + tonumber(args[1]))
  local gone = {}
  for i = 2, #args do
    if redis.call('ZSCORE', due, args[i]) then
      redis.call('ZADD', due, at, args[i])
    else
      gone[#gone + 1] = args[i]
    end
  end
  return gone
end

local function let_go_of_body(prefix, call)
  local body = redis.call('HGET', call, 'body')
  if body then
    redis.call('HDEL', call, 'body')
    redis.call('HINCRBY', call, 'bytes', -#body)
    hold(prefix, 'calls', -#body)
  end
end

local LETTER = {
  'function', 'method', 'target', 'content_type', 'body', 'subject', 'origin', 'topic', 'message',
  'scheduled', 'tries', 'backoff_s', 'max_backoff_s', 'keep_s', 'timeout_s', 'attempts',
}

local function letter_bytes(entry)
  return weight(entry)
end

local function bury(prefix, id, call, reason, bounds, now)
  local dead = prefix .. ':dead'
  local fields = {'call', id, 'reason', reason, 'at', whole(now)}
  for _, name in ipairs(LETTER) do
    local value = redis.call('HGET', call, name)
    if value then
      fields[#fields + 1] = name
      fields[#fields + 1] = value
    end
  end
  local bytes = letter_bytes(fields)
  while redis.call('XLEN', dead) >= bounds.queue
    or (held(prefix, 'dead') + bytes > bounds.bytes and redis.call('XLEN', dead) > 0) do
    local oldest = redis.call('XRANGE', dead, '-', '+', 'COUNT', 1)[1]
    redis.call('XDEL', dead, oldest[1])
    hold(prefix, 'dead', -letter_bytes(oldest[2]))
    redis.call('HINCRBY', prefix .. ':size', 'dropped', 1)
  end
  redis.call('XADD', dead, '*', unpack(fields))
  hold(prefix, 'dead', bytes)
end

-- ARGV: id, dispatch, done|failed, reason, bounds of dead letters (number, bytes), then fields.
-- Answer: 'recorded', 'late' (it has ended, or is under way again), 'gone'.
local function finish(keys, args)
  local prefix, id, outcome, now = keys[1], args[1], args[3], now_ms()
  local call = prefix .. ':c:' .. id
  local was = redis.call('HMGET', call, 'state', 'dispatches', 'function', 'callback', 'keep_s')
  if not was[1] then
    return 'gone'
  end
  if FINAL[was[1]] or (outcome == 'failed' and was[2] ~= args[2]) then
    return 'late'
  end
  local flat = rest_of(args, 7)
  local bytes = weight(flat) - OVERHEAD
  redis.call('HINCRBY', call, 'attempts', 1)
  redis.call('HSET', call, 'state', outcome, 'finished', whole(now), 'error', args[4], unpack(flat))
  redis.call('HINCRBY', call, 'bytes', whole(bytes))
  hold(prefix, 'calls', bytes)
  if outcome == 'failed' then
    bury(prefix, id, call, args[4], bounds_of(args[5], args[6]), now)
  end
  let_go_of_body(prefix, call)
  close_call(prefix, was[3])
  redis.call('ZREM', prefix .. ':due', id)
  if was[4] then
    redis.call('HSET', call, 'cb_state', 'pending', 'cb_attempts', 0)
    redis.call('ZADD', prefix .. ':due', whole(now), 'cb:' .. id)
  else
    redis.call('ZADD', prefix .. ':kept', whole(now + tonumber(was[5]) * 1000), id)
  end
  return 'recorded'
end

-- ARGV: id, dispatch, ms until the next try, 1 if this one counts, reason. Answer as `finish`.
local function again(keys, args)
  local prefix, id = keys[1], args[1]
  local call = prefix .. ':c:' .. id
  local was = redis.call('HMGET', call, 'state', 'dispatches')
  if not was[1] then
    return 'gone'
  end
  if was[1] ~= 'running' or was[2] ~= args[2] then
    return 'late'
  end
  local at = whole(now_ms() + tonumber(args[3]))
  redis.call('HINCRBY', call, 'attempts', args[4])
  redis.call('HSET', call, 'state', 'queued', 'error', args[5], 'next', at)
  redis.call('ZADD', prefix .. ':due', at, id)
  return 'recorded'
end

-- ARGV: id. Answer: the state before, '' when there is no such call.
local function cancel(keys, args)
  local prefix, id, now = keys[1], args[1], now_ms()
  local call = prefix .. ':c:' .. id
  local was = redis.call('HMGET', call, 'state', 'function', 'keep_s')
  if not was[1] then
    return ''
  end
  if not FINAL[was[1]] then
    redis.call('HSET', call, 'state', 'cancelled', 'finished', whole(now))
    let_go_of_body(prefix, call)
    close_call(prefix, was[2])
    redis.call('ZREM', prefix .. ':due', id)
    redis.call('ZADD', prefix .. ':kept', whole(now + tonumber(was[3]) * 1000), id)
  end
  return was[1]
end

-- ARGV: id, delivered|failed|pending, ms until the next try, status (0: none), error.
local function told(keys, args)
  local prefix, id, state, now = keys[1], args[1], args[2], now_ms()
  local call = prefix .. ':c:' .. id
  local was = redis.call('HMGET', call, 'cb_state', 'keep_s')
  if was[1] ~= 'pending' then
    return 'late'
  end
  redis.call('HINCRBY', call, 'cb_attempts', 1)
  redis.call('HSET', call, 'cb_state', state, 'cb_status', args[4], 'cb_error', args[5])
  if state == 'pending' then
    redis.call('ZADD', prefix .. ':due', whole(now + tonumber(args[3])), 'cb:' .. id)
  else
    redis.call('ZREM', prefix .. ':due', 'cb:' .. id)
    redis.call('ZADD', prefix .. ':kept', whole(now + tonumber(was[2]) * 1000), id)
  end
  return 'recorded'
end

-- ARGV: id of the letter, id of the new call, bounds of calls (open, bytes).
-- Answer: {'none'}, {'full', limit} or {'queued', function}.
local function replay(keys, args)
  local prefix, dead = keys[1], keys[1] .. ':dead'
  local entry = redis.call('XRANGE', dead, args[1], args[1])[1]
  if not entry then
    return {'none'}
  end
  local letter = map_of(entry[2])
  local flat = {'replay_of', letter.call}
  for _, name in ipairs(LETTER) do
    if letter[name] and name ~= 'function' and name ~= 'attempts' then
      flat[#flat + 1] = name
      flat[#flat + 1] = letter[name]
    end
  end
  local bounds = bounds_of(args[3], args[4])
  local full = queue_call(prefix, args[2], letter['function'], bounds, flat, now_ms())
  if full then
    return {'full', full}
  end
  redis.call('XDEL', dead, args[1])
  hold(prefix, 'dead', -letter_bytes(entry[2]))
  return {'queued', letter['function']}
end

-- ARGV: id of the letter. Answer: how many were dropped.
local function drop(keys, args)
  local dead = keys[1] .. ':dead'
  local entry = redis.call('XRANGE', dead, args[1], args[1])[1]
  if not entry then
    return 0
  end
  hold(keys[1], 'dead', -letter_bytes(entry[2]))
  return redis.call('XDEL', dead, args[1])
end

-- What ends a call, or makes room, also goes on at the server's memory limit.
local function register_freeing(name, callback)
  redis.register_function{function_name = name, callback = callback, flags = {'allow-oom'}}
end

redis.register_function('gfq1_add', add)
redis.register_function('gfq1_replay', replay)
register_freeing('gfq1_take', take)
register_freeing('gfq1_renew', renew)
register_freeing('gfq1_finish', finish)
register_freeing('gfq1_again', again)
register_freeing('gfq1_cancel', cancel)
register_freeing('gfq1_told', told)
register_freeing('gfq1_drop', drop)
