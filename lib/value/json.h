/* JSON text (RFC 8259) to and from values. Reading is jansson's work (json.c is the only file that
 * sees it); writing is our own, append-only (json_write.c). */
#ifndef LIB_VALUE_JSON_H
#define LIB_VALUE_JSON_H

#include "lib/value/value.h"

/* Reads exactly one value with nothing but white space around it. Depth over 64 levels, raw control
 * characters, comments, NaN, bad UTF-8, a BOM, bytes behind the value: ERR_BAD_REQUEST, with a
 * short English sentence on the arena in *ret_why (may be NULL) that names the place but not the
 * content. Repeated names: the last wins. \u0000 is kept. An unpaired surrogate escape is not an
 * error here: its text is marked bad_text and has U+FFFD in its place (names: ERR_BAD_REQUEST).
 * Integers beyond 64 bits become VALUE_DOUBLE. "1.0" and "1e0" are VALUE_DOUBLE; what no double can
 * hold (1e999) and \u0000 in a name: ERR_BAD_REQUEST. ERR_NOMEM when memory is exhausted. Nothing
 * of the result views text. Objects are marked dictionary. */
int json_read(
	struct arena *arena, struct bytes text, struct value *ret_value, const char **ret_why);

/* The same, but the name of a member that an object has already is an error too (ERR_BAD_REQUEST),
 * and *ret_why names it, up to 64 bytes. */
int json_read_unique(
	struct arena *arena, struct bytes text, struct value *ret_value, const char **ret_why);

/* Appends value as compact JSON. Escapes as System.Text.Json with SignalR's encoder does: quote,
 * backslash, controls (\b \t \n \f \r, else \u00XX upper-case hex; U+007F to U+009F too), U+2028
 * and U+2029, and characters above U+FFFF as surrogate pairs; everything else raw. A double that is
 * not finite is written as null. Text must be valid UTF-8. */
void json_write(struct buf *out, const struct value *value);
/* Only the text in quotes. */
void json_write_text(struct buf *out, struct bytes text);
/* A complete object member with a leading comma unless the last byte is '{': ,"name":"text". */
void json_write_member_text(struct buf *out, const char *name, struct bytes text);
void json_write_member_int(struct buf *out, const char *name, int64_t n);

#endif
