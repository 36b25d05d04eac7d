if not state or state == 'f' then return '' end
return struct.pack('>I8', now()) .. record
