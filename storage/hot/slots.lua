-- Slots: what a reading's place holds, and which of two versions counts.
-- Layouts shared with packing.py, event_packing.py and storage/model: raw and final value of
-- `width` bytes each (4 in a run's block, 8 in an event's), quality, flags, revision of 2 bytes.
local PRESENT, HAS_RAW = 1, 2
local MAX_REVISION = 65535
local REST = '<I1I1I2'

local ESTIMATED, ACTUAL, EDITED = 0, 1, 2
local CLASS = {[7] = EDITED, [8] = ESTIMATED, [9] = ESTIMATED}
local DUPLICATE, CORRECTED, OUTRANKED = 1, 2, 3

-- What a key, an event and a replaced version cost in memory beside what they hold, about.
local KEY_BYTES, EVENT_COST, PAST_COST = 100, 64, 80

local function new_plan()
  return {
    -- What becomes of each reading (nil: accepted), and how many are duplicates.
    outcome = {}, duplicates = 0, readings = 0,
    -- To be written: ranges of strings, whole strings, fields of hashes, replaced versions.
    key = {}, at = {}, slots = {}, size = {}, images = {}, fields = {}, past = {},
    -- Memory that the tenant takes up by it, and the strips that it makes.
    bytes = 0, made = {},
  }
end

local function duplicate(plan, index)
  plan.outcome[index] = DUPLICATE
  plan.duplicates = plan.duplicates + 1
end

-- Decide a claim on a slot that holds a value; `place` names the slot in the block's `history`.
-- Values are compared as bytes: a number of Lua's cannot hold 64 bits. Answer: the slot as it
-- will be, nil when it stays.
local function merge_slot(plan, index, history, place, now, claim, width, relayed)
  local final = string.sub(now, width + 1, 2 * width)
  local held_quality, flags, revision = struct.unpack(REST, now, 2 * width + 1)
  local value = string.sub(claim, width + 1, 2 * width)
  local quality = string.byte(claim, 2 * width + 1)
  local class, held_class = CLASS[quality] or ACTUAL, CLASS[held_quality] or ACTUAL
  local version = place .. value .. string.char(class)
  if (value == final and class == held_class)
    or (not relayed and redis.call('HEXISTS', history, version) == 1) then
    duplicate(plan, index)
    return nil
  end
  plan.outcome[index] = class < held_class and OUTRANKED or CORRECTED
  revision = math.min(revision + 1, MAX_REVISION)
  local raw, past_quality = string.sub(now, 1, width), quality
  if class >= held_class then
    version = place .. final .. string.char(held_class)
    past_quality = held_quality
    final, held_quality = value, quality
  end
  if class == ACTUAL then
    raw, flags = value, bit.bor(flags, HAS_RAW)
  end
  plan.bytes = plan.bytes + PAST_COST
  plan.past[#plan.past + 1] = {history, version, past_quality, revision}
  return raw .. final .. struct.pack(REST, held_quality, flags, revision)
end

local function write_past(plan, sequence)
  for _, past in ipairs(plan.past) do
    redis.call('HSET', past[1], past[2], struct.pack('<I1I2i8', past[3], past[4], sequence))
  end
end
