-- The fence; the state of the result, and itself.
if not state or part(56, 63) ~= ARGV[1] then return 'l' end
if state ~= 'd' and not (state == 'r' and number(64) <= now()) then return 'l' end
-- Its owner, if he comes after all, must not take this result for his own.
local other = string.gsub(part(40, 55), '.', function(byte) return string.char(255 - string.byte(byte)) end)
record = part(1, 39) .. other .. part(56)
settle(ARGV[2], ARGV[3])
return 'y'
