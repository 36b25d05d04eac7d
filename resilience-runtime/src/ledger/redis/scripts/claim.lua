-- The record up to its fence, and from its version on; the lease in microseconds.
local head, tail, lease = ARGV[1], ARGV[2], tonumber(ARGV[3])
if state and state ~= 'f' then
    if part(7, 39) ~= string.sub(head, 7, 39) then return 'm' end
    -- A replay reads no clock.
    if done then return result() end
end
local at = now()
local fence, attempt = at, 1
if state then
    local last, lapses = number(56), number(64)
    if state == 'r' and lapses > at then
        if part(40, 55) == string.sub(head, 40, 55) then return 'g' .. part(56, 63) end
        return 'r' .. part(56, 63) .. struct.pack('>I8', lapses - at)
    end
    if once and (state == 'r' or state == 'd') then return 'd' end
    fence = math.max(at, last + 1)
    if state ~= 'f' then attempt = math.min(struct.unpack('>I4', record, 80) + 1, 4294967295) end
end
local numbers = struct.pack('>I8I8I8I4', fence, at + lease, at, attempt)
-- It outlives the lease, so that an interrupted call leaves its mark.
local ms = struct.unpack('>I8', tail, 5) + lease / 1000
keep(head .. numbers .. tail, string.sub(head, 6, 6) ~= '\1' and ms or nil)
return 'g' .. string.sub(numbers, 1, 8)
