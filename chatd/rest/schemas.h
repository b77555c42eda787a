/* What answers consist of, member by member, for the OpenAPI document. What fills them are the
 * render functions of chatd/room and chatd/ops; a functional test holds each answer against them.
 */
#ifndef CHATD_REST_SCHEMAS_H
#define CHATD_REST_SCHEMAS_H

#include <stdbool.h>
#include <stddef.h>

enum schema_kind {
	SCHEMA_TEXT,
	SCHEMA_ID, /* a UUID */
	SCHEMA_TIME, /* RFC 3339 */
	SCHEMA_INT, /* not negative */
	SCHEMA_BOOL,
	SCHEMA_CHOICE, /* a text out of choices */
	SCHEMA_OBJECT, /* another schema */
	SCHEMA_LIST, /* an array of another schema's */
};

enum schema_flag {
	SCHEMA_NULLABLE = 1,
	SCHEMA_OPTIONAL = 2, /* may be left out */
};

struct schema_field {
	const char *name;
	enum schema_kind kind;
	unsigned flags; /* of enum schema_flag */
	const char *const *choices; /* CHOICE: ends with NULL */
	const char *other; /* OBJECT, LIST: the other schema's name */
	const char *doc; /* one sentence */
};

struct schema {
	const char *name;
	const char *doc;
	const struct schema_field *fields;
	size_t count;
};

/* All of them, *ret_count. */
const struct schema *schemas(size_t *ret_count);
/* By name; NULL: there is none. */
const struct schema *schema_find(const char *name);

#endif
