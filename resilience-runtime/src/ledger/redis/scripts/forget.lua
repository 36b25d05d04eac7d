-- The fence. The record stays for its ttl, out of sight: the next fence must rise though the clock may step back.
if not state or state == 'f' or part(56, 63) ~= ARGV[1] then return 'l' end
if state == 'r' and number(64) > now() then return 'l' end
settle('f', '')
return 'y'
