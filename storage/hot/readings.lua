-- Readings: a batch is compared, written and queued for the parent in one step.
-- The kinds of batch: how their strips or blocks are decided, and the bytes that stand for one key.
local KINDS = {
  r = {plan = plan_rows, bytes = RUN_BYTES},
  c = {plan = plan_columns, bytes = SEGMENT_BYTES},
  s = {plan = plan_scattered, bytes = SEGMENT_BYTES},
  e = {plan = plan_events, bytes = SPAN_BYTES},
}

local function kind_of(name)
  return KINDS[name] or error('an unknown kind of batch')
end

local function clock_us()
  local now = redis.call('TIME')
  return tonumber(now[1]) * 1000000 + tonumber(now[2])
end

-- The edge as it stamps: its zone, and the moment at which this store first stamped something.
-- A store that has lost its last sequence is another edge, so nobody has a watermark of it.
-- Answer: its name, and the sequence of its last entry as text.
local function stamping_edge(zone, sequence_key, epoch_key)
  local last = redis.call('GET', sequence_key)
  local epoch = last and redis.call('GET', epoch_key)
  if not epoch then
    epoch, last = integer(clock_us()), '0'
    redis.call('SET', epoch_key, epoch)
  end
  return zone .. '#' .. epoch, last
end

local function next_sequence(key)
  return math.max(tonumber(redis.call('GET', key) or '0') + 1, clock_us())
end

-- The counter of the memory that a tenant's blocks, events and replaced versions take up.
local function hot_bytes_key(block)
  return string.match(block, '^[^:]+') .. ':hb'
end

local function has_memory(plan, block, limit)
  return plan.bytes == 0 or has_room(hot_bytes_key(block), limit, plan.bytes)
end

local function write_plan(plan, sequence, block)
  if plan.bytes > 0 then
    redis.call('INCRBY', hot_bytes_key(block), integer(plan.bytes))
  end
  write_runs(plan)
  write_events(plan)
  write_past(plan, sequence)
end

local function duplicate_bits(plan)
  if plan.duplicates == 0 then
    return ''
  end
  local bitmap = {}
  for i = 1, plan.readings, 8 do
    local bits = 0
    for b = 0, 7 do
      if plan.outcome[i + b] == DUPLICATE then
        bits = bits + 2 ^ b
      end
    end
    bitmap[#bitmap + 1] = string.char(bits)
  end
  return table.concat(bitmap)
end

local function outcomes(plan)
  if not next(plan.outcome) then
    return ''
  end
  local codes = {}
  for i = 1, plan.readings do
    codes[i] = string.char(plan.outcome[i] or 0)
  end
  return table.concat(codes)
end

-- KEYS: uplink, its byte counter, last sequence, epoch, places' epoch, then a strip a run or a block
-- a span. ARGV: zone, limits in bytes of the uplink and of the tenant's memory, places' token (empty
-- for spans), kind, runs or spans, claims, payload.
-- Answer: sequence (0: all were duplicates), one outcome a reading (empty: all accepted).
local function accept(keys, args)
  local limit, kind = args[2], kind_of(args[5])
  local places, claims, payload = args[6], args[7], args[8]
  local moved = places_moved(keys[5], args[4])
  if moved then
    return moved
  end
  local plan = kind.plan(keys, 5, places, claims, false, false)
  if plan.readings == plan.duplicates then
    return {'0', outcomes(plan)}
  end
  if not has_memory(plan, keys[6], args[3]) then
    return redis.error_reply('STOREFULL the tenant has as much in memory as it may')
  end
  local excluded = duplicate_bits(plan)
  local edge, last = stamping_edge(args[1], keys[3], keys[4])
  if not has_room(keys[2], limit, entry_bytes(edge, excluded, payload)) then
    return redis.error_reply('STOREFULL the uplink is at its bound')
  end
  local sequence = next_sequence(keys[3])
  local text = integer(sequence)
  redis.call('SET', keys[3], text)
  write_plan(plan, sequence, keys[6])
  local entry = {
    edge = edge, sequence = text, after = last, excluded = excluded, payload = payload,
  }
  add_entry(keys[1], keys[2], entry, #plan.past > 0)
  return {text, outcomes(plan)}
end

-- KEYS: uplink, its byte counter, watermarks, places' epoch, then the entries' strips and blocks.
-- ARGV: limits in bytes of the uplink and of the tenant's memory, the zone that calls, places' token
-- (empty when there are no runs), then an entry's edge, sequence, sequence before it (empty: not
-- known, all in order), excluded, kind, runs or spans, claims, payload. Excluded runs' claims are
-- zeros, excluded events' are left out.
-- Answer: how many entries from the first are in; fewer than sent means that one is full.
local function relay(keys, args)
  local before, taken = 4, 0
  local moved = places_moved(keys[4], args[4])
  if moved then
    return moved
  end
  for a = 5, #args, 8 do
    local entry = {
      edge = args[a], sequence = args[a + 1], after = args[a + 2], excluded = args[a + 3],
      payload = args[a + 7],
    }
    local edge, excluded, payload = entry.edge, entry.excluded, entry.payload
    local kind, places, claims = kind_of(args[a + 4]), args[a + 5], args[a + 6]
    local number = tonumber(entry.sequence)
    -- A zone may have had another parent before, and what is between came that way.
    local way = args[3] .. '/' .. edge
    local received = read_received(keys[3], way)
    if not has_received(received, number) then
      received = with_entry(received, number, tonumber(entry.after))
      if not received then
        return taken
      end
      if not has_room(keys[2], args[1], entry_bytes(edge, excluded, payload))
        or not validation_has_room(keys[3], args[1], excluded, payload) then
        return taken
      end
      local plan = kind.plan(keys, before, places, claims, excluded ~= '', true)
      if not has_memory(plan, keys[before + 1], args[2]) then
        return taken
      end
      write_plan(plan, number, keys[before + 1])
      add_entry(keys[1], keys[2], entry, #plan.past > 0)
      await_validation(keys[3], excluded, payload)
      write_received(keys[3], way, received)
    end
    before = before + #places / kind.bytes
    taken = taken + 1
  end
  return taken
end

redis.register_function('gf5_accept', accept)
redis.register_function('gf5_relay', relay)
