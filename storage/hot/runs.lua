-- Runs: slots of a strip, which is one string of a day: a cell for each of its meters in the first
-- slot, then in the next. A run is cells at even steps: neighbours when it is an instant of several
-- meters, a slot's cells apart when it is a meter's own slots, one after another.
local SLOT_BYTES, SLOT_WIDTH, METERS_A_STRIP = 12, 4, 8
local RUN, RUN_BYTES = '<I2I2I2I2', 8
local EMPTY = '\0\0\0\0\0\0\0\0\0\0\0\0'

local zeros = {}
local function absent(bytes)
  local text = zeros[bytes]
  if not text then
    text = string.rep('\0', bytes)
    zeros[bytes] = text
  end
  return text
end

-- The run's first cell, how many cells, how many a strip has, and the bytes from one to the next.
local function read_run(runs, run)
  local first, count, total, step = struct.unpack(RUN, runs, (run - 1) * RUN_BYTES + 1)
  if step == 0 or first + (count - 1) * step >= total then
    error('a run leaves its strip')
  end
  return first, count, total, step * SLOT_BYTES
end

local function claim_of(claims, index, count)
  local claim_at = (index - 1) * SLOT_BYTES
  if claim_at + count * SLOT_BYTES > #claims then
    error('a run leaves its batch')
  end
  return string.sub(claims, claim_at + 1, claim_at + count * SLOT_BYTES)
end

local function count_strip(plan, key, total)
  plan.bytes = plan.bytes + KEY_BYTES + #key + total * SLOT_BYTES
end

-- Decide one run against what its strip holds. In `text` its first cell comes after `base` bytes, in
-- `claims` its first claim after `claim_base`, and those after it `step` and `claim_step` bytes apart;
-- `index` is its first reading in the batch. A claim with no flags is excluded and leaves its slot
-- alone. Answer: the strip's bytes from the first cell to the last as they will be, nil when they stay.
local function merge_run(
  plan, key, first, count, step, text, base, claims, claim_base, claim_step, index, relayed)
  local history
  local gap = step - SLOT_BYTES
  local pieces, n, changed = {}, 0, false
  for i = 0, count - 1 do
    local p, c = base + i * step + 1, claim_base + i * claim_step + 1
    local now = string.sub(text, p, p + SLOT_BYTES - 1)
    if string.byte(claims, c + 9) ~= 0 then
      local slot = string.sub(claims, c, c + SLOT_BYTES - 1)
      if now ~= EMPTY then
        history = history or string.gsub(key, ':s:', ':h:', 1)
        local place = struct.pack('<I2', first + i * step / SLOT_BYTES)
        slot = merge_slot(plan, index + i, history, place, now, slot, SLOT_WIDTH, relayed)
      end
      if slot then
        now, changed = slot, true
      end
    end
    n = n + 1
    pieces[n] = now
    if gap > 0 and i < count - 1 then
      n = n + 1
      pieces[n] = string.sub(text, p + SLOT_BYTES, p + step - 1)
    end
  end
  if changed then
    return table.concat(pieces)
  end
end

-- Note that a range of a strip is to be written; `held` is what it has now.
local function write_range(plan, key, at, slots, held, total)
  local n = #plan.key + 1
  plan.key[n], plan.at[n], plan.slots[n] = key, at, slots
  if held == '' and not plan.made[key] then
    plan.made[key] = true
    count_strip(plan, key, total)
  end
  -- A strip is made at its full size: grown slot by slot it would take a tenth more memory.
  plan.size[n] = held == '' and at + #slots < total * SLOT_BYTES and total * SLOT_BYTES
end

-- Runs of neighbours only: of each strip just their cells are read and written. Nothing is written
-- here.
local function plan_rows(keys, before, runs, claims, partial, relayed)
  local plan = new_plan()
  local index = 1
  for run = 1, #runs / RUN_BYTES do
    local first, count, total = read_run(runs, run)
    local key = keys[before + run] or error('a run without a strip')
    local bytes, at = count * SLOT_BYTES, first * SLOT_BYTES
    local claim = claim_of(claims, index, count)
    local held = redis.call('GETRANGE', key, at, at + bytes - 1)
    local slots = claim
    if held == claim and not partial then
      slots = nil
      for i = index, index + count - 1 do
        duplicate(plan, i)
      end
    elseif partial or (held ~= '' and held ~= absent(bytes)) then
      local padded = held .. absent(bytes - #held)
      slots = merge_run(
        plan, key, first, count, SLOT_BYTES, padded, 0, claim, 0, SLOT_BYTES, index, relayed)
    end
    if slots then
      write_range(plan, key, at, slots, held, total)
    end
    index = index + count
  end
  plan.readings = index - 1
  return plan
end

local function image_of(plan, key, total)
  local image = plan.images[key]
  if not image then
    local bytes = total * SLOT_BYTES
    local held = redis.call('GET', key) or ''
    image = {text = held .. absent(bytes - #held), from = bytes, to = 0, bytes = bytes, new = held == ''}
    plan.images[key] = image
  end
  return image
end

-- Runs with a meter's own slots among them, by segments: stretches of a strip's cells, which the
-- claims have whole, cells without a claim as zeros. `claims` begins with the runs of all segments.
-- A stretch without any value is written as it came. Else the strip is read whole and its runs are
-- merged one by one, since what one of them writes lies between the cells of the next.
local SEGMENT, SEGMENT_BYTES = '<I2I2I2I2', 8

local function claimed_runs(segments)
  local count = 0
  for at = 1, #segments, SEGMENT_BYTES do
    count = count + struct.unpack('<I2', segments, at)
  end
  return count
end

local function merge_segment(plan, key, total, runs, claims, relayed)
  local image = image_of(plan, key, total)
  for _, run in ipairs(runs) do
    local first, count, step = run.first, run.count, run.step
    local at = first * SLOT_BYTES
    local cells = merge_run(
      plan, key, first, count, step, image.text, at, claims, run.claim_at, step, run.index, relayed)
    if cells then
      local after = at + #cells
      image.text = string.sub(image.text, 1, at) .. cells .. string.sub(image.text, after + 1)
      image.from, image.to = math.min(image.from, at), math.max(image.to, after)
      if image.new and not plan.made[key] then
        plan.made[key] = true
        count_strip(plan, key, total)
        image.from, image.to = 0, image.bytes
      end
    end
  end
end

-- `alone` says that no other segment of the batch is of the same strip.
local function plan_segments(keys, before, segments, claims, relayed, alone)
  local plan = new_plan()
  local index, next_run, claim_at = 1, 1, claimed_runs(segments) * RUN_BYTES
  for number = 1, #segments / SEGMENT_BYTES do
    local many, from, cells, total =
      struct.unpack(SEGMENT, segments, (number - 1) * SEGMENT_BYTES + 1)
    local key = keys[before + number] or error('a segment without a strip')
    local bytes = cells * SLOT_BYTES
    if from + cells > total or claim_at + bytes > #claims then
      error('a segment leaves its strip or its batch')
    end
    local runs = {}
    for n = 1, many do
      local first, count, _, step = read_run(claims, next_run)
      if first < from or first + (count - 1) * step / SLOT_BYTES >= from + cells then
        error('a run leaves its segment')
      end
      local base = claim_at + (first - from) * SLOT_BYTES
      runs[n] = {first = first, count = count, step = step, claim_at = base, index = index}
      index, next_run = index + count, next_run + 1
    end
    local at = from * SLOT_BYTES
    local held = alone and redis.call('GETRANGE', key, at, at + bytes - 1)
    local claimed = held and string.sub(claims, claim_at + 1, claim_at + bytes)
    if held and (held == '' or held == absent(bytes)) and claimed ~= absent(bytes) then
      write_range(plan, key, at, claimed, held, total)
    else
      merge_segment(plan, key, total, runs, claims, relayed)
    end
    claim_at = claim_at + bytes
  end
  plan.readings = index - 1
  return plan
end

local function plan_columns(keys, before, segments, claims, _, relayed)
  return plan_segments(keys, before, segments, claims, relayed, true)
end

local function plan_scattered(keys, before, segments, claims, _, relayed)
  return plan_segments(keys, before, segments, claims, relayed, false)
end

local function write_runs(plan)
  for n = 1, #plan.key do
    if plan.size[n] then
      redis.call('SETRANGE', plan.key[n], plan.size[n] - 1, '\0')
    end
    redis.call('SETRANGE', plan.key[n], plan.at[n], plan.slots[n])
  end
  for key, image in pairs(plan.images) do
    if image.to > image.from then
      redis.call('SETRANGE', key, image.from, string.sub(image.text, image.from + 1, image.to))
    end
  end
end
