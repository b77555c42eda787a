/* A neutral tree of values, what JSON and MessagePack messages are read into and written from. It
 * lives on an arena and is not changed after it was read. */
#ifndef LIB_VALUE_VALUE_H
#define LIB_VALUE_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"

enum value_kind {
	VALUE_NULL,
	VALUE_BOOL,
	VALUE_INT, /* 64 bits, signed */
	VALUE_DOUBLE, /* everything else that is a number */
	VALUE_TEXT, /* UTF-8, may contain U+0000 */
	VALUE_BINARY, /* base64 text in JSON */
	VALUE_TIME, /* milliseconds since 1970 UTC; RFC 3339 text in JSON */
	VALUE_ARRAY,
	VALUE_OBJECT,
};

struct value_member;

struct value {
	enum value_kind kind;
	bool bad_text; /* VALUE_TEXT only: it held an unpaired surrogate, or is value_unfit; it
			  binds to nothing */
	bool dictionary; /* VALUE_OBJECT only: its names are data and are never respelt, as those of
			    what was read from outside; else they are names of fields, which
			    MessagePack may spell in another case */
	uint32_t count; /* items or members */
	uint32_t cap; /* while it is built: room for so many; 0 in what was read */
	union {
		bool boolean;
		int64_t integer;
		double number;
		struct bytes text; /* also binary; NUL-terminated behind its length */
		int64_t time_ms;
		struct value *items; /* array: count of them */
		struct value_member *members; /* object: count of them, in order; of repeated names
						 only the last is kept */
	};
};

struct value_member {
	struct bytes name;
	struct value value;
};

extern const struct value value_null;
/* Stands for what came in MessagePack, is well-formed and has no kind here: U+FFFD as text that is
 * marked bad_text. */
extern const struct value value_unfit;

/* Member by exact name, or NULL (also where it is no object). */
const struct value *value_get(const struct value *object, const char *name);
/* Member by name without regard to case of ASCII letters; an exact match wins. */
const struct value *value_get_nocase(const struct value *object, const char *name);

static inline struct value value_text(struct bytes text)
{
	return (struct value){.kind = VALUE_TEXT, .text = text};
}

static inline struct value value_str(const char *s)
{
	return value_text(bytes_str(s));
}

static inline struct value value_int(int64_t n)
{
	return (struct value){.kind = VALUE_INT, .integer = n};
}

static inline struct value value_bool(bool b)
{
	return (struct value){.kind = VALUE_BOOL, .boolean = b};
}

static inline struct value value_time(int64_t ms)
{
	return (struct value){.kind = VALUE_TIME, .time_ms = ms};
}

/* Building: room for up to cap members or items is taken from the arena at once; adding more than
 * cap is a bug (assert). Names are not copied. */
struct value value_object(struct arena *arena, uint32_t cap);
struct value value_array(struct arena *arena, uint32_t cap);
void value_put(struct value *object, const char *name, struct value value);
void value_add(struct value *array, struct value item);

#endif
