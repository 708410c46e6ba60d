#!/bin/sh
# lua5.4: short-lived tables, strings and closures: binary trees, counted words, a text joined and split.
. "$(dirname "$0")/common.sh"
need lua5.4 lua5.4

cat >work.lua <<'END'
local function tree(depth)
  if depth == 0 then return {} end
  return {tree(depth - 1), tree(depth - 1)}
end
local function count(node) return node[1] and 1 + count(node[1]) + count(node[2]) or 1 end

local nodes = 0
local kept = tree(15)
for depth = 4, 14, 2 do
  for i = 1, 1 << (18 - depth) do nodes = nodes + count(tree(depth)) end
end
print("nodes", nodes + count(kept))

local x = 42
local function random(n) x = (x * 1103515245 + 12345) % 2147483648; return x // 65536 % n end

local words = {}
for i = 1, 1000000 do
  local word = string.rep(string.char(97 + random(26)), 1 + random(12)) .. random(400)
  words[word] = (words[word] or 0) + 1
end
local sorted = {}
for word, n in pairs(words) do sorted[#sorted + 1] = word .. "=" .. n end
table.sort(sorted)
local text = table.concat(sorted, " ")
print("words", #sorted, #text, text:sub(1, 60))

local total = 0
for round = 1, 3 do
  for word, n in text:gmatch("(%w+)=(%d+)") do total = total + #word * tonumber(n) end
  text = text:gsub("a", "bc")
end
print("text", total, #text)

local calls = {}
for i = 1, 1000000 do
  local value = {name = "entry" .. i, size = random(1000)}
  calls[i % 5000 + 1] = function() return value.size + #value.name end
end
local sum = 0
for i = 1, #calls do sum = sum + calls[i]() end
print("closures", sum)
END
measured lua5.4 work.lua >out 2>err || { cat err >&2; fail "lua5.4 failed"; }
same_sum 3719368252 out
report "$(sed -n 's/^nodes[[:space:]]*//p' out)"
