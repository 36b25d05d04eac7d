-- Owner and fence; the lease in microseconds.
if not state or part(40, 63) ~= ARGV[1] then return 'l' end
if done then return 'y' end
if state ~= 'r' then return 'l' end
local lease = tonumber(ARGV[2])
local bytes = part(1, 63) .. struct.pack('>I8', now() + lease) .. part(72)
keep(bytes, not once and number(88) + lease / 1000 or nil)
return 'y'
