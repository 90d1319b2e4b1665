--[[ app.record('not.wav') ]]
extensions = { wards = { ['2001'] = function(c, e)
  app.mixmonitor('x.wav')
end } }
