/* Parameters of operations: checks values from outside against a const table and writes them into
 * the caller's own struct. The same tables give the help texts, the OpenAPI document and the man
 * pages.
 *
 *	struct sync_params { struct bytes room; int64_t limit; enum param_given limit_given; };
 *
 *	static const struct param sync_table[] = {
 *		{.name = "roomId", .kind = PARAM_TEXT, .min = 1, .max = 64,
 *			.offset = offsetof(struct sync_params, room), .doc = "Id or alias."},
 *		{.name = "limit", .kind = PARAM_INT, .flags = PARAM_OPTIONAL, .min = 1, .max = 100,
 *			.offset = offsetof(struct sync_params, limit),
 *			.given = PARAM_GIVEN_AT(struct sync_params, limit_given), .doc = "..."},
 *	};
 */
#ifndef LIB_VALUE_PARAMS_H
#define LIB_VALUE_PARAMS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/value/value.h"

/* In brackets: the type of the field at param.offset. What is bound views the value's arena. */
enum param_kind {
	PARAM_TEXT, /* (struct bytes) min and max count bytes; text marked bad_text never binds */
	PARAM_INT, /* (int64_t) an integer; 1.0 is none */
	PARAM_BOOL, /* (bool) */
	PARAM_TIME, /* (int64_t) ms since 1970 UTC; a time, or RFC 3339 text */
	PARAM_CHOICE, /* (int) text that is one of param.choices without regard to case; its index
		       */
	PARAM_OBJECT, /* (const struct value *) */
	PARAM_ARRAY, /* (const struct value *) min and max count items */
	PARAM_TEXT_OR_OBJECT, /* (const struct value *) text that is not marked bad_text, or an
				 object */
	PARAM_ANY, /* (const struct value *) */
};

enum param_flag {
	PARAM_OPTIONAL = 1, /* may be absent; in arrays only behind all that may not */
	PARAM_NULLABLE =
		2, /* null is allowed; the field is then left alone (ANY: it points to it) */
	PARAM_OPEN =
		4, /* on the first row: objects may have members that the table does not name */
	PARAM_OF_TEXTS = 8, /* ARRAY: each item is a text, and none is marked bad_text */
};

/* What a field that watches presence is set to; zero before binding. */
enum param_given { PARAM_ABSENT, PARAM_NULL, PARAM_PRESENT };

struct param {
	const char *name; /* camelCase, as in JSON; objects are searched without regard to case */
	enum param_kind kind;
	unsigned flags; /* of enum param_flag */
	int64_t min, max; /* inclusive; both 0: no limits */
	const char *const *choices; /* PARAM_CHOICE: ends with NULL */
	size_t offset; /* of the field in the caller's struct */
	size_t given; /* PARAM_GIVEN_AT() of an enum param_given there; 0: none */
	const char *doc; /* one sentence */
};

#define PARAM_GIVEN_AT(type, field) (offsetof(type, field) + 1)

/* What was wrong. A hub answers COUNT and TYPE with "Failed to invoke ..." (SignalR's binding
 * errors), the others as an error of the method itself. */
enum params_fault {
	PARAMS_OK, /* nothing; never in a struct params_error */
	PARAMS_COUNT, /* array: given and expected */
	PARAMS_TYPE, /* param has the wrong type; param NULL: the whole is no array or object */
	PARAMS_NULL, /* param is null, where SignalR would bind it (text, object, array, any) */
	PARAMS_RANGE, /* param is outside min to max, or none of its choices */
	PARAMS_MISSING, /* object: param is needed and not there */
	PARAMS_UNKNOWN, /* object: unknown names a member that param tables do not */
};

struct params_error {
	enum params_fault fault;
	const struct param *param; /* NULL for COUNT and UNKNOWN */
	size_t index; /* of param in its table: its place in an array */
	size_t given, expected; /* COUNT; expected is the nearer one where several would do */
	struct bytes unknown; /* UNKNOWN: views the object */
	const char *nearest; /* UNKNOWN: the known name that looks like it, or NULL */
};

/* Binds the items of args (VALUE_ARRAY) by position; out is the struct that the offsets are of,
 * zeroed or with the defaults set; it may be half filled after an error. 0, or ERR_BAD_REQUEST and
 * *ret_error. */
int params_bind_array(const struct param *table, size_t count, const struct value *args, void *out,
	struct params_error *ret_error);
/* Binds the members of object by name, in the same way. */
int params_bind_object(const struct param *table, size_t count, const struct value *object,
	void *out, struct params_error *ret_error);
/* Whether value would bind to param; where it is left does not matter. */
int params_check(
	const struct param *param, const struct value *value, struct params_error *ret_error);
/* One English sentence without final stop, such as "'limit' must be 1 to 100"; on the arena or
 * constant. It repeats no value, and an unknown name only up to 64 bytes of length. */
const char *params_error_text(struct arena *arena, const struct params_error *error);

#endif
