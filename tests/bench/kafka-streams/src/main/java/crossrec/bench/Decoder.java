/* SPDX-License-Identifier: Apache-2.0 */
package crossrec.bench;

import crossrec.CourseView;
import crossrec.FoodOrder;
import crossrec.OrderLine;
import java.io.IOException;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.avro.util.Utf8;

/** Avro specific records behind the five bytes of the Confluent wire format; generated decoders, readers and records
 * and their texts reused. */
final class Decoder {
    private static final int HEADER = 5;
    private final SpecificDatumReader<CourseView> views = new SpecificDatumReader<>(CourseView.class);
    private final SpecificDatumReader<FoodOrder> orders = new SpecificDatumReader<>(FoodOrder.class);
    private CourseView view;
    private FoodOrder order;
    private BinaryDecoder decoder;

    void decode(byte[] value, boolean food, Event out) throws IOException {
        if (value.length < HEADER || value[0] != 0) {
            throw new IOException("no record of the registry's format");
        }
        decoder = DecoderFactory.get().binaryDecoder(value, HEADER, value.length - HEADER, decoder);
        out.n = 0;
        out.domain = food ? 1 : 0;
        if (food) {
            order = orders.read(order, decoder);
            out.id = (Utf8) order.getEventId();
            out.ts = order.getTs();
            for (OrderLine line : order.getLines()) {
                out.add(line.getDishId());
            }
        } else {
            view = views.read(view, decoder);
            out.id = (Utf8) view.getEventId();
            out.ts = view.getTs();
            out.add(view.getCourseId());
        }
    }
}
