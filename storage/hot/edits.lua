-- Edits: what headquarters wrote over readings, on its way down. Nothing of it goes up again.
local MOST_EDITS_KEPT = 20000

-- Keep an edit for the zones below, which ask for it; the oldest of many make way.
local function hand_on(stream, edge, sequence, payload)
  redis.call('XADD', stream, sequence .. '-0', 'e', edge, 'p', payload)
  local counter, grown = hot_bytes_key(stream), #edge + #payload + ENTRY_BYTES
  while redis.call('XLEN', stream) > MOST_EDITS_KEPT do
    local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
    grown = grown - #oldest[2][2] - #oldest[2][4] - ENTRY_BYTES
    redis.call('XTRIM', stream, 'MAXLEN', '=', redis.call('XLEN', stream) - 1)
  end
  redis.call('INCRBY', counter, integer(grown))
end

-- KEYS: position, places' epoch, watermarks, edits for the zones below, then strips or blocks.
-- ARGV: limits in bytes of what waits for validation and of the tenant's memory, places' token
-- (empty for events), edge, sequence, excluded, kind (empty: nothing of it is held here), runs or
-- spans, claims, payload, 1 where this zone validates and hands on.
-- Answer: 1 when it was taken now, 0 when it had been before.
local function bring_down(keys, args)
  local edge, sequence, excluded, payload = args[4], args[5], args[6], args[10]
  local held_edge, held = string.match(redis.call('GET', keys[1]) or '', '^(.*) (%d+)$')
  if held_edge == edge and tonumber(held) >= tonumber(sequence) then
    return 0
  end
  if args[7] ~= '' then
    local moved = places_moved(keys[2], args[3])
    if moved then
      return moved
    end
    local validates = args[11] == '1'
    if validates and not validation_has_room(keys[3], args[1], excluded, payload) then
      return redis.error_reply('STOREFULL what waits for validation is at its bound')
    end
    local plan = kind_of(args[7]).plan(keys, 4, args[8], args[9], excluded ~= '', true)
    if not has_memory(plan, keys[5], args[2]) then
      return redis.error_reply('STOREFULL the tenant has as much in memory as it may')
    end
    write_plan(plan, tonumber(sequence), keys[5])
    if validates then
      await_validation(keys[3], excluded, payload)
    end
  end
  if args[11] == '1' then
    hand_on(keys[4], edge, sequence, payload)
  end
  redis.call('SET', keys[1], edge .. ' ' .. sequence)
  return 1
end

redis.register_function('gf5_bring_down', bring_down)
