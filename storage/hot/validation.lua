-- Validation: what was relayed and not yet validated, and what was found in it.
local VALIDATION_BYTES = 64

local function validation_keys(watermarks)
  local stream = string.gsub(watermarks, ':wm$', ':vq')
  return stream, stream .. 'b'
end

local function validation_has_room(watermarks, limit, excluded, payload)
  local _, counter = validation_keys(watermarks)
  return has_room(counter, limit, #excluded + #payload + VALIDATION_BYTES)
end

local function await_validation(watermarks, excluded, payload)
  local stream, counter = validation_keys(watermarks)
  redis.call('XADD', stream, '*', 'x', excluded, 'p', payload)
  redis.call('INCRBY', counter, integer(#excluded + #payload + VALIDATION_BYTES))
end

local function hold(key, field, record)
  if record == '' then
    redis.call('HDEL', key, field)
  else
    redis.call('HSET', key, field, record)
  end
end

-- As `hold`, of findings. Answer: by how much the tenant's memory grows.
local function hold_finding(key, field, record)
  local held = redis.call('HGET', key, field)
  hold(key, field, record)
  local before = held and #field + #held + EVENT_COST or 0
  return (record ~= '' and #field + #record + EVENT_COST or 0) - before
end

local function count_findings(key, bytes)
  if bytes ~= 0 then
    redis.call('INCRBY', string.match(key, '^[^:]+') .. ':hb', integer(bytes))
  end
end

-- KEYS: entries that wait, their byte counter, state, findings, uplink, its byte counter, looks for
-- gaps that are due.
-- ARGV: generation that the caller went by, data's newest instant, id of the last entry that is
-- done ('' for none) and the bytes of all those, the edge of findings, limit in bytes of the uplink, payload
-- ('' for nothing new), number of findings, then field and record of each in turn ('' takes a field
-- out), and of each look.
-- Answer: the generation that holds now; another than one more says that somebody else was faster
-- and nothing was done.
local function settle(keys, args)
  local state = redis.call('GET', keys[3]) or '0 0 0'
  local generation, _, last = string.match(state, '^(%d+) (%d+) (%d+)$')
  if generation ~= args[1] then
    return tonumber(generation)
  end
  local payload, moment = args[7], last
  if payload ~= '' then
    if not has_room(keys[6], args[6], entry_bytes(args[5], '', payload)) then
      return redis.error_reply('STOREFULL the uplink is at its bound')
    end
    local now = redis.call('TIME')
    moment = integer(math.max(tonumber(last) + 1, tonumber(now[1]) * 1000000 + tonumber(now[2])))
    local entry = {edge = args[5], sequence = moment, after = '', excluded = '', payload = payload}
    add_entry(keys[5], keys[6], entry, true)
  end
  local looks, grown = 9 + 2 * tonumber(args[8]), 0
  for i = 9, looks - 1, 2 do
    grown = grown + hold_finding(keys[4], args[i], args[i + 1])
  end
  count_findings(keys[4], grown)
  for i = looks, #args, 2 do
    hold(keys[7], args[i], args[i + 1])
  end
  if args[3] ~= '' then
    local ms, number = string.match(args[3], '^(%d+)-(%d+)$')
    redis.call('XTRIM', keys[1], 'MINID', '=', ms .. '-' .. integer(tonumber(number) + 1))
    redis.call('INCRBY', keys[2], integer(-tonumber(args[4])))
  end
  generation = integer(tonumber(generation) + 1)
  redis.call('SET', keys[3], generation .. ' ' .. args[2] .. ' ' .. moment)
  return tonumber(generation)
end

redis.register_function('gf5_settle', settle)
