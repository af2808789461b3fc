/* SPDX-License-Identifier: Apache-2.0 */
package crossrec.bench;

import java.util.Arrays;
import java.util.HashMap;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import org.apache.avro.util.Utf8;

/**
 * What is learned of all users: decayed popularity, co-occurrence, factors (64), segments; and the linear
 * blend that ranks. Dense arithmetic by the Vector API, arrays grown by doubling, nothing allocated an event.
 */
final class Model {
    static final int D = 64;
    static final int LISTED = 100;
    private static final int QUERY = 10;
    private static final int NEIGHBOURS = 64;
    private static final int SEGMENTS = 8;
    private static final int NEGATIVES = 4;
    private static final int CANDIDATES = 768;
    private static final float RATE = .05f;
    private static final float KEEP = 1 - .05f * .01f;
    private static final double DAY = 86400e3;
    private static final double[] HALF_LIFE = {DAY, 7 * DAY, 30 * DAY};
    private static final float[] BLEND = {.15f, .35f, .2f, 1.1f, .8f};
    private static final VectorSpecies<Float> S = FloatVector.SPECIES_256;

    final HashMap<Utf8, Integer> index = new HashMap<>();
    byte[][] id = new byte[1024][]; // ASCII
    byte[] domain = new byte[1024];
    int n;
    private float[] q = new float[1024 * D];
    private float[] pop = new float[1024 * HALF_LIFE.length];
    private float[] weight = new float[1024];
    private int[] neighbour = new int[1024 * NEIGHBOURS];
    private float[] together = new float[1024 * NEIGHBOURS];
    private int[] stamp = new int[1024];
    private float[] pair = new float[1024];
    private final int[][] members = {new int[1024], new int[1024]};
    private final int[] count = {0, 0};
    private final int[][] top = {new int[LISTED], new int[LISTED]};
    private final float[][] topAt = {new float[LISTED], new float[LISTED]};
    private final int[] tops = {0, 0};
    private final float[] centroid = new float[SEGMENTS * 16];
    private final float[] mass = new float[SEGMENTS];
    private final float[] p = new float[D];
    private final float[] step = new float[D];
    private final float[] x = new float[16];
    private final int[] candidate = new int[CANDIDATES];
    private final float[] score = new float[CANDIDATES];
    private int now;
    private double landmark = -1;
    private long random = 88172645463325252L;

    private int draw(int below) {
        random ^= random << 13;
        random ^= random >>> 7;
        random ^= random << 17;
        return (int) ((random >>> 33) % below);
    }

    int intern(Utf8 item, int d) {
        final Integer known = index.get(item);
        if (known != null) {
            return known;
        }
        if (n == id.length) {
            grow();
        }
        final int i = n++;
        id[i] = Arrays.copyOf(item.getBytes(), item.getByteLength());
        index.put(new Utf8(id[i]), i);
        domain[i] = (byte) d;
        for (int k = 0; k < D; k++) {
            q[i * D + k] = (draw(2001) - 1000) * 1e-4f;
        }
        Arrays.fill(neighbour, i * NEIGHBOURS, (i + 1) * NEIGHBOURS, -1);
        if (count[d] == members[d].length) {
            members[d] = Arrays.copyOf(members[d], 2 * count[d]);
        }
        members[d][count[d]++] = i;
        return i;
    }

    private void grow() {
        final int cap = 2 * id.length;
        id = Arrays.copyOf(id, cap);
        domain = Arrays.copyOf(domain, cap);
        q = Arrays.copyOf(q, cap * D);
        pop = Arrays.copyOf(pop, cap * HALF_LIFE.length);
        weight = Arrays.copyOf(weight, cap);
        neighbour = Arrays.copyOf(neighbour, cap * NEIGHBOURS);
        together = Arrays.copyOf(together, cap * NEIGHBOURS);
        stamp = Arrays.copyOf(stamp, cap);
        pair = Arrays.copyOf(pair, cap);
    }

    private float dot(float[] a, int i, float[] b, int j) {
        FloatVector sum = FloatVector.zero(S);
        for (int k = 0; k < D; k += S.length()) {
            sum = FloatVector.fromArray(S, a, i + k).fma(FloatVector.fromArray(S, b, j + k), sum);
        }
        return sum.reduceLanes(VectorOperators.ADD);
    }

    /** a[i..] = a[i..] keep + w b[j..] */
    private void add(float[] a, int i, float keep, float w, float[] b, int j) {
        for (int k = 0; k < D; k += S.length()) {
            FloatVector.fromArray(S, a, i + k).mul(keep).add(FloatVector.fromArray(S, b, j + k).mul(w)).intoArray(a, i + k);
        }
    }

    /** The user's factors: the decayed mean of what he took last. */
    private void fold(User u) {
        Arrays.fill(p, 0);
        float w = 1;
        for (int k = u.taken - 1, c = 0; k >= 0 && c < User.HISTORY; k--, c++, w *= .85f) {
            add(p, 0, 1, w, q, u.item[k % User.HISTORY] * D);
        }
        final float norm = (float) (1 / Math.sqrt(dot(p, 0, p, 0) + 1e-9));
        add(p, 0, norm, 0, p, 0);
    }

    /** One line of an event, before it is in the user's history. */
    void learn(User u, int i, int d, long ts) {
        if (landmark < 0) {
            landmark = ts;
        }
        factors(u, i, d);
        popularity(i, d, ts);
        pairs(u, i, ts);
    }

    private void factors(User u, int i, int d) {
        if (u.taken == 0) {
            return;
        }
        fold(u);
        Arrays.fill(step, 0);
        update(i, 1);
        for (int k = 0; k < NEGATIVES; k++) {
            final int j = members[d][draw(count[d])];
            if (j != i) {
                update(j, 0);
            }
        }
        float w = RATE;
        for (int k = u.taken - 1, c = 0; k >= 0 && c < QUERY; k--, c++, w *= .6f) {
            add(q, u.item[k % User.HISTORY] * D, KEEP, w, step, 0);
        }
    }

    private void update(int j, float label) {
        final float s = dot(p, 0, q, j * D);
        final float g = label - (float) (1 / (1 + Math.exp(-s)));
        add(step, 0, 1, g, q, j * D);
        add(q, j * D, KEEP, RATE * g, p, 0);
    }

    private void popularity(int i, int d, long ts) {
        for (int k = 0; k < HALF_LIFE.length; k++) {
            pop[i * HALF_LIFE.length + k] += (float) Math.pow(2, (ts - landmark) / HALF_LIFE[k]);
        }
        weight[i]++;
        if ((ts - landmark) > 16 * DAY) {
            move(ts);
        }
        enter(i, d, pop[i * HALF_LIFE.length + 1]);
    }

    private void move(long ts) {
        for (int k = 0; k < HALF_LIFE.length; k++) {
            final float by = (float) Math.pow(2, -(ts - landmark) / HALF_LIFE[k]);
            for (int i = 0; i < n; i++) {
                pop[i * HALF_LIFE.length + k] *= by;
            }
        }
        final float by = (float) Math.pow(2, -(ts - landmark) / HALF_LIFE[1]);
        for (int d = 0; d < 2; d++) {
            for (int k = 0; k < tops[d]; k++) {
                topAt[d][k] *= by;
            }
        }
        landmark = ts;
    }

    /** The list of the hundred most popular of a domain. */
    private void enter(int i, int d, float at) {
        final int[] list = top[d];
        final float[] v = topAt[d];
        int least = 0;
        for (int k = 0; k < tops[d]; k++) {
            if (list[k] == i) {
                v[k] = at;
                return;
            }
            least = v[k] < v[least] ? k : least;
        }
        if (tops[d] < LISTED) {
            list[tops[d]] = i;
            v[tops[d]++] = at;
        } else if (at > v[least]) {
            list[least] = i;
            v[least] = at;
        }
    }

    private void pairs(User u, int i, long ts) {
        float w = 1;
        for (int k = u.taken - 1, c = 0; k >= 0 && c < QUERY; k--, c++, w *= .8f) {
            final int j = u.item[k % User.HISTORY];
            if (j != i) {
                bump(i, j, w);
                bump(j, i, w);
            }
        }
    }

    private void bump(int i, int j, float w) {
        final int from = i * NEIGHBOURS;
        int least = from;
        for (int k = from; k < from + NEIGHBOURS; k++) {
            if (neighbour[k] == j) {
                together[k] += w;
                return;
            }
            if (neighbour[k] < 0) {
                neighbour[k] = j;
                together[k] = w;
                return;
            }
            least = together[k] < together[least] ? k : least;
        }
        if (together[least] <= w) {
            neighbour[least] = j;
            together[least] = w;
        } else {
            together[least] -= w * .1f;
        }
    }

    /** The user's features, his segment: online k-means. */
    void segment(User u, int d, int lines, long ts) {
        final float gap = u.events == 0 ? 30 : (float) ((ts - u.lastMs) / DAY);
        final float fade = (float) Math.pow(2, -gap / 30);
        for (int k = 0; k < User.FEATURES; k++) {
            u.feature[k] *= fade;
        }
        u.feature[d]++;
        u.feature[2 + d] += lines;
        u.feature[4 + (int) ((ts / 3600000) % 24 / 6)]++;
        u.feature[8 + (int) ((ts / 86400000 + 4) % 7 >= 5 ? 1 : 0)]++;
        u.feature[10] = (float) Math.log1p(gap);
        for (int k = 0; k < User.FEATURES; k++) {
            x[k] = (float) Math.log1p(u.feature[k]);
        }
        final FloatVector a = FloatVector.fromArray(S, x, 0);
        final FloatVector b = FloatVector.fromArray(S, x, 8);
        int best = 0;
        float least = Float.MAX_VALUE;
        for (int k = 0; k < SEGMENTS; k++) {
            final FloatVector e = a.sub(FloatVector.fromArray(S, centroid, k * 16));
            final FloatVector f = b.sub(FloatVector.fromArray(S, centroid, k * 16 + 8));
            final float r = e.fma(e, f.mul(f)).reduceLanes(VectorOperators.ADD) + (mass[k] == 0 ? -1 : 0);
            if (r < least) {
                least = r;
                best = k;
            }
        }
        mass[best]++;
        final float by = 1 / Math.min(mass[best], 20000);
        for (int k = 0; k < 16; k++) {
            centroid[best * 16 + k] += by * (x[k] - centroid[best * 16 + k]);
        }
        u.segment = best;
    }

    /** The linear blend: positions in `candidate` of the best `want`, best first; returns how many. */
    int rank(User u, int d, int want, int[] out, float[] scores) {
        fold(u);
        now++;
        int m = 0;
        for (int k = u.taken - 1, c = 0; k >= 0 && c < User.HISTORY; k--, c++) {
            stamp[u.item[k % User.HISTORY]] = -now; // what he took is not recommended again
        }
        float w = 1;
        for (int k = u.taken - 1, c = 0; k >= 0 && c < QUERY; k--, c++, w *= .85f) {
            final int j = u.item[k % User.HISTORY];
            final float scale = w / (float) Math.sqrt(weight[j] + 5);
            for (int y = j * NEIGHBOURS; y < (j + 1) * NEIGHBOURS && neighbour[y] >= 0; y++) {
                final int i = neighbour[y];
                if (domain[i] != d || stamp[i] == -now) {
                    continue;
                }
                if (stamp[i] != now && m < CANDIDATES) {
                    stamp[i] = now;
                    pair[i] = 0;
                    candidate[m++] = i;
                }
                pair[i] += scale * together[y];
            }
        }
        for (int k = 0; k < tops[d] && m < CANDIDATES; k++) {
            final int i = top[d][k];
            if (stamp[i] != now && stamp[i] != -now) {
                stamp[i] = now;
                pair[i] = 0;
                candidate[m++] = i;
            }
        }
        for (int k = 0; k < m; k++) {
            final int i = candidate[k];
            final int at = i * HALF_LIFE.length;
            score[k] = BLEND[0] * log2(pop[at]) + BLEND[1] * log2(pop[at + 1]) + BLEND[2] * log2(pop[at + 2])
                + BLEND[3] * log2(pair[i] / (float) Math.sqrt(weight[i] + 5) + 1e-3f) + BLEND[4] * dot(p, 0, q, i * D);
        }
        return best(m, want, out, scores);
    }

    private int best(int m, int want, int[] out, float[] scores) {
        int kept = 0;
        for (int k = 0; k < m; k++) {
            if (kept == want && score[k] <= scores[kept - 1]) {
                continue;
            }
            int at = kept < want ? kept++ : kept - 1;
            for (; at > 0 && scores[at - 1] < score[k]; at--) {
                scores[at] = scores[at - 1];
                out[at] = out[at - 1];
            }
            scores[at] = score[k];
            out[at] = candidate[k];
        }
        return kept;
    }

    /** lg by exponent and a polynomial of the mantissa, within .001. */
    private static float log2(float v) {
        final int bits = Float.floatToRawIntBits(v + 1e-12f);
        final float m = Float.intBitsToFloat((bits & 0x7fffff) | 0x3f800000);
        return ((bits >> 23) - 127) + (-1.7417939f + (2.8212026f + (-1.4699568f + (.44717955f - .056570851f * m) * m) * m) * m);
    }
}
