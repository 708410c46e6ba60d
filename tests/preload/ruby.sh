#!/bin/sh
# Ruby: strings, hashes, regular expressions, threads, fork, zlib, Marshal, and its own collector with compaction.
MODES=${MODES:-default full debug guard}
. "$(dirname "$0")/common.sh"
need ruby

cat >"$place/work.rb" <<'END'
require 'zlib'
require 'digest'
require 'json'
rows = (0...4000).map { |i| { 'i' => i, 'name' => 'n' * (i * 7 % 50), 'at' => [i % 7, { 'deep' => i * 31 % 1001 }] } }
text = JSON.generate(rows)
packed = Zlib::Deflate.deflate(text, 6)
raise 'zlib lost something' unless Zlib::Inflate.inflate(packed) == text
puts text.length, packed.length, Digest::SHA256.hexdigest(text)
words = Hash.new(0)
text.scan(/[a-z]+|\d+/) { |word| words[word] += 1 }
puts words.length, words.sort_by { |word, count| [-count, word] }.first(10).inspect
results = (1..4).map do |seed|
  Thread.new { (0...3000).map { |i| ('%d' % (i * seed)) * (i % 20 + 1) }.map(&:length).sum }
end
puts results.map(&:value).inspect
copy = Marshal.load(Marshal.dump(rows))
puts copy == rows
3.times do |child|
  reader, writer = IO.pipe
  pid = fork do
    reader.close
    writer.write((0...2000).map { |i| (i * child).to_s * 5 }.join.sum)
    writer.close
  end
  writer.close
  puts reader.read
  Process.wait(pid)
  puts $?.exitstatus
end
rows = nil
GC.start
GC.compact if GC.respond_to?(:compact)
big = 'x' * 1_000_000
200.times { |i| big << i.to_s; big = big[0, 900_000 + i] if i % 10 == 0 }
puts big.length, Digest::SHA256.hexdigest(big)
END
work() { under ruby "$place/work.rb"; }

used ruby -e 0
compare work
