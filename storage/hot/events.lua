-- Events: a block is a hash from the second of the day (4 bytes) to a slot. Measured beside one
-- sorted string a block: a late event costs the same as the next one, not a rewrite of the day.
local EVENT_BYTES, SECOND_BYTES, EVENT_WIDTH = 24, 4, 8
local SPAN, SPAN_BYTES = '<I4', 4

local function held_events(key, seconds)
  if #seconds == 1 then
    return {redis.call('HGET', key, seconds[1])}
  end
  return held_fields(key, seconds)
end

-- Decide the events of one block; `index` is the first of them in the batch.
local function merge_block(plan, key, seconds, slots, index, relayed)
  local held = held_events(key, seconds)
  local history
  local fields, n = {}, 0
  for i = 1, #seconds do
    local now, slot = held[i], slots[i]
    if now == slot then
      duplicate(plan, index + i - 1)
      slot = nil
    elseif now then
      history = history or string.gsub(key, ':e:', ':eh:', 1)
      slot = merge_slot(
        plan, index + i - 1, history, seconds[i], now, slot, EVENT_WIDTH, relayed)
    end
    if slot and not now then
      plan.bytes = plan.bytes + EVENT_COST
    end
    if slot then
      fields[n + 1], fields[n + 2] = seconds[i], slot
      n = n + 2
    end
  end
  if n > 0 then
    plan.fields[#plan.fields + 1] = {key, fields}
  end
end

-- Read every block that the events name and decide all of it; nothing is written here.
local function plan_events(keys, before, spans, claims, _, relayed)
  local plan = new_plan()
  local index = 1
  for span = 1, #spans / SPAN_BYTES do
    local count = struct.unpack(SPAN, spans, (span - 1) * SPAN_BYTES + 1)
    local key = keys[before + span]
    if not key or (index - 1 + count) * EVENT_BYTES > #claims then
      error('an event leaves its batch')
    end
    local seconds, slots = {}, {}
    for i = 1, count do
      local at = (index + i - 2) * EVENT_BYTES
      seconds[i] = string.sub(claims, at + 1, at + SECOND_BYTES)
      slots[i] = string.sub(claims, at + SECOND_BYTES + 1, at + EVENT_BYTES)
    end
    merge_block(plan, key, seconds, slots, index, relayed)
    index = index + count
  end
  plan.readings = index - 1
  return plan
end

local function write_events(plan)
  for _, block in ipairs(plan.fields) do
    local key, fields = block[1], block[2]
    for first = 1, #fields, FIELDS_AT_ONCE do
      local last = math.min(first + FIELDS_AT_ONCE - 1, #fields)
      redis.call('HSET', key, unpack(fields, first, last))
    end
  end
end

-- KEYS: event blocks. Answer: each block's events, in no order; empty when there is no block.
local function read_events(keys)
  local found = {}
  for n = 1, #keys do
    found[n] = table.concat(redis.call('HGETALL', keys[n]))
  end
  return found
end

redis.register_function{
  function_name = 'gf5_read_events', callback = read_events, flags = {'no-writes'}
}
