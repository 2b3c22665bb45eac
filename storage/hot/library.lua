#!lua name=gridfaas_v1

-- Layouts shared with packing.py and storage/model/block.py.
local SLOT_BYTES = 12
local SLOT = '<i4i4I1I1I2'
local SLOT_CLAIM = '<i4I1I1'
local SLOT_CLAIM_AT = 5
local RUN = '<I2I2I2'
local RUN_BYTES = 6
local PRESENT, HAS_RAW = 1, 2
local MAX_REVISION = 65535
local ENTRY_BYTES = 64

local ESTIMATED, ACTUAL, EDITED = 0, 1, 2
local CLASS = {[7] = EDITED, [8] = ESTIMATED, [9] = ESTIMATED}
local DUPLICATE, CORRECTED, OUTRANKED = 1, 2, 3

local zeros = {}
local function absent(bytes)
  local text = zeros[bytes]
  if not text then
    text = string.rep('\0', bytes)
    zeros[bytes] = text
  end
  return text
end

local function integer(number)
  return string.format('%.0f', number)
end

local function next_sequence(key)
  local now = redis.call('TIME')
  local clock = tonumber(now[1]) * 1000000 + tonumber(now[2])
  return math.max(tonumber(redis.call('GET', key) or '0') + 1, clock)
end

-- Decide one run against what its block holds. `index` is its first reading in the batch. A
-- claim with no flags is excluded and leaves its slot alone.
local function merge_run(plan, key, first, held, claims, index, relayed)
  local history
  local slots, changed = {}, false
  for i = 0, #claims / SLOT_BYTES - 1 do
    local p = i * SLOT_BYTES + 1
    local now = string.sub(held, p, p + SLOT_BYTES - 1)
    local value, quality, claimed = struct.unpack(SLOT_CLAIM, claims, p + SLOT_CLAIM_AT - 1)
    if claimed ~= 0 and string.byte(now, 10) % 2 == 0 then
      now, changed = string.sub(claims, p, p + SLOT_BYTES - 1), true
    elseif claimed ~= 0 then
      local raw, final, held_quality, flags, revision = struct.unpack(SLOT, now)
      local class = CLASS[quality] or ACTUAL
      local held_class = CLASS[held_quality] or ACTUAL
      local version = struct.pack('<I2i4I1', first + i, value, class)
      history = history or string.gsub(key, ':b:', ':h:', 1)
      if (value == final and class == held_class)
        or (not relayed and redis.call('HEXISTS', history, version) == 1) then
        plan.outcome[index + i] = DUPLICATE
        plan.duplicates = plan.duplicates + 1
      else
        revision = math.min(revision + 1, MAX_REVISION)
        plan.outcome[index + i] = class < held_class and OUTRANKED or CORRECTED
        local past_quality = quality
        if class >= held_class then
          version = struct.pack('<I2i4I1', first + i, final, held_class)
          past_quality = held_quality
          final, held_quality = value, quality
        end
        if class == ACTUAL then
          raw, flags = value, bit.bor(flags, HAS_RAW)
        end
        now, changed = struct.pack(SLOT, raw, final, held_quality, flags, revision), true
        plan.past[#plan.past + 1] = {history, version, past_quality, revision}
      end
    end
    slots[i + 1] = now
  end
  if changed then
    return table.concat(slots)
  end
end

-- Read every block that the runs name and decide all of it; nothing is written here.
local function plan_runs(keys, before, runs, claims, partial, relayed)
  local plan = {key = {}, at = {}, slots = {}, size = {}, past = {}, outcome = {}, duplicates = 0}
  local index, n = 1, 0
  for run = 1, #runs / RUN_BYTES do
    local first, count, total = struct.unpack(RUN, runs, (run - 1) * RUN_BYTES + 1)
    local key = keys[before + run]
    local bytes, at = count * SLOT_BYTES, first * SLOT_BYTES
    local claim_at = (index - 1) * SLOT_BYTES
    if not key or first + count > total or claim_at + bytes > #claims then
      error('a run leaves its block or its batch')
    end
    local claim = string.sub(claims, claim_at + 1, claim_at + bytes)
    local held = redis.call('GETRANGE', key, at, at + bytes - 1)
    local slots = claim
    if held == claim and not partial then
      slots = nil
      for i = index, index + count - 1 do
        plan.outcome[i] = DUPLICATE
      end
      plan.duplicates = plan.duplicates + count
    elseif partial or (held ~= '' and held ~= absent(bytes)) then
      local padded = held .. absent(bytes - #held)
      slots = merge_run(plan, key, first, padded, claim, index, relayed)
    end
    if slots then
      n = n + 1
      plan.key[n], plan.at[n], plan.slots[n] = key, at, slots
      -- A block is made at its full size: growing later would double its memory.
      plan.size[n] = held == '' and at + bytes < total * SLOT_BYTES and total * SLOT_BYTES
    end
    index = index + count
  end
  plan.readings = index - 1
  return plan
end

local function write_plan(plan, sequence)
  for n = 1, #plan.key do
    if plan.size[n] then
      redis.call('SETRANGE', plan.key[n], plan.size[n] - 1, '\0')
    end
    redis.call('SETRANGE', plan.key[n], plan.at[n], plan.slots[n])
  end
  for _, past in ipairs(plan.past) do
    redis.call('HSET', past[1], past[2], struct.pack('<I1I2i8', past[3], past[4], sequence))
  end
end

local function entry_bytes(edge, excluded, payload)
  return #edge + #excluded + #payload + ENTRY_BYTES
end

local function add_entry(uplink, counter, edge, sequence, excluded, payload)
  redis.call('XADD', uplink, '*', 'e', edge, 's', sequence, 'x', excluded, 'p', payload,
    'c', 'interval')
  redis.call('INCRBY', counter, integer(entry_bytes(edge, excluded, payload)))
end

local function has_room(counter, limit, bytes)
  return tonumber(redis.call('GET', counter) or '0') + bytes <= tonumber(limit)
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

-- KEYS: uplink, its byte counter, last sequence, then a block a run.
-- ARGV: edge, uplink limit in bytes, runs, claims, payload.
-- Answer: sequence (0: all were duplicates), one outcome a reading (empty: all accepted).
local function accept(keys, args)
  local edge, limit, runs, claims, payload = args[1], args[2], args[3], args[4], args[5]
  local plan = plan_runs(keys, 3, runs, claims, false, false)
  if plan.readings == plan.duplicates then
    return {'0', outcomes(plan)}
  end
  local excluded = duplicate_bits(plan)
  if not has_room(keys[2], limit, entry_bytes(edge, excluded, payload)) then
    return redis.error_reply('STOREFULL the uplink is at its bound')
  end
  local sequence = next_sequence(keys[3])
  local text = integer(sequence)
  redis.call('SET', keys[3], text)
  write_plan(plan, sequence)
  add_entry(keys[1], keys[2], edge, text, excluded, payload)
  return {text, outcomes(plan)}
end

-- KEYS: uplink, its byte counter, watermarks, then the entries' blocks, a block a run.
-- ARGV: uplink limit in bytes, then an entry's edge, sequence, excluded, runs, claims, payload.
-- Answer: how many entries from the first are in; fewer than sent means the uplink is full.
local function relay(keys, args)
  local before, taken = 3, 0
  for a = 2, #args, 6 do
    local edge, sequence, excluded = args[a], args[a + 1], args[a + 2]
    local runs, claims, payload = args[a + 3], args[a + 4], args[a + 5]
    local number = tonumber(sequence)
    local watermark = tonumber(redis.call('HGET', keys[3], edge) or '-1')
    if number > watermark then
      if not has_room(keys[2], args[1], entry_bytes(edge, excluded, payload)) then
        return taken
      end
      local plan = plan_runs(keys, before, runs, claims, excluded ~= '', true)
      write_plan(plan, number)
      add_entry(keys[1], keys[2], edge, sequence, excluded, payload)
      redis.call('HSET', keys[3], edge, sequence)
    end
    before = before + #runs / RUN_BYTES
    taken = taken + 1
  end
  return taken
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

-- KEYS: meters, their version. ARGV: version, then meter id and record in turn: every change
-- after the held version, up to this one. Answer: the version now held.
local function registry_apply(keys, args)
  local version, held = tonumber(args[1]), tonumber(redis.call('GET', keys[2]) or '0')
  if version <= held then
    return held
  end
  for i = 2, #args, 2 do
    redis.call('HSET', keys[1], args[i], args[i + 1])
  end
  redis.call('SET', keys[2], args[1])
  return version
end

redis.register_function('gf1_accept', accept)
redis.register_function('gf1_relay', relay)
redis.register_function('gf1_uplink_ack', uplink_ack)
redis.register_function('gf1_registry_apply', registry_apply)
