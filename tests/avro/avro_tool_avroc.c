/* SPDX-License-Identifier: Apache-2.0
 *
 * avro_tool_avroc.c -- avro-c's generic values from and to JSON. Runs in a child that ends right
 * after, so nothing is freed.
 */
#include "avro_tool.h"

#include <avro.h>
#include <stdbool.h>
#include <string.h>

enum { ENCODED_MAX = 1 << 20 };

static json_t *value_json(avro_value_t *v);

static json_t *text_value_json(avro_value_t *v, avro_type_t type) {
    const void *bytes = NULL;
    const char *text = NULL;
    size_t len = 0;
    if (type == AVRO_STRING) {
        avro_value_get_string(v, &text, &len);
        return text_json(text, len - 1); /* it counts the terminator */
    }
    if (type == AVRO_BYTES) {
        avro_value_get_bytes(v, &bytes, &len);
    } else {
        avro_value_get_fixed(v, &bytes, &len);
    }
    return text_json(bytes, len);
}

static json_t *children_json(avro_value_t *v, avro_type_t type) {
    json_t *out = type == AVRO_ARRAY ? json_array() : json_object();
    size_t n = 0;
    avro_value_get_size(v, &n);
    for (size_t i = 0; i < n; i++) {
        avro_value_t child;
        const char *name = NULL;
        if (avro_value_get_by_index(v, i, &child, &name) != 0) {
            return refusal("data", "%s", avro_strerror());
        }
        if (type == AVRO_ARRAY) {
            json_array_append_new(out, value_json(&child));
        } else {
            json_object_set_new(out, name, value_json(&child));
        }
    }
    return out;
}

static json_t *symbol_json(avro_value_t *v) {
    avro_schema_t schema = avro_value_get_schema(v);
    int symbol = -1;
    avro_value_get_enum(v, &symbol);
    const bool known = symbol >= 0 && symbol < avro_schema_enum_number_of_symbols(schema);
    return json_string(known ? avro_schema_enum_get(schema, symbol) : "(no such symbol)");
}

static json_t *scalar_json(avro_value_t *v, avro_type_t type) {
    int yes = 0;
    int32_t i = 0;
    int64_t l = 0;
    float f = 0;
    double d = 0;
    switch (type) {
    case AVRO_BOOLEAN: avro_value_get_boolean(v, &yes); return json_boolean(yes);
    case AVRO_INT32: avro_value_get_int(v, &i); return json_integer(i);
    case AVRO_INT64: avro_value_get_long(v, &l); return json_integer(l);
    case AVRO_FLOAT: avro_value_get_float(v, &f); return number_json((double)f);
    case AVRO_DOUBLE: avro_value_get_double(v, &d); return number_json(d);
    case AVRO_ENUM: return symbol_json(v);
    default: return json_null();
    }
}

static json_t *value_json(avro_value_t *v) {
    const avro_type_t type = avro_value_get_type(v);
    switch (type) {
    case AVRO_STRING:
    case AVRO_BYTES:
    case AVRO_FIXED: return text_value_json(v, type);
    case AVRO_ARRAY:
    case AVRO_MAP:
    case AVRO_RECORD: return children_json(v, type);
    case AVRO_UNION: {
        int branch = 0;
        avro_value_t taken;
        if (avro_value_get_discriminant(v, &branch) != 0 ||
            avro_value_get_current_branch(v, &taken) != 0) {
            return refusal("data", "%s", avro_strerror());
        }
        return json_pack("[i, o]", branch, value_json(&taken));
    }
    default: return scalar_json(v, type);
    }
}

static json_t *avroc_refusal(const char *kind) {
    return refusal(kind, "%s", avro_strerror());
}

json_t *avroc_decode(const struct request *r) {
    avro_schema_t writer;
    avro_schema_t reader;
    if (avro_schema_from_json_length(r->writer, strlen(r->writer), &writer) != 0 ||
        avro_schema_from_json_length(r->reader, strlen(r->reader), &reader) != 0) {
        return avroc_refusal("schema");
    }
    avro_value_iface_t *plan = avro_resolved_writer_new(writer, reader);
    avro_value_iface_t *generic = avro_generic_class_from_schema(reader);
    avro_value_t value;
    avro_value_t resolved;
    if (!plan || !generic || avro_generic_value_new(generic, &value) != 0 ||
        avro_resolved_writer_new_value(plan, &resolved) != 0) {
        return avroc_refusal("schema");
    }
    avro_resolved_writer_set_dest(&resolved, &value);
    avro_reader_t bytes = avro_reader_memory((const char *)r->bytes, (int64_t)r->n_bytes);
    char more;
    if (!bytes || avro_value_read(bytes, &resolved) != 0) {
        return avroc_refusal("data");
    }
    if (avro_read(bytes, &more, 1) == 0) {
        return refusal("data", "bytes are left");
    }
    return json_pack("{s:o}", "value", value_json(&value));
}

/* ---- encoding ------------------------------------------------------------------------- */

static int set_value(avro_value_t *v, const json_t *json);

/* The bytes of a JSON text of U+0000..U+00FF, in place. */
static size_t text_bytes(const json_t *json, char *out) {
    const unsigned char *in = (const unsigned char *)json_string_value(json);
    const size_t len = json_string_length(json);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (in[i] < 0x80) {
            out[n++] = (char)in[i];
        } else {
            out[n++] = (char)((in[i] & 0x03) << 6 | (in[i + 1] & 0x3F));
            i++;
        }
    }
    return n;
}

static int set_text(avro_value_t *v, const json_t *json, avro_type_t type) {
    static char bytes[ENCODED_MAX];
    size_t n = text_bytes(json, bytes);
    if (type == AVRO_BYTES) {
        return avro_value_set_bytes(v, bytes, n);
    }
    if (type == AVRO_FIXED) {
        return avro_value_set_fixed(v, bytes, n);
    }
    bytes[n] = '\0';
    return avro_value_set_string_len(v, bytes, n + 1);
}

static int set_children(avro_value_t *v, const json_t *json, avro_type_t type) {
    int failed = 0;
    avro_value_t child;
    const char *name;
    size_t index;
    json_t *inner;
    if (type == AVRO_ARRAY) {
        json_array_foreach(json, index, inner) {
            failed |= avro_value_append(v, &child, NULL) || set_value(&child, inner);
        }
        return failed;
    }
    void *at = json_object_iter((json_t *)(uintptr_t)json);
    for (; at; at = json_object_iter_next((json_t *)(uintptr_t)json, at)) {
        name = json_object_iter_key(at);
        failed |= (type == AVRO_MAP ? avro_value_add(v, name, &child, NULL, NULL)
                                    : avro_value_get_by_name(v, name, &child, NULL)) ||
                  set_value(&child, json_object_iter_value(at));
    }
    return failed;
}

static double json_double(const json_t *json) {
    const char *text = json_string_value(json);
    if (!text) {
        return json_number_value(json);
    }
    const double infinity = 1e308 * 10;
    return strcmp(text, "NaN") == 0        ? infinity - infinity
           : strcmp(text, "Infinity") == 0 ? infinity
                                           : -infinity;
}

static int set_value(avro_value_t *v, const json_t *json) {
    const avro_type_t type = avro_value_get_type(v);
    avro_value_t taken;
    switch (type) {
    case AVRO_STRING:
    case AVRO_BYTES:
    case AVRO_FIXED: return set_text(v, json, type);
    case AVRO_ARRAY:
    case AVRO_MAP:
    case AVRO_RECORD: return set_children(v, json, type);
    case AVRO_BOOLEAN: return avro_value_set_boolean(v, json_is_true(json));
    case AVRO_INT32: return avro_value_set_int(v, (int32_t)json_integer_value(json));
    case AVRO_INT64: return avro_value_set_long(v, json_integer_value(json));
    case AVRO_FLOAT: return avro_value_set_float(v, (float)json_double(json));
    case AVRO_DOUBLE: return avro_value_set_double(v, json_double(json));
    case AVRO_NULL: return avro_value_set_null(v);
    case AVRO_ENUM: {
        avro_schema_t schema = avro_value_get_schema(v);
        return avro_value_set_enum(v,
                                   avro_schema_enum_get_by_name(schema, json_string_value(json)));
    }
    case AVRO_UNION: {
        const int branch = (int)json_integer_value(json_array_get(json, 0));
        return avro_value_set_branch(v, branch, &taken) ||
               set_value(&taken, json_array_get(json, 1));
    }
    default: return -1;
    }
}

json_t *avroc_encode(const struct request *r) {
    static char bytes[ENCODED_MAX];
    static char hex[2 * ENCODED_MAX + 1];
    avro_schema_t writer;
    avro_value_t value;
    if (avro_schema_from_json_length(r->writer, strlen(r->writer), &writer) != 0) {
        return avroc_refusal("schema");
    }
    avro_value_iface_t *generic = avro_generic_class_from_schema(writer);
    avro_writer_t out = avro_writer_memory(bytes, sizeof bytes);
    if (!generic || !out || avro_generic_value_new(generic, &value) != 0 ||
        set_value(&value, r->value) != 0 || avro_value_write(out, &value) != 0) {
        return avroc_refusal("data");
    }
    const size_t n = (size_t)avro_writer_tell(out);
    for (size_t i = 0; i < n; i++) {
        hex[2 * i] = "0123456789abcdef"[(unsigned char)bytes[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    hex[2 * n] = '\0';
    return json_pack("{s:s}", "hex", hex);
}
