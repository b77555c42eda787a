#include "lib/store/pg_params.h"

#include <limits.h>
#include <stdlib.h>

/* 2000-01-01 00:00 UTC, which PostgreSQL counts from, in ms since 1970. */
#define EPOCH_MS INT64_C(946684800000)

/* What array_recv() reads: dimensions, flags, element type; then for the one dimension its length
 * and its lower bound. All numbers of the protocol are big-endian. */
enum {
	FLAGS_AT = 4,
	LENGTH_AT = 12,
	EMPTY_SIZE = 12, /* no dimension */
	HEAD_SIZE = 20,
	LOWER_BOUND = 1,
};

static void put16(uint8_t out[2], uint16_t n)
{
	out[0] = (uint8_t)(n >> 8);
	out[1] = (uint8_t)n;
}

static void put32(uint8_t out[4], uint32_t n)
{
	put16(out, (uint16_t)(n >> 16));
	put16(out + 2, (uint16_t)n);
}

static void put64(uint8_t out[8], uint64_t n)
{
	put32(out, (uint32_t)(n >> 32));
	put32(out + 4, (uint32_t)n);
}

int64_t pg_time_to_ms(int64_t wire)
{
	int64_t ms = wire / 1000;
	if (wire % 1000 < 0) {
		ms--; /* towards the past, before 2000 as well */
	}
	return ms + EPOCH_MS;
}

int64_t pg_time_of_ms(int64_t ms)
{
	/* What cannot be told is out of the server's range too, which refuses it: the extreme
	 * values themselves would be its infinities. */
	if (ms > INT64_MAX / 1000 + EPOCH_MS) {
		return INT64_MAX - 1;
	}
	if (ms < INT64_MIN / 1000 + EPOCH_MS) {
		return INT64_MIN + 1;
	}
	return (ms - EPOCH_MS) * 1000;
}

/* ---- single values ---- */

static void add(struct pg_params *params, const void *value, size_t len)
{
	if (params->count == PG_PARAMS_MAX || len > INT_MAX) {
		abort();
	}
	params->values[params->count] = value;
	params->lengths[params->count] = (int)len;
	params->count++;
}

/* Where the next value may be kept. */
static uint8_t *next_room(struct pg_params *params)
{
	if (params->count == PG_PARAMS_MAX) {
		abort();
	}
	return params->room[params->count];
}

void pg_param_null(struct pg_params *params)
{
	add(params, NULL, 0);
}

void pg_param_id(struct pg_params *params, const struct uuid *id)
{
	pg_param_key(params, id->b);
}

void pg_param_key(struct pg_params *params, const uint8_t key[16])
{
	uint8_t *room = next_room(params);
	memcpy(room, key, 16);
	add(params, room, 16);
}

void pg_param_int(struct pg_params *params, int64_t n)
{
	uint8_t *room = next_room(params);
	put64(room, (uint64_t)n);
	add(params, room, 8);
}

void pg_param_int4(struct pg_params *params, int32_t n)
{
	uint8_t *room = next_room(params);
	put32(room, (uint32_t)n);
	add(params, room, 4);
}

void pg_param_int2(struct pg_params *params, int16_t n)
{
	uint8_t *room = next_room(params);
	put16(room, (uint16_t)n);
	add(params, room, 2);
}

void pg_param_bool(struct pg_params *params, bool b)
{
	uint8_t *room = next_room(params);
	room[0] = b ? 1 : 0;
	add(params, room, 1);
}

void pg_param_text(struct pg_params *params, struct bytes text)
{
	add(params, text.ptr != NULL ? text.ptr : "", text.len);
}

void pg_param_text_or_null(struct pg_params *params, struct bytes text)
{
	add(params, text.len > 0 ? text.ptr : NULL, text.len);
}

void pg_param_blob(struct pg_params *params, struct bytes blob)
{
	pg_param_text(params, blob);
}

void pg_param_blob_or_null(struct pg_params *params, struct bytes blob)
{
	pg_param_text_or_null(params, blob);
}

void pg_param_time(struct pg_params *params, int64_t ms)
{
	pg_param_int(params, pg_time_of_ms(ms));
}

void pg_param_time_or_null(struct pg_params *params, int64_t ms)
{
	if (ms == 0) {
		pg_param_null(params);
		return;
	}
	pg_param_time(params, ms);
}

/* ---- arrays ---- */

static void append32(struct buf *buf, uint32_t n)
{
	uint8_t room[4];
	put32(room, n);
	buf_append(buf, room, sizeof(room));
}

static void set32(struct buf *buf, size_t at, uint32_t n)
{
	put32((uint8_t *)buf->data + at, n);
}

void pg_array_begin(struct pg_array *array, enum pg_type type)
{
	array->count = 0;
	buf_clear(&array->data);
	append32(&array->data, 1);
	append32(&array->data, 0);
	append32(&array->data, (uint32_t)type);
	append32(&array->data, 0);
	append32(&array->data, LOWER_BOUND);
}

static void append_element(struct pg_array *array, const void *value, size_t len)
{
	if (len > INT_MAX) {
		abort();
	}
	append32(&array->data, (uint32_t)len);
	buf_append(&array->data, value, len);
	array->count++;
}

void pg_array_null(struct pg_array *array)
{
	set32(&array->data, FLAGS_AT, 1);
	append32(&array->data, UINT32_MAX);
	array->count++;
}

void pg_array_id(struct pg_array *array, const struct uuid *id)
{
	append_element(array, id->b, sizeof(id->b));
}

void pg_array_bytes(struct pg_array *array, struct bytes b)
{
	append_element(array, b.ptr, b.len);
}

void pg_array_bytes_or_null(struct pg_array *array, struct bytes b)
{
	if (b.len == 0) {
		pg_array_null(array);
		return;
	}
	append_element(array, b.ptr, b.len);
}

void pg_array_int8(struct pg_array *array, int64_t n)
{
	uint8_t room[8];
	put64(room, (uint64_t)n);
	append_element(array, room, sizeof(room));
}

void pg_array_int4(struct pg_array *array, int32_t n)
{
	uint8_t room[4];
	put32(room, (uint32_t)n);
	append_element(array, room, sizeof(room));
}

void pg_array_int2(struct pg_array *array, int16_t n)
{
	uint8_t room[2];
	put16(room, (uint16_t)n);
	append_element(array, room, sizeof(room));
}

void pg_array_bool(struct pg_array *array, bool b)
{
	uint8_t room = b ? 1 : 0;
	append_element(array, &room, sizeof(room));
}

void pg_array_time_or_null(struct pg_array *array, int64_t ms)
{
	if (ms == 0) {
		pg_array_null(array);
		return;
	}
	pg_array_int8(array, pg_time_of_ms(ms));
}

void pg_param_array(struct pg_params *params, struct pg_array *array)
{
	bool empty = array->count == 0;
	set32(&array->data, 0, empty ? 0 : 1);
	if (!empty) {
		set32(&array->data, LENGTH_AT, array->count);
	}
	add(params, array->data.data, empty ? EMPTY_SIZE : array->data.len);
}

void pg_array_finish(struct pg_array *array)
{
	buf_finish(&array->data);
	array->count = 0;
}
