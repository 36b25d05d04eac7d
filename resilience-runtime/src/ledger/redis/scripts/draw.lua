-- A limit is one number: the moment at which all of its permits are back if nobody comes, in microseconds of this server's
-- clock. A limit that is full is none. rate_limit/gcra.rs has the same rule.
-- The time in which one permit comes back; how many there are; no fewer, and no more, are wanted.
local interval, burst, least, wanted = unpack(ARGV)
local kept = redis.pcall('GET', KEYS[1])
if type(kept) == 'table' then
    return string.find(kept.err, 'WRONGTYPE', 1, true) and 'x' or kept
end
if kept and not tonumber(kept) then return 'x' end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full = math.ceil(interval * burst)
local arrival = math.max(tonumber(kept or 0), now)
-- So far ahead it comes of a clock that was set back.
local set_back = arrival > now + 2 * full + 10000000
if set_back then arrival = now + full end
local room = now + full - arrival
local granted = math.min(math.floor(room / interval), tonumber(wanted))
local denied = granted < tonumber(least)
if not denied then arrival = arrival + math.ceil(granted * interval) end
if set_back or not denied then
    local ms = math.max(math.ceil((arrival - now) / 1000), 1)
    redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', string.format('%.0f', ms))
end
if denied then return 'n' .. string.format('%.0f', math.ceil(least * interval) - room) end
return 'g' .. string.format('%.0f', granted)
