#!/bin/sh
# java: a program is compiled in memory and runs: collections, text, compression and buffers outside of the Java heap, in four threads; then it rests.
# The JVM's own memory, its compiler's and that of zlib come from malloc, the Java heap does not.
. "$(dirname "$0")/common.sh"
need default-jdk-headless java javac

cat >Work.java <<'END'
import java.io.*;
import java.nio.*;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.stream.*;
import java.util.zip.*;

public class Work {
  static long words(int seed) {
    Map<String, Integer> counts = new TreeMap<>();
    Random random = new Random(seed);
    for (int i = 0; i < 200000; i++) counts.merge("w" + random.nextInt(20000), 1, Integer::sum);
    String text = counts.entrySet().stream().map(e -> e.getKey() + "=" + e.getValue()).collect(Collectors.joining(" "));
    return text.length() + text.replaceAll("1+", "one").split(" ").length;
  }
  static long squeeze(int seed) throws Exception {
    byte[] plain = new byte[100000];
    Random random = new Random(seed);
    for (int i = 0; i < plain.length; i++) plain[i] = (byte) (random.nextInt(20) + 'a');
    long sum = 0;
    for (int round = 0; round < 60; round++) {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      try (GZIPOutputStream zip = new GZIPOutputStream(out)) { zip.write(plain, 0, 1000 + round * 1500); }
      try (GZIPInputStream in = new GZIPInputStream(new ByteArrayInputStream(out.toByteArray()))) { sum += in.readAllBytes().length; }
    }
    return sum;
  }
  static long buffers(int seed) {
    List<ByteBuffer> kept = new ArrayList<>();
    long sum = 0;
    for (int i = 0; i < 4000; i++) {
      ByteBuffer buffer = ByteBuffer.allocateDirect(100 + (seed * 7919 + i * 31) % 20000);
      buffer.putInt(0, i);
      if (kept.size() < 200) kept.add(buffer); else kept.set(i % 200, buffer);
    }
    for (ByteBuffer buffer : kept) sum += buffer.getInt(0);
    return sum;
  }
  public static void main(String[] arguments) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(4);
    List<Future<Long>> parts = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      final int seed = i;
      parts.add(threads.submit(() -> words(seed)));
      parts.add(threads.submit(() -> squeeze(seed)));
      parts.add(threads.submit(() -> buffers(seed)));
    }
    long sum = 0;
    for (Future<Long> part : parts) sum = sum * 31 + part.get();
    threads.shutdown();
    System.out.println(sum);
    Files.createFile(Paths.get(arguments[0]));
    Thread.sleep(3000);
  }
}
END
measured_with_rest java -XX:+UseSerialGC -Xms64m -Xmx64m -XX:-UsePerfData Work.java "$place/worked" >out 2>err || { tail -n 5 err >&2; fail "java failed"; }
same_sum 2918966435 out
report 12
