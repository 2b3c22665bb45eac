-- What this zone has of an edge's entries, in whatever order they came: storage/model/received.py.
-- A field of the hash of watermarks says up to where everything is here, the same field of the
-- hash beside it which ranges further on are: "low-high low-high", apart and by rising numbers.
local MAX_AHEAD = 256

local function ahead_key(watermarks)
  return string.gsub(watermarks, ':wm$', ':wa', 1)
end

local function read_received(watermarks, way)
  local received = {through = tonumber(redis.call('HGET', watermarks, way) or '-1'), ahead = {}}
  local text = redis.call('HGET', ahead_key(watermarks), way)
  if text and text ~= '' then
    received.kept_ahead = true
    for low, high in string.gmatch(text, '(%d+)-(%d+)') do
      received.ahead[#received.ahead + 1] = {tonumber(low), tonumber(high)}
    end
  end
  return received
end

local function has_received(received, sequence)
  if sequence <= received.through then
    return true
  end
  for _, range in ipairs(received.ahead) do
    if range[1] < sequence and sequence <= range[2] then
      return true
    end
  end
  return false
end

-- The ranges with one more entry; nil when that is one range too many. `after` nil: all in order.
local function with_entry(received, sequence, after)
  local low, through = after or received.through, received.through
  local ahead, merged = {}, nil
  if low <= math.max(through, 0) then
    through = math.max(through, sequence)
    for _, range in ipairs(received.ahead) do
      if range[1] <= through then
        through = math.max(through, range[2])
      else
        ahead[#ahead + 1] = range
      end
    end
  else
    merged = {low, sequence}
    local placed = false
    for _, range in ipairs(received.ahead) do
      if range[2] < merged[1] then
        ahead[#ahead + 1] = range
      elseif range[1] > merged[2] then
        if not placed then
          ahead[#ahead + 1], placed = merged, true
        end
        ahead[#ahead + 1] = range
      else
        merged = {math.min(merged[1], range[1]), math.max(merged[2], range[2])}
      end
    end
    if not placed then
      ahead[#ahead + 1] = merged
    end
    if #ahead > MAX_AHEAD then
      return nil
    end
  end
  return {through = through, ahead = ahead, kept_ahead = received.kept_ahead}
end

local function write_received(watermarks, way, received)
  redis.call('HSET', watermarks, way, integer(received.through))
  if #received.ahead > 0 or received.kept_ahead then
    local ranges = {}
    for n, range in ipairs(received.ahead) do
      ranges[n] = integer(range[1]) .. '-' .. integer(range[2])
    end
    redis.call('HSET', ahead_key(watermarks), way, table.concat(ranges, ' '))
  end
end
