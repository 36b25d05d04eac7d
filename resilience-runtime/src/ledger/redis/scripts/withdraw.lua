-- The owner.
if state ~= 'r' or part(40, 55) ~= ARGV[1] then return 'l' end
settle('l', '')
return 'y'
