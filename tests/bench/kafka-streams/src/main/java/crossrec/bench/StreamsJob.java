/* SPDX-License-Identifier: Apache-2.0 */
package crossrec.bench;

import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.avro.util.Utf8;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * What a careful Kafka Streams job does with the topics of crossrec: exactly once, state in memory with a
 * changelog and record cache, learning with every event, lists in Redis in rounds. Usage:
 *
 *     StreamsJob BROKERS REDIS APPLICATION MODE ROUND_MS WARM
 *
 * MODE is state (consume, deduplicate, keep users), learn (and learn), full (and rank and publish).
 * Lists are published every ROUND_MS. Again and again it prints `progress EVENTS CPU_NS LISTS P50_MS P99_MS ;`, where
 * latencies are those after the first WARM events.
 */
public final class StreamsJob {
    enum Mode { STATE, LEARN, FULL }

    private static final int N = 10;
    private static volatile long events;
    private static final Model MODEL = new Model(); // one stream thread: no lock
    private static Lists lists;

    private StreamsJob() {}

    private static final class Recommend implements Processor<Bytes, byte[], Void, Void> {
        private final Mode mode;
        private final long roundMs;
        private final Decoder decoder = new Decoder();
        private final Event event = new Event();
        private final HashMap<Bytes, Long> dirty = new HashMap<>(); // user -> timestamp of the record
        private final int[] item = new int[N];
        private final float[] score = new float[N];
        private KeyValueStore<Bytes, User> users;
        private ProcessorContext<Void, Void> context;

        Recommend(Mode mode, long roundMs) {
            this.mode = mode;
            this.roundMs = roundMs;
        }

        @Override
        public void init(ProcessorContext<Void, Void> context) {
            this.context = context;
            users = context.getStateStore("users");
            if (mode == Mode.FULL) {
                context.schedule(Duration.ofMillis(roundMs), PunctuationType.WALL_CLOCK_TIME, now -> round());
            }
        }

        @Override
        public void process(Record<Bytes, byte[]> record) {
            try {
                decoder.decode(record.value(), context.recordMetadata().get().topic().charAt(0) == 'f', event);
            } catch (IOException | RuntimeException e) {
                return; // a dead letter
            }
            User u = users.get(record.key());
            if (u == null) {
                u = new User();
            }
            final long id = hash(event.id);
            if (u.seen(id)) {
                return;
            }
            if (mode != Mode.STATE) {
                MODEL.segment(u, event.domain, event.n, event.ts);
            }
            for (int k = 0; k < event.n; k++) {
                final int i = MODEL.intern(event.items[k], event.domain);
                if (mode != Mode.STATE) {
                    MODEL.learn(u, i, event.domain, event.ts);
                }
                u.item[u.taken % User.HISTORY] = i;
                u.at[u.taken++ % User.HISTORY] = event.ts;
            }
            u.ids[u.events++ % User.IDS] = id;
            u.lastMs = Math.max(u.lastMs, event.ts);
            users.put(record.key(), u);
            events++;
            if (mode == Mode.FULL) {
                dirty.putIfAbsent(record.key(), record.timestamp());
            }
        }

        private static long hash(Utf8 s) {
            final byte[] b = s.getBytes();
            long h = 0xcbf29ce484222325L;
            for (int k = 0, n = s.getByteLength(); k < n; k++) {
                h = (h ^ b[k]) * 0x100000001b3L;
            }
            return h;
        }

        private void publish(Bytes user, User u, long recordMs) {
            for (int d = 0; d < 2; d++) {
                lists.write(user.get(), d, u, MODEL, item, score, MODEL.rank(u, d, N, item, score), recordMs);
            }
        }

        private void round() {
            if (lists.full()) {
                return; // Redis is slow: users stay dirty
            }
            dirty.forEach((user, recordMs) -> publish(user, users.get(user), recordMs));
            dirty.clear();
            lists.flush();
        }
    }

    private static Topology topology(Mode mode, long roundMs) {
        final Topology t = new Topology();
        t.addSource("events", Serdes.Bytes().deserializer(), Serdes.ByteArray().deserializer(), "course-views", "food-orders");
        t.addProcessor("recommend", () -> new Recommend(mode, roundMs), "events");
        t.addStateStore(Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("users"), Serdes.Bytes(), User.SERDE)
            .withCachingEnabled().withLoggingEnabled(new HashMap<>()), "recommend");
        return t;
    }

    private static Properties properties(String brokers, String application) {
        final Properties p = new Properties();
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
        p.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        p.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
        p.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        p.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 256L << 20);
        p.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        p.put(StreamsConfig.METRICS_RECORDING_LEVEL_CONFIG, "INFO");
        p.put(StreamsConfig.STATE_DIR_CONFIG, System.getProperty("java.io.tmpdir") + "/" + application);
        p.put(StreamsConfig.TASK_TIMEOUT_MS_CONFIG, 60000);
        p.put("max.poll.records", 2000);
        p.put("auto.offset.reset", "earliest");
        p.put("fetch.max.wait.ms", 10);
        p.put("fetch.min.bytes", 32 << 10); // a fetch for every few records costs more than they do
        p.put("producer.linger.ms", 5);
        p.put("producer.batch.size", 256 << 10);
        p.put("producer.compression.type", "none");
        return p;
    }

    private static long cpuNs() {
        return ((com.sun.management.OperatingSystemMXBean) java.lang.management.ManagementFactory
            .getOperatingSystemMXBean()).getProcessCpuTime();
    }

    public static void main(String[] a) throws Exception {
        if (a.length != 6) {
            System.err.println("usage: StreamsJob BROKERS REDIS APPLICATION state|learn|full ROUND_MS WARM");
            System.exit(2);
        }
        final Mode mode = Mode.valueOf(a[3].toUpperCase());
        lists = mode == Mode.FULL ? new Lists(a[1]) : null;
        final KafkaStreams streams = new KafkaStreams(topology(mode, Long.parseLong(a[4])), properties(a[0], a[2]));
        final CountDownLatch stop = new CountDownLatch(1);
        final CountDownLatch stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stop.countDown();
            try {
                stopped.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
        streams.start();
        final long warm = Long.parseLong(a[5]);
        boolean warmed = false;
        while (!stop.await(250, java.util.concurrent.TimeUnit.MILLISECONDS)) {
            if (lists != null && !warmed && events >= warm) {
                lists.forget();
                warmed = true;
            }
            System.out.println("progress " + events + " " + cpuNs() + " " + (lists == null ? 0 : lists.written) + " "
                + (lists == null ? -1 : lists.quantile(.5)) + " " + (lists == null ? -1 : lists.quantile(.99)) + " ;");
        }
        streams.close(Duration.ofSeconds(20));
        if (lists != null) {
            lists.close();
        }
        stopped.countDown();
    }
}
