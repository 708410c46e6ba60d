#!/bin/sh
# A Java virtual machine: its version, and a program with threads, direct buffers, zlib and many objects, which its own compiler compiles first.
# timeout: 900
MODES=${MODES:-default full debug guard}
. "$(dirname "$0")/common.sh"
need java javac

cat >"$place/Work.java" <<'END'
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.*;
import java.util.concurrent.*;
import java.util.zip.*;

public class Work {
  static String digest(byte[] of) throws Exception {
    return String.format("%064x", new java.math.BigInteger(1, MessageDigest.getInstance("SHA-256").digest(of)));
  }

  static String job(int seed) throws Exception {
    Random random = new Random(seed);
    byte[] text = new byte[200000];
    for (int i = 0; i < text.length; i++) text[i] = (byte) ('a' + random.nextInt(4 + seed));
    Deflater deflater = new Deflater(6);
    deflater.setInput(text);
    deflater.finish();
    byte[] packed = new byte[text.length + 100];
    int length = deflater.deflate(packed);
    deflater.end();
    Inflater inflater = new Inflater();
    inflater.setInput(packed, 0, length);
    byte[] again = new byte[text.length];
    inflater.inflate(again);
    inflater.end();
    if (!Arrays.equals(text, again)) throw new Exception("zlib lost something");
    List<ByteBuffer> buffers = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      ByteBuffer buffer = ByteBuffer.allocateDirect(1 + random.nextInt(50000));
      while (buffer.hasRemaining()) buffer.put((byte) i);
      buffers.add(buffer);
    }
    long sum = 0;
    for (ByteBuffer buffer : buffers) for (int i = 0; i < buffer.capacity(); i += 97) sum += buffer.get(i);
    Map<String, Integer> map = new TreeMap<>();
    for (int i = 0; i < 20000; i++) map.merge("key" + (i * 7919 + seed) % 3001, i, Integer::sum);
    return length + " " + digest(again) + " " + sum + " " + map.hashCode();
  }

  public static void main(String[] arguments) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(4);
    List<Future<String>> results = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      int seed = i;
      results.add(pool.submit(() -> job(seed)));
    }
    for (Future<String> result : results) System.out.println(result.get());
    pool.shutdown();
    for (int i = 0; i < 200; i++) {
      Thread thread = new Thread(() -> { byte[] some = new byte[1000]; some[0] = 1; });
      thread.start();
      thread.join();
    }
    try {
      ByteBuffer.allocateDirect(Integer.MAX_VALUE);
    } catch (OutOfMemoryError expected) {
      System.out.println("no room, as expected");
    }
    System.gc();
    System.out.println("done");
  }
}
END

work() {
  under java -XX:TieredStopAtLevel=1 -version || return
  under javac -J-XX:TieredStopAtLevel=1 -d . "$place/Work.java" || return
  under java -XX:MaxDirectMemorySize=64m -cp . Work
}

used java -version
compare work
