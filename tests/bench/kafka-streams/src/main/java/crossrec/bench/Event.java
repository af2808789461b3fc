/* SPDX-License-Identifier: Apache-2.0 */
package crossrec.bench;

/** What both kinds of records have in common; reused from record to record. */
final class Event {
    String id;
    long ts;
    int domain; // 0 course, 1 food
    int n;      // lines
    String[] items = new String[64];

    void add(String item) {
        if (n < items.length) {
            items[n++] = item;
        }
    }
}
