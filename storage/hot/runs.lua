-- Runs: consecutive slots of a block, which is one string of a day's slots.
local SLOT_BYTES, SLOT_WIDTH = 12, 4
local RUN, RUN_BYTES = '<I2I2I2', 6

local zeros = {}
local function absent(bytes)
  local text = zeros[bytes]
  if not text then
    text = string.rep('\0', bytes)
    zeros[bytes] = text
  end
  return text
end

-- Decide one run against what its block holds. `index` is its first reading in the batch. A
-- claim with no flags is excluded and leaves its slot alone.
local function merge_run(plan, key, first, held, claims, index, relayed)
  local history
  local slots, changed = {}, false
  for i = 0, #claims / SLOT_BYTES - 1 do
    local p = i * SLOT_BYTES + 1
    local now = string.sub(held, p, p + SLOT_BYTES - 1)
    local claimed = string.byte(claims, p + 9)
    if claimed ~= 0 then
      local claim = string.sub(claims, p, p + SLOT_BYTES - 1)
      local slot = claim
      if string.byte(now, 10) % 2 == PRESENT then
        history = history or string.gsub(key, ':b:', ':h:', 1)
        local place = struct.pack('<I2', first + i)
        slot = merge_slot(plan, index + i, history, place, now, claim, SLOT_WIDTH, relayed)
      end
      if slot then
        now, changed = slot, true
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
  local plan = new_plan()
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
        duplicate(plan, i)
      end
    elseif partial or (held ~= '' and held ~= absent(bytes)) then
      local padded = held .. absent(bytes - #held)
      slots = merge_run(plan, key, first, padded, claim, index, relayed)
    end
    if slots then
      n = n + 1
      plan.key[n], plan.at[n], plan.slots[n] = key, at, slots
      if held == '' and not plan.made[key] then
        plan.made[key] = true
        plan.bytes = plan.bytes + KEY_BYTES + #key + total * SLOT_BYTES
      end
      -- A block is made at its full size: grown slot by slot a day of 96 takes 1,264 bytes, not
      -- 1,184, and one of 1,440 takes 19,984, not 17,312.
      plan.size[n] = held == '' and at + bytes < total * SLOT_BYTES and total * SLOT_BYTES
    end
    index = index + count
  end
  plan.readings = index - 1
  return plan
end

local function write_runs(plan)
  for n = 1, #plan.key do
    if plan.size[n] then
      redis.call('SETRANGE', plan.key[n], plan.size[n] - 1, '\0')
    end
    redis.call('SETRANGE', plan.key[n], plan.at[n], plan.slots[n])
  end
end
