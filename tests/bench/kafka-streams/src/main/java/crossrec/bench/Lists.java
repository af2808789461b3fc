/* SPDX-License-Identifier: Apache-2.0 */
package crossrec.bench;

import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.async.RedisAsyncCommands;
import io.lettuce.core.codec.ByteArrayCodec;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/** Lists in Redis: SET with a TTL, pipelined, flushed once a round. */
final class Lists implements AutoCloseable {
    private static final int LATENCY_MAX = 60000; // ms
    private static final byte[][] PREFIX = {ascii("streams:course:rec:"), ascii("streams:food:rec:")};
    private static final byte[] VERSION = ascii("{\"version\":[1,");
    private static final byte[] TIME = ascii("],\"schema\":1,\"ts\":");
    private static final byte[] SEGMENT = ascii(",\"personalised\":true,\"model\":\"linear\",\"segment\":");
    private static final byte[] ITEMS = ascii(",\"items\":[");
    private static final byte[] FIRST = ascii("{\"id\":\"");
    private static final byte[] NEXT = ascii(",{\"id\":\"");
    private static final byte[] SCORE = ascii("\",\"score\":");
    private static final byte[] BELOW = ascii("\",\"score\":-");
    private static final byte[] CLOSE = ascii("}");
    private static final byte[] END = ascii("]}");
    private static final int WAITING = 20000;
    private final RedisClient client;
    private final StatefulRedisConnection<byte[], byte[]> connection;
    private final RedisAsyncCommands<byte[], byte[]> redis;
    private final AtomicLong waiting = new AtomicLong();
    private byte[] buffer = new byte[4096];
    private int len;
    volatile long written; // by one thread
    private final AtomicLongArray latency = new AtomicLongArray(LATENCY_MAX + 1);

    Lists(String address) {
        client = RedisClient.create(RedisURI.create("redis://" + address));
        connection = client.connect(ByteArrayCodec.INSTANCE);
        connection.setAutoFlushCommands(false);
        redis = connection.async();
    }

    private void room(int n) {
        if (len + n > buffer.length) {
            buffer = Arrays.copyOf(buffer, 2 * buffer.length + n);
        }
    }

    private void put(byte[] s) {
        room(s.length);
        System.arraycopy(s, 0, buffer, len, s.length);
        len += s.length;
    }

    /** At least `digits` digits. */
    private void put(long v, int digits) {
        room(20);
        long least = 10;
        int n = 1;
        for (; n < digits || (n < 19 && v >= least); least *= 10) {
            n++;
        }
        for (int k = len + n - 1; k >= len; k--, v /= 10) {
            buffer[k] = (byte) ('0' + v % 10);
        }
        len += n;
    }

    private static byte[] ascii(String s) {
        return s.getBytes(StandardCharsets.ISO_8859_1);
    }

    void write(byte[] user, int d, User u, Model model, int[] item, float[] score, int n, long recordMs) {
        len = 0;
        put(VERSION);
        put(++written, 1);
        put(TIME);
        put(u.lastMs, 1);
        put(SEGMENT);
        put(Math.max(u.segment, 0), 1);
        put(ITEMS);
        for (int k = 0; k < n; k++) {
            put(k == 0 ? FIRST : NEXT);
            put(model.id[item[k]]);
            final long part = (long) (score[k] * 1e4f);
            put(part < 0 ? BELOW : SCORE);
            put(Math.abs(part) / 10000, 1);
            buffer[len++] = '.'; // there is room for 20 digits
            put(Math.abs(part) % 10000, 4);
            put(CLOSE);
        }
        put(END);
        final byte[] key = Arrays.copyOf(PREFIX[d], PREFIX[d].length + user.length);
        System.arraycopy(user, 0, key, PREFIX[d].length, user.length);
        waiting.incrementAndGet();
        redis.setex(key, 604800, Arrays.copyOf(buffer, len)).whenComplete((r, e) -> {
            waiting.decrementAndGet();
            final long ms = System.currentTimeMillis() - recordMs;
            latency.incrementAndGet((int) Math.max(0, Math.min(LATENCY_MAX, ms)));
        });
    }

    boolean full() {
        return waiting.get() > WAITING;
    }

    void flush() {
        connection.flushCommands();
    }

    /** Latencies are counted from now on. */
    void forget() {
        for (int k = 0; k < latency.length(); k++) {
            latency.set(k, 0);
        }
    }

    /** Of the latencies, ms; -1: none. */
    double quantile(double of) {
        long all = 0;
        for (int k = 0; k < latency.length(); k++) {
            all += latency.get(k);
        }
        long below = 0;
        for (int k = 0; k < latency.length(); k++) {
            below += latency.get(k);
            if (below >= of * all && all > 0) {
                return k;
            }
        }
        return -1;
    }

    @Override
    public void close() {
        flush();
        connection.close();
        client.shutdown();
    }
}
