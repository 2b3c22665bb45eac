-- Messages that a child zone brings: published here once, and handed on where there is a parent.
-- ARGV: topic and limits, as for publish; way, edge, sequence, sequence before it, class, payload,
-- bytes of the class that may wait for the parent (empty: there is none); then fields.
-- Answer: {'full', limit}, {'published', id} or {'before', ''}.
local function take_bridged(keys, args)
  local prefix = keys[1]
  local way, edge, sequence, after, class, payload, limit = unpack(args, 9, 15)
  local marks = prefix .. ':wm'
  if tonumber(sequence) <= tonumber(redis.call('HGET', marks, way) or '-1') then
    return {'before', ''}
  end
  if limit ~= '' and not has_uplink_room(prefix, class, limit, uplink_bytes(edge, payload)) then
    return {'full', 'bridge_bytes'}
  end
  local done = add_message(prefix, args, rest_of(args, 16))
  if done[1] == 'full' then
    return done
  end
  redis.call('HSET', marks, way, sequence)
  if limit ~= '' then
    add_uplink(prefix, class, edge, sequence, after, payload)
  end
  return done
end

redis.register_function('gfq1_take_bridged', take_bridged)
