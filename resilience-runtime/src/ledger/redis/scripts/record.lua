-- A record, in bytes from 1, numbers with the highest byte first (row.rs has the same):
--   1 "RSL1"   5 state   6 at_most_once   7 fingerprint (33)   40 owner (16)   56 fence (8)   64 end of the lease (8)
--   72 since (8)   80 attempt (4)   84 version (4)   88 ttl in ms (8)   96, 98 lengths (2) of   100 site, text, result
-- States: (r)unning, in (d)oubt, re(l)eased, (f)orgotten; done: (v)alue, (e)rror, (n)ot kept.
-- Times are microseconds of this server's clock. They fit a double, which is what a number is here.
local key = KEYS[1]
local record = redis.pcall('GET', key)
if type(record) == 'table' then
    return string.find(record.err, 'WRONGTYPE', 1, true) and 'x' or record
end

local function part(from, to) return string.sub(record, from, to) end
local function number(at) return (struct.unpack('>I8', record, at)) end
local function body() return 100 + struct.unpack('>I2', record, 96) + struct.unpack('>I2', record, 98) end

if record then
    local ours = #record >= 99 and part(1, 4) == 'RSL1' and #record >= body() - 1
    -- Not ours: nothing is done to it.
    if not ours or not string.find('rdlfven', part(5, 5), 1, true) then return 'x' end
end

local state = record and part(5, 5)
local done = state == 'v' or state == 'e' or state == 'n'
local once = record and part(6, 6) == '\1'

local function now()
    local time = redis.call('TIME')
    return time[1] * 1000000 + time[2]
end

-- Without an end it stays for ever.
local function keep(bytes, ms)
    if ms then
        redis.call('SET', key, bytes, 'PX', string.format('%.0f', ms))
    else
        redis.call('SET', key, bytes)
    end
end

local function result() return state .. part(84, 87) .. part(body()) end

-- The record leaves its state for another one, which is kept for `ttl`, or for that of its claim.
local function settle(to, result, ttl, version)
    local bytes = part(1, 4) .. to .. part(6, 71) .. struct.pack('>I8', now()) .. part(80, 83)
        .. (version or part(84, 87)) .. part(88, body() - 1) .. result
    -- What waits for an operator waits for as long as it takes.
    keep(bytes, not (to == 'd' and once) and (ttl or number(88)) or nil)
end
