-- Owner and fence; the next state; of a result also its version, itself, and its ttl.
if not state or part(40, 63) ~= ARGV[1] then return 'l' end
-- The answer to a write was lost, and the write is sent again.
if done or (state == 'l' and ARGV[2] == 'l') then return 'y' end
if state ~= 'r' then return 'l' end
settle(ARGV[2], ARGV[4] or '', tonumber(ARGV[5]), ARGV[3])
return 'y'
