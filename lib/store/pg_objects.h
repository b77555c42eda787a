/* What of a PostgreSQL database is ours: tables, indexes and functions, by the migrations that make
 * them. Whatever else lies in it belongs to others. */
#ifndef LIB_STORE_PG_OBJECTS_H
#define LIB_STORE_PG_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"

enum pg_object_kind { PG_OBJECT_TABLE, PG_OBJECT_INDEX, PG_OBJECT_FUNCTION };

struct pg_object {
	enum pg_object_kind kind;
	struct bytes name; /* views the embedded migrations */
	uint32_t no; /* of the migration that makes it; 0: whoever applies migrations */
	uint32_t dropped; /* of the one that drops it, 0: none */
};

struct pg_objects {
	struct pg_object *rows; /* in the order in which they are made */
	size_t count;
};

struct migration_set;

/* Reads CREATE and DROP at the beginnings of lines, as migrations are written: CREATE [UNIQUE]
 * INDEX name, CREATE TABLE name, CREATE [OR REPLACE] FUNCTION name(, DROP ... name. */
void pg_objects_list(const struct migration_set *set, struct pg_objects *ret_objects);
void pg_objects_finish(struct pg_objects *objects);

/* NULL: not ours. */
const struct pg_object *pg_objects_find(
	const struct pg_objects *objects, enum pg_object_kind kind, struct bytes name);
/* Whether a schema of that number has it. */
static inline bool pg_object_is_of(const struct pg_object *object, uint32_t schema)
{
	return object->no <= schema && (object->dropped == 0 || object->dropped > schema);
}

#endif
