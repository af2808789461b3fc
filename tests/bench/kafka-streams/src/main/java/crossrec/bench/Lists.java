/* SPDX-License-Identifier: Apache-2.0 */
package crossrec.bench;

import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisFuture;
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
    private static final String[] TARGET = {"course", "food"};
    private static final int WAITING = 20000;
    private final RedisClient client;
    private final StatefulRedisConnection<byte[], byte[]> connection;
    private final RedisAsyncCommands<byte[], byte[]> redis;
    private final AtomicLong waiting = new AtomicLong();
    private byte[] buffer = new byte[4096];
    private int len;
    long written;
    final AtomicLongArray latency = new AtomicLongArray(60001); // ms

    Lists(String address) {
        client = RedisClient.create(RedisURI.create("redis://" + address));
        connection = client.connect(ByteArrayCodec.INSTANCE);
        connection.setAutoFlushCommands(false);
        redis = connection.async();
    }

    private void put(String s) {
        final int n = s.length();
        if (len + n + 32 > buffer.length) {
            buffer = Arrays.copyOf(buffer, 2 * buffer.length + n);
        }
        s.getBytes(0, n, buffer, len); // ids and numbers are ASCII
        len += n;
    }

    private void put(long v) {
        put(Long.toString(v));
    }

    void write(String user, int d, User u, Model model, int[] item, float[] score, int n, long recordMs) {
        len = 0;
        put("{\"version\":[1,");
        put(++written);
        put("],\"schema\":1,\"ts\":");
        put(u.lastMs);
        put(",\"personalised\":true,\"model\":\"linear\",\"segment\":");
        put(u.segment);
        put(",\"items\":[");
        for (int k = 0; k < n; k++) {
            put(k == 0 ? "{\"id\":\"" : ",{\"id\":\"");
            put(model.id[item[k]]);
            put("\",\"score\":");
            final long milli = Math.round(score[k] * 1e4);
            put(milli < 0 ? "-" : "");
            put(Math.abs(milli) / 10000);
            put(".");
            put(Long.toString(10000 + Math.abs(milli) % 10000).substring(1));
            put("}");
        }
        put("]}");
        final byte[] key = ("streams:" + TARGET[d] + ":rec:" + user).getBytes(StandardCharsets.ISO_8859_1);
        waiting.incrementAndGet();
        final RedisFuture<String> done = redis.setex(key, 604800, Arrays.copyOf(buffer, len));
        done.whenComplete((r, e) -> {
            waiting.decrementAndGet();
            final long ms = System.currentTimeMillis() - recordMs;
            latency.incrementAndGet((int) Math.max(0, Math.min(60000, ms)));
        });
    }

    boolean full() {
        return waiting.get() > WAITING;
    }

    void flush() {
        connection.flushCommands();
    }

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
