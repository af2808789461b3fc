/* SPDX-License-Identifier: Apache-2.0
 *
 * Produce.java -- what partners in Java send: kafka-clients and Avro's own generic writer.
 *
 *     java -cp ... Produce ROOT BROKERS REGISTRY SEED
 *
 * The same as produce.py, with which it shares nothing but schemas.json: good events of every
 * version of every topic, one record in ten garbage; prints the same JSON lines. Schemas go to the
 * registry by HTTP, as Avro prints them; the wire header is put on by hand. ROOT is the source
 * tree.
 */
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigDecimal;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;
import org.apache.avro.Conversions;
import org.apache.avro.LogicalTypes;
import org.apache.avro.Schema;
import org.apache.avro.data.TimeConversions;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.AppInfoParser;
import org.apache.kafka.common.utils.Utils;

public final class Produce {
    static final int USERS = 150, ITEMS = 40, EACH = 20, GOOD_TO_BAD = 9;
    static final Map<String, String> DOMAINS =
            Map.of("course-views", "course", "food-orders", "food", "rides", "bikes");
    static final Instant NOW = Instant.now().truncatedTo(ChronoUnit.SECONDS);
    static final Instant OLD = Instant.parse("1999-12-31T23:59:59Z");
    static final ObjectMapper JSON = new ObjectMapper();
    static final HttpClient HTTP =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    /* ---- values of any schema ------------------------------------------------------------- */

    /** Makes a value of a schema: of what is known by the names of fields, the rest at random. */
    record Filler(Random random, GenericData data) {
        static final Object RANDOM = new Object(); // no value is given: any will do

        static boolean fits(Schema s, Object known) {
            Schema.Type t = s.getType();
            boolean bare = s.getLogicalType() == null;
            boolean whole = t == Schema.Type.INT || t == Schema.Type.LONG;
            if (known == RANDOM) {
                return true;
            } else if (known == null) {
                return t == Schema.Type.NULL;
            } else if (known instanceof Instant) {
                return t == Schema.Type.LONG || t == Schema.Type.STRING;
            } else if (known instanceof BigDecimal) {
                return t == Schema.Type.BYTES && !bare;
            } else if (known instanceof String text) {
                return t == Schema.Type.STRING || t == Schema.Type.ENUM
                        || (t == Schema.Type.BYTES && bare)
                        || (whole && bare && text.matches("[0-9]+"));
            } else if (known instanceof Number) {
                return whole || t == Schema.Type.FLOAT || t == Schema.Type.DOUBLE;
            }
            return t == (known instanceof Map ? Schema.Type.RECORD : Schema.Type.ARRAY);
        }

        /** What is known, as the schema has it. */
        static Object asType(Schema s, Object known) {
            String text = String.valueOf(known);
            if (known instanceof Instant at) {
                return s.getType() == Schema.Type.STRING || s.getLogicalType() != null
                        ? (s.getType() == Schema.Type.STRING ? text : at)
                        : (Object) at.toEpochMilli();
            }
            return switch (s.getType()) {
                case NULL -> null;
                case INT -> Integer.valueOf(text);
                case LONG -> Long.valueOf(text);
                case FLOAT -> Float.valueOf(text);
                case DOUBLE -> Double.valueOf(text);
                case BYTES -> s.getLogicalType() != null
                        ? known : ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
                case ENUM -> new GenericData.EnumSymbol(s, text);
                default -> text;
            };
        }

        Object value(Schema s, Object known, int depth) {
            switch (s.getType()) {
                case UNION:
                    return value(branch(s, known, depth), known, depth);
                case RECORD:
                    GenericData.Record record = new GenericData.Record(s);
                    Map<?, ?> given = known == RANDOM ? Map.of() : (Map<?, ?>) known;
                    for (Schema.Field f : s.getFields()) {
                        Object field = given.containsKey(f.name()) ? given.get(f.name()) : RANDOM;
                        record.put(f.pos(), value(f.schema(), field, depth + 1));
                    }
                    return record;
                case ARRAY:
                    List<?> items = known == RANDOM
                            ? Collections.nCopies(few(depth), RANDOM) : (List<?>) known;
                    return new GenericData.Array<>(s, items.stream()
                            .map(i -> value(s.getElementType(), i, depth + 1)).toList());
                case MAP:
                    Map<String, Object> map = new HashMap<>();
                    for (int k = few(depth); k > 0; k--) {
                        map.put("key " + k, value(s.getValueType(), RANDOM, depth + 1));
                    }
                    return map;
                default:
                    return known == RANDOM ? scalar(s) : asType(s, known);
            }
        }

        Schema branch(Schema union, Object known, int depth) {
            List<Schema> fitting = union.getTypes().stream().filter(b -> fits(b, known)).toList();
            List<Schema> flat =
                    fitting.stream().filter(b -> b.getType() != Schema.Type.RECORD).toList();
            List<Schema> from = depth > 3 && !flat.isEmpty() ? flat : fitting;
            return from.get(random.nextInt(from.size()));
        }

        int few(int depth) {
            return depth < 4 ? random.nextInt(3) : 0;
        }

        byte[] bytes(int n) {
            byte[] b = new byte[n];
            random.nextBytes(b);
            return b;
        }

        Object scalar(Schema s) {
            return switch (s.getType()) {
                case NULL -> null;
                case BOOLEAN -> random.nextBoolean();
                case INT -> s.getLogicalType() != null ? random.nextInt(20000) : random.nextInt();
                case LONG -> s.getLogicalType() != null
                        ? (Object) NOW : random.nextLong() >> random.nextInt(64);
                case FLOAT -> random.nextFloat();
                case DOUBLE -> random.nextInt(9) == 0 ? Double.NaN : random.nextGaussian();
                case STRING -> "\u00e9".repeat(random.nextInt(90));
                case BYTES -> s.getLogicalType() instanceof LogicalTypes.Decimal d
                        ? (Object) BigDecimal.valueOf(random.nextInt(1000000), d.getScale())
                        : ByteBuffer.wrap(bytes(random.nextInt(200)));
                case FIXED -> new GenericData.Fixed(s, bytes(s.getFixedSize()));
                case ENUM -> new GenericData.EnumSymbol(
                        s, s.getEnumSymbols().get(random.nextInt(s.getEnumSymbols().size())));
                default -> throw new IllegalStateException(s.toString());
            };
        }
    }

    /* ---- what happened, and what of it is wrong ---------------------------------------------- */

    record Event(String id, String user, Instant at, String domain, List<String> items) {}

    static Map<String, Object> mapOf(Object... pairs) { // unlike Map.of() with nulls
        Map<String, Object> map = new HashMap<>();
        for (int i = 0; i < pairs.length; i += 2) {
            map.put((String) pairs[i], pairs[i + 1]);
        }
        return map;
    }

    /** What is known of an event, by the names of fields that the versions of the topic have. */
    Map<String, Object> facts(String topic, Event e) {
        BigDecimal fee = random.nextBoolean() ? new BigDecimal("3.50") : null;
        Map<String, Object> facts = mapOf("event_id", e.id, "user_id", e.user, "ts", e.at);
        List<?> lines = e.items.stream()
                .map(i -> mapOf("dish_id", i, "item_id", i, "station", i, "quantity", 3,
                        "amount", 8, "discount", 2, "minutes", 11, "duration_min", 11, "fee", fee))
                .toList();
        facts.putAll(switch (topic) {
            case "course-views" -> mapOf("course_id", e.items.get(0), "action",
                    random.nextBoolean() ? "VIEW" : "ENROLL", "price", 15.25, "amount", 15);
            case "food-orders" -> mapOf("lines", lines);
            case "rides" -> mapOf("head", mapOf("id", e.id, "at", e.at), "rider",
                    mapOf("number", e.user), "what", random.nextBoolean() ? "LOOKED" : "RODE",
                    "legs", lines);
            default -> mapOf("domain", e.domain, "action", "PURCHASE", "lines", lines);
        });
        return facts;
    }

    interface Wrong extends UnaryOperator<Map<String, Object>> {}

    record WrongFacts(String kind, String reason, String topic, String versions, Wrong wrong) {}

    record WrongBytes(String kind, String reason, UnaryOperator<byte[]> wrong) {}

    static Wrong with(String name, Object value) {
        return f -> {
            f.put(name, value);
            return f;
        };
    }

    /** Changes a field of a record, or of the first of a list. */
    @SuppressWarnings("unchecked")
    static Wrong inner(String outer, String name, Object value) {
        return f -> {
            Object o = f.get(outer);
            ((Map<String, Object>) (o instanceof List<?> l ? l.get(0) : o)).put(name, value);
            return f;
        };
    }

    static final List<WrongFacts> WRONG_FACTS = List.of(
            new WrongFacts("no user", "user-id", "food-orders", "older shipped newer",
                    with("user_id", "")),
            new WrongFacts("no rider", "user-id", "rides", "mapped newer", with("rider", null)),
            new WrongFacts("no item", "item-id", "any-events", "shipped newer",
                    inner("lines", "item_id", "")),
            new WrongFacts("600 lines", "oversized", "rides", "older mapped newer",
                    f -> with("legs", Collections.nCopies(600, ((List<?>) f.get("legs")).get(0)))
                            .apply(f)),
            new WrongFacts("no lines", "no-lines", "any-events", "shipped newer",
                    with("lines", List.of())),
            new WrongFacts("a symbol that the reader has not", "decode", "course-views", "newer",
                    with("action", "WISHLIST")),
            new WrongFacts("a word that nobody mapped", "action", "rides", "mapped",
                    with("what", "OTHER")),
            new WrongFacts("a text that is no time", "time-text", "rides", "mapped newer",
                    inner("head", "at", "2026-02-30T12:00:00Z")),
            new WrongFacts("no time", "missing", "rides", "mapped newer",
                    inner("head", "at", null)),
            new WrongFacts("before 2000", "time-past", "course-views", "older shipped newer",
                    with("ts", OLD)),
            new WrongFacts("in an hour", "time-future", "rides", "older mapped newer",
                    inner("head", "at", NOW.plus(Duration.ofHours(1)))),
            new WrongFacts("a negative amount", "number", "food-orders", "shipped newer",
                    inner("lines", "amount", -8)),
            new WrongFacts("a quantity that is no number", "number", "food-orders", "shipped",
                    inner("lines", "quantity", Double.NaN)),
            new WrongFacts("a fee of minus one", "number", "rides", "mapped newer",
                    inner("legs", "fee", new BigDecimal("-1.00"))));

    final List<WrongBytes> wrongBytes = List.of(
            new WrongBytes("no value", "empty", v -> null),
            new WrongBytes("another magic", "wire-header", v -> headed((byte) 0x41, 1, v)),
            new WrongBytes("an unknown schema", "schema-unknown",
                    v -> headed((byte) 0, 2000000002, v)),
            new WrongBytes("cut short", "decode",
                    v -> Arrays.copyOf(v, 5 + random().nextInt(v.length - 5))),
            new WrongBytes("bytes behind it", "decode",
                    v -> Arrays.copyOf(v, v.length + 1 + random().nextInt(8))));

    /** The same body behind another wire header. */
    static byte[] headed(byte magic, int id, byte[] v) {
        return ByteBuffer.wrap(v.clone()).put(magic).putInt(id).array();
    }

    /* ---- schemas --------------------------------------------------------------------------- */

    record Version(String topic, String name, Schema schema, int id) {}

    static int register(String registry, String topic, Schema schema)
            throws IOException, InterruptedException {
        String body = JSON.writeValueAsString(Map.of("schema", schema.toString()));
        HttpRequest request = HttpRequest
                .newBuilder(URI.create(registry + "/subjects/" + topic + "-value/versions"))
                .header("Content-Type", "application/vnd.schemaregistry.v1+json")
                .POST(HttpRequest.BodyPublishers.ofString(body)).build();
        HttpResponse<String> answer = HTTP.send(request, HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() != 200) {
            throw new IOException(request.uri() + ": " + answer.statusCode() + " " + answer.body());
        }
        return JSON.readTree(answer.body()).get("id").asInt();
    }

    static List<Version> versions(Path root, String registry)
            throws IOException, InterruptedException {
        List<Version> all = new ArrayList<>();
        Map<String, Map<String, String>> topics =
                JSON.readValue(Files.readString(root.resolve("tests/foreign/schemas.json")),
                        new TypeReference<LinkedHashMap<String, Map<String, String>>>() {});
        for (String topic : topics.keySet()) {
            for (Map.Entry<String, String> v : topics.get(topic).entrySet()) {
                Schema s = new Schema.Parser().parse(Files.readString(root.resolve(v.getValue())));
                all.add(new Version(topic, v.getKey(), s, register(registry, topic, s)));
            }
        }
        return all;
    }

    /* ---- sending --------------------------------------------------------------------------- */

    final Random random;
    final GenericData data = new GenericData();
    final Filler filler;
    final List<Version> versions;
    final KafkaProducer<String, byte[]> producer;
    final Map<String, Integer> good = new TreeMap<>(), events = new TreeMap<>(),
            lines = new TreeMap<>(), bad = new TreeMap<>(), reasons = new TreeMap<>();
    final AtomicReference<Exception> failed = new AtomicReference<>();
    int made;

    Produce(List<Version> versions, String brokers, long seed) {
        this.versions = versions;
        random = new Random(seed);
        data.addLogicalTypeConversion(new Conversions.DecimalConversion());
        data.addLogicalTypeConversion(new TimeConversions.TimestampMillisConversion());
        data.addLogicalTypeConversion(new TimeConversions.TimestampMicrosConversion());
        filler = new Filler(random, data);
        producer = new KafkaProducer<>(
                Map.of("bootstrap.servers", brokers, "compression.type", "lz4", "linger.ms", "5"),
                new StringSerializer(), new ByteArraySerializer());
    }

    Random random() {
        return random;
    }

    Event event(String topic) {
        List<String> domains = List.of("course", "food", "bikes");
        String domain = DOMAINS.getOrDefault(topic, domains.get(random.nextInt(3)));
        int n = topic.equals("course-views") ? 1 : 1 + random.nextInt(4);
        int start = random.nextInt(ITEMS);
        List<String> items = new ArrayList<>();
        for (int k = 0; k < n; k++) {
            items.add(domain + "-" + (start + 7 * k) % ITEMS);
        }
        return new Event(new UUID(random.nextLong(), random.nextLong()).toString(),
                String.valueOf(1000 + random.nextInt(USERS)),
                NOW.minus(Duration.ofHours(1)).plusMillis(made++), domain, items);
    }

    byte[] write(Version v, Map<String, Object> facts) {
        try {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            out.write(ByteBuffer.allocate(5).put((byte) 0).putInt(v.id).array());
            BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(out, null);
            new GenericDatumWriter<>(v.schema, data)
                    .write(filler.value(v.schema, facts, 0), encoder);
            encoder.flush();
            return out.toByteArray();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    Version any() {
        return versions.get(random.nextInt(versions.size()));
    }

    Version one(String topic, String names) {
        List<Version> of = versions.stream().filter(
                v -> v.topic.equals(topic) && List.of(names.split(" ")).contains(v.name)).toList();
        return of.get(random.nextInt(of.size()));
    }

    static String hex(byte[] b) {
        return b == null ? null : HexFormat.of().formatHex(b);
    }

    /** Kind and reason are null of a good one. */
    void send(String topic, Integer partition, String key, byte[] value, String kind,
            String reason) {
        producer.send(new ProducerRecord<>(topic, partition, key, value), (meta, error) -> {
            if (error != null) {
                failed.set(error);
            } else if (kind != null) {
                print(mapOf("record", topic + "/" + meta.partition() + "/" + meta.offset(), "kind",
                        kind, "reason", reason, "key",
                        hex(key.getBytes(StandardCharsets.UTF_8)), "value", hex(value)));
            }
        });
        if (kind != null) {
            bad.merge(kind, 1, Integer::sum);
            reasons.merge(reason, 1, Integer::sum);
        }
    }

    void sendGood() {
        Version v = any();
        Event e = event(v.topic);
        send(v.topic, null, e.user, write(v, facts(v.topic, e)), null, null);
        good.merge(v.topic + "/" + v.name, 1, Integer::sum);
        events.merge(v.topic, 1, Integer::sum);
        lines.merge(e.domain, e.items.size(), Integer::sum);
    }

    void sendWrong(WrongFacts w) {
        Event e = event(w.topic);
        byte[] value = write(one(w.topic, w.versions), w.wrong.apply(facts(w.topic, e)));
        send(w.topic, null, e.user, value, w.kind, w.reason);
    }

    void sendWrong(WrongBytes w) {
        Version v = any();
        Event e = event(v.topic);
        send(v.topic, null, e.user, w.wrong.apply(write(v, facts(v.topic, e))), w.kind, w.reason);
    }

    void sendToOtherTopic() {
        Version v = any();
        Event e = event(v.topic);
        Version other = any();
        while (other.topic.equals(v.topic)) {
            other = any();
        }
        send(other.topic, null, e.user, write(v, facts(v.topic, e)), "a schema of another topic",
                "schema-mismatch");
    }

    void sendToOtherPartition() {
        Version v = any();
        Event e = event(v.topic);
        int n = producer.partitionsFor(v.topic).size();
        int home = Utils.toPositive(Utils.murmur2(e.user.getBytes(StandardCharsets.UTF_8))) % n;
        send(v.topic, (home + 1 + random.nextInt(n - 1)) % n, e.user,
                write(v, facts(v.topic, e)), "another partition", "wrong-partition");
    }

    static synchronized void print(Map<String, ?> line) {
        try {
            System.out.println(JSON.writeValueAsString(line));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    void run() throws Exception {
        List<Runnable> jobs = new ArrayList<>();
        for (int k = 0; k < EACH; k++) {
            WRONG_FACTS.forEach(w -> jobs.add(() -> sendWrong(w)));
            wrongBytes.forEach(w -> jobs.add(() -> sendWrong(w)));
            jobs.add(this::sendToOtherTopic);
            jobs.add(this::sendToOtherPartition);
        }
        for (int k = GOOD_TO_BAD * jobs.size(); k > 0; k--) {
            jobs.add(this::sendGood);
        }
        Collections.shuffle(jobs, random);
        jobs.forEach(Runnable::run);
        producer.close(Duration.ofSeconds(30));
        if (failed.get() != null) {
            throw failed.get();
        }
    }

    public static void main(String[] args) throws Exception {
        long seed = Long.parseLong(args[3]);
        Produce p = new Produce(versions(Path.of(args[0]), args[2]), args[1], seed);
        p.run();
        Map<String, Object> sums = new LinkedHashMap<>();
        sums.put("client", "kafka-clients " + AppInfoParser.getVersion() + ", avro "
                + Schema.class.getPackage().getImplementationVersion() + ", java "
                + System.getProperty("java.version"));
        sums.put("seed", seed);
        sums.put("good", p.good);
        sums.put("events", p.events);
        sums.put("lines", p.lines);
        sums.put("bad", p.bad);
        sums.put("reasons", p.reasons);
        print(sums);
    }
}
