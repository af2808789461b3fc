/* SPDX-License-Identifier: Apache-2.0 */
package crossrec.bench;

import org.apache.avro.util.Utf8;

/** What both kinds of records have in common; reused from record to record. */
final class Event {
    Utf8 id;
    long ts;
    int domain; // 0 course, 1 food
    int n;      // lines
    Utf8[] items = new Utf8[64];

    void add(CharSequence item) {
        if (n < items.length) {
            items[n++] = (Utf8) item;
        }
    }
}
