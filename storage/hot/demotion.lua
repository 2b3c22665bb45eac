-- Demotion: a meter's day leaves the hot store, if it is still as its record was found to be.

-- Take a meter's cells out of its strip; nil when one of them is not as expected.
local function without_column(text, first, expected)
  local step, pieces, n = METERS_A_STRIP * SLOT_BYTES, {string.sub(text, 1, first * SLOT_BYTES)}, 1
  for c = 1, #expected, SLOT_BYTES do
    local p = first * SLOT_BYTES + (c - 1) / SLOT_BYTES * step + 1
    if string.sub(text, p, p + SLOT_BYTES - 1) ~= string.sub(expected, c, c + SLOT_BYTES - 1) then
      return nil
    end
    pieces[n + 1], pieces[n + 2] = EMPTY, string.sub(text, p + SLOT_BYTES, p + step - 1)
    n = n + 2
  end
  return table.concat(pieces)
end

-- KEYS: places' epoch, byte counter of the tenant's memory, findings, then a strip a block. ARGV:
-- places' token, then a block's first cell, its slots as the record has them and its name among the
-- findings, in turn. What was found in a block goes with it.
-- Answer: for each block 1 when it is gone, 0 when it changed meanwhile or was not there.
local function drop(keys, args)
  local moved = places_moved(keys[1], args[1])
  if moved then
    return moved
  end
  local gone = {}
  for n = 1, #keys - 3 do
    local key, first, expected = keys[n + 3], tonumber(args[3 * n - 1]), args[3 * n]
    local text = redis.call('GET', key)
    local left = nil
    if text and #text == #expected * METERS_A_STRIP and first < METERS_A_STRIP then
      left = without_column(text, first, expected)
    end
    gone[n] = left and 1 or 0
    if left then
      count_findings(keys[3], hold_finding(keys[3], args[3 * n + 1], ''))
    end
    if left == absent(#text) then
      local history = string.gsub(key, ':s:', ':h:', 1)
      local freed = KEY_BYTES + #key + #text + redis.call('HLEN', history) * PAST_COST
      redis.call('DEL', key, history)
      redis.call('DECRBY', keys[2], integer(freed))
    elseif left then
      redis.call('SET', key, left)
    end
  end
  return gone
end

redis.register_function('gf5_demote', drop)
