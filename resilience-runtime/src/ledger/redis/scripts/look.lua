-- The fence of the claim that somebody waits for.
if not state or part(56, 63) ~= ARGV[1] then return 'l' end
if done then return result() end
if state == 'r' and number(64) > now() then return 'r' end
return 'l'
