/* The parameters of one statement, in PostgreSQL's binary formats (PostgreSQL manual, «Frontend/
 * Backend Protocol»; the formats are those of each type's send function). Texts and blobs are not
 * copied: they must live until the statement was queued (pg_link_add copies). */
#ifndef LIB_STORE_PG_PARAMS_H
#define LIB_STORE_PG_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/ident.h"

enum { PG_PARAMS_MAX = 24 };

struct pg_params {
	int count;
	const char *values[PG_PARAMS_MAX]; /* NULL: NULL */
	int lengths[PG_PARAMS_MAX];
	uint8_t room[PG_PARAMS_MAX][16]; /* of what is not the caller's */
};

/* Each adds the next parameter ($1 first). More than PG_PARAMS_MAX is a fault of the program and
 * aborts. */
void pg_param_null(struct pg_params *params);
void pg_param_id(struct pg_params *params, const struct uuid *id); /* uuid */
void pg_param_key(struct pg_params *params, const uint8_t key[16]); /* uuid */
void pg_param_int(struct pg_params *params, int64_t n); /* bigint */
void pg_param_int4(struct pg_params *params, int32_t n); /* integer */
void pg_param_int2(struct pg_params *params, int16_t n); /* smallint */
void pg_param_bool(struct pg_params *params, bool b);
void pg_param_text(struct pg_params *params, struct bytes text); /* text, never NULL */
void pg_param_text_or_null(struct pg_params *params, struct bytes text); /* len 0: NULL */
void pg_param_blob(struct pg_params *params, struct bytes blob); /* bytea, never NULL */
void pg_param_blob_or_null(struct pg_params *params, struct bytes blob);
/* timestamptz; ms since 1970 UTC */
void pg_param_time(struct pg_params *params, int64_t ms);
void pg_param_time_or_null(struct pg_params *params, int64_t ms); /* 0: NULL */

/* ---- arrays of one dimension ---- */

enum pg_type { /* their oids, as in pg_type.dat */
	PG_BOOL = 16,
	PG_BYTEA = 17,
	PG_INT8 = 20,
	PG_INT2 = 21,
	PG_INT4 = 23,
	PG_TEXT = 25,
	PG_TIMESTAMPTZ = 1184,
	PG_UUID = 2950,
};

/* Written into a buffer of the caller's, which may be used again and again: begin clears it. */
struct pg_array {
	struct buf data;
	uint32_t count;
};

void pg_array_begin(struct pg_array *array, enum pg_type type);
void pg_array_null(struct pg_array *array);
void pg_array_id(struct pg_array *array, const struct uuid *id);
void pg_array_bytes(struct pg_array *array, struct bytes b); /* text, bytea; uuid with 16 bytes */
void pg_array_bytes_or_null(struct pg_array *array, struct bytes b); /* len 0: NULL */
void pg_array_int8(struct pg_array *array, int64_t n);
void pg_array_int4(struct pg_array *array, int32_t n);
void pg_array_int2(struct pg_array *array, int16_t n);
void pg_array_bool(struct pg_array *array, bool b);
void pg_array_time_or_null(struct pg_array *array, int64_t ms); /* 0: NULL */
/* Adds the array as a parameter: it stays the caller's until the statement was queued. */
void pg_param_array(struct pg_params *params, struct pg_array *array);
void pg_array_finish(struct pg_array *array);

/* Timestamps on the wire: microseconds since 2000-01-01 00:00 UTC. */
int64_t pg_time_to_ms(int64_t wire);
int64_t pg_time_of_ms(int64_t ms);

#endif
