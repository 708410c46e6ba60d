#!/bin/sh
# lua5.4: tables, strings, closures, coroutines, the collector in both of its modes.
. "$(dirname "$0")/common.sh"
need lua5.4

cat >"$place/work.lua" <<'LUA'
local function tree(depth) return depth == 0 and {} or {tree(depth - 1), tree(depth - 1)} end
local function count(t) return t[1] and 1 + count(t[1]) + count(t[2]) or 1 end
for _, mode in ipairs {"incremental", "generational"} do
  collectgarbage(mode)
  for depth = 4, 14, 2 do print(mode, depth, count(tree(depth))) end
  local words = {}
  for i = 1, 60000 do words[#words + 1] = ("%s-%d"):format(string.rep("w", i % 70), i * 7919 % 60000) end
  table.sort(words)
  print(#words, words[1], words[#words], #table.concat(words, ","))
  local seen = {}
  for w in table.concat(words, " "):gmatch("w+") do seen[#w] = (seen[#w] or 0) + 1 end
  for i = 1, #seen do io.write(i, "=", seen[i], " ") end
  print()
  local routines = {}
  for i = 1, 2000 do
    routines[i] = coroutine.wrap(function(n) for k = 1, 5 do n = coroutine.yield(n * k + i) end return -1 end)
  end
  local sum = 0
  for k = 1, 5 do for i = 1, #routines do sum = sum + routines[i](k) end end
  print("coroutines", sum)
  local big = {}
  for i = 1, 18 do big[i] = string.rep(string.char(64 + i), 1 << i) end
  print(#table.concat(big))
  collectgarbage()
end
LUA
work() { under lua5.4 "$place/work.lua"; }

used lua5.4 -v
compare work
