/* SPDX-License-Identifier: Apache-2.0 */
package crossrec.bench;

import java.nio.ByteBuffer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;

/** A user as the store has him: features, what he took last, ids of events for deduplication, segment. */
final class User {
    static final int HISTORY = 24;
    static final int IDS = 16;
    static final int FEATURES = 12;

    final int[] item = new int[HISTORY];
    final long[] at = new long[HISTORY];
    final long[] ids = new long[IDS];
    final float[] feature = new float[FEATURES];
    int taken;   // in all; the newest is item[(taken - 1) % HISTORY]
    int events;
    int segment = -1;
    long lastMs;

    boolean seen(long id) {
        for (int k = 0; k < IDS; k++) {
            if (ids[k] == id) {
                return true;
            }
        }
        return false;
    }

    static final Serde<User> SERDE = Serdes.serdeFrom(new Writer(), new Reader());

    private static final class Writer implements Serializer<User> {
        private final ByteBuffer buffer = ByteBuffer.allocate(1 + 16 + 8 + HISTORY * 12 + IDS * 8 + FEATURES * 4);

        @Override
        public byte[] serialize(String topic, User u) {
            if (u == null) {
                return null;
            }
            final int items = Math.min(u.taken, HISTORY);
            final int ids = Math.min(u.events, IDS);
            buffer.clear();
            buffer.put((byte) 1).putInt(u.taken).putInt(u.events).putInt(u.segment).putLong(u.lastMs);
            for (int k = 0; k < items; k++) {
                buffer.putInt(u.item[k]).putLong(u.at[k]);
            }
            for (int k = 0; k < ids; k++) {
                buffer.putLong(u.ids[k]);
            }
            for (int k = 0; k < FEATURES; k++) {
                buffer.putFloat(u.feature[k]);
            }
            final byte[] out = new byte[buffer.position()];
            System.arraycopy(buffer.array(), 0, out, 0, out.length);
            return out;
        }
    }

    private static final class Reader implements Deserializer<User> {
        @Override
        public User deserialize(String topic, byte[] bytes) {
            if (bytes == null) {
                return null;
            }
            final ByteBuffer in = ByteBuffer.wrap(bytes);
            final User u = new User();
            in.get();
            u.taken = in.getInt();
            u.events = in.getInt();
            u.segment = in.getInt();
            u.lastMs = in.getLong();
            for (int k = 0, n = Math.min(u.taken, HISTORY); k < n; k++) {
                u.item[k] = in.getInt();
                u.at[k] = in.getLong();
            }
            for (int k = 0, n = Math.min(u.events, IDS); k < n; k++) {
                u.ids[k] = in.getLong();
            }
            for (int k = 0; k < FEATURES; k++) {
                u.feature[k] = in.getFloat();
            }
            return u;
        }
    }
}
