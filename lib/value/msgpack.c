/* The reading half of lib/value/msgpack.h: msgpack-c's parser, made for values as its unpack.c
 * makes it for its own objects. They land on the arena at once, and the depth is ours to choose
 * (its own objects end at 32). */
#include "lib/value/msgpack.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/base/utf8.h"
#include "lib/value/msgpack_scan.h"

#define MSGPACK_EMBED_STACK_SIZE MSGPACK_DEPTH_MAX
#include <msgpack.h>
#include <msgpack/unpack_define.h>

enum {
	REFUSED = -1, /* what callbacks say to msgpack-c */
	FEW_NAMES = 12, /* compared each with each */
	EXT_TIMESTAMP = -1,
};

struct reading {
	struct arena *arena;
	size_t input_len;
	char *texts; /* where the next text goes; NULL: there was none yet */
};

/* ---- maps ---- */

/* Keys are read as values, and are text; without U+0000, as in JSON. */
static bool is_name(const struct value *key)
{
	return key->kind == VALUE_TEXT && !key->bad_text && bytes_find_char(key->text, '\0') < 0;
}

/* Orders by name, then by place. */
static int compare_members(const void *a, const void *b)
{
	const struct value_member *left = *(const struct value_member *const *)a;
	const struct value_member *right = *(const struct value_member *const *)b;
	size_t len = left->name.len < right->name.len ? left->name.len : right->name.len;
	int order = memcmp(left->name.ptr, right->name.ptr, len);
	if (order != 0) {
		return order;
	}
	if (left->name.len != right->name.len) {
		return left->name.len < right->name.len ? -1 : 1;
	}
	return left < right ? -1 : left > right;
}

/* The last value of a name goes to its first place; the other members lose their names. */
static void merge_member(struct value_member *first, struct value_member *again)
{
	first->value = again->value;
	again->name = BYTES_NONE;
}

static bool merge_few(struct value *object)
{
	bool merged = false;
	for (uint32_t i = 1; i < object->count; i++) {
		for (uint32_t j = 0; j < i; j++) {
			struct value_member *first = &object->members[j];
			if (first->name.ptr != NULL &&
				bytes_eq(first->name, object->members[i].name)) {
				merge_member(first, &object->members[i]);
				merged = true;
				break;
			}
		}
	}
	return merged;
}

/* Peers choose the names: sorting is never slow. */
static int merge_many(struct arena *arena, struct value *object, bool *ret_merged)
{
	struct value_member **sorted =
		arena_try_alloc(arena, object->count * sizeof(struct value_member *));
	if (sorted == NULL) {
		return REFUSED;
	}
	for (uint32_t i = 0; i < object->count; i++) {
		sorted[i] = &object->members[i];
	}
	qsort(sorted, object->count, sizeof(struct value_member *), compare_members);
	struct value_member *first = sorted[0];
	for (uint32_t i = 1; i < object->count; i++) {
		if (bytes_eq(first->name, sorted[i]->name)) {
			merge_member(first, sorted[i]);
			*ret_merged = true;
		} else {
			first = sorted[i];
		}
	}
	return 0;
}

/* All members have come: of repeated names the last wins. */
static int finish_map(struct reading *reading, struct value *object)
{
	bool merged = false;
	if (object->count <= FEW_NAMES) {
		merged = merge_few(object);
	} else if (merge_many(reading->arena, object, &merged) != 0) {
		return REFUSED;
	}
	uint32_t kept = 0;
	for (uint32_t i = 0; merged && i < object->count; i++) {
		if (object->members[i].name.ptr != NULL) {
			object->members[kept++] = object->members[i];
		}
	}
	object->count = merged ? kept : object->count;
	return 0;
}

/* ---- what msgpack-c's parser calls ---- */

static inline struct value on_root(struct reading **reading)
{
	(void)reading;
	return value_null;
}

static inline int on_nil(struct reading **reading, struct value *ret_value)
{
	(void)reading;
	*ret_value = value_null;
	return 0;
}

static inline int on_true(struct reading **reading, struct value *ret_value)
{
	(void)reading;
	*ret_value = value_bool(true);
	return 0;
}

static inline int on_false(struct reading **reading, struct value *ret_value)
{
	(void)reading;
	*ret_value = value_bool(false);
	return 0;
}

static inline int on_int64(struct reading **reading, int64_t n, struct value *ret_value)
{
	(void)reading;
	*ret_value = value_int(n);
	return 0;
}

static inline int on_double(struct reading **reading, double number, struct value *ret_value)
{
	(void)reading;
	*ret_value = (struct value){.kind = VALUE_DOUBLE, .number = number};
	return 0;
}

static inline int on_uint64(struct reading **reading, uint64_t n, struct value *ret_value)
{
	return n <= INT64_MAX ? on_int64(reading, (int64_t)n, ret_value)
			      : on_double(reading, (double)n, ret_value);
}

static inline int on_float(struct reading **reading, float number, struct value *ret_value)
{
	return on_double(reading, (double)number, ret_value);
}

#define on_uint8 on_int64
#define on_uint16 on_int64
#define on_uint32 on_int64
#define on_int8 on_int64
#define on_int16 on_int64
#define on_int32 on_int64

/* A copy of the bytes at from, NUL behind them. Where there are none msgpack-c says nothing good of
 * the place either. */
static int copy_bytes(
	struct reading *reading, const char *from, unsigned len, struct bytes *ret_bytes)
{
	if (reading->texts == NULL) {
		/* With its head each one is longer than with a NUL. */
		reading->texts = arena_try_alloc(reading->arena, reading->input_len);
		if (reading->texts == NULL) {
			return REFUSED;
		}
	}
	char *copy = reading->texts;
	if (len > 0) {
		memcpy(copy, from, len);
	}
	copy[len] = '\0';
	reading->texts += len + 1;
	*ret_bytes = bytes_of(copy, len);
	return 0;
}

static int on_bin(struct reading **reading, const char *base, const char *at, unsigned len,
	struct value *ret_value)
{
	(void)base;
	*ret_value = (struct value){.kind = VALUE_BINARY};
	return copy_bytes(*reading, at, len, &ret_value->text);
}

static int on_str(struct reading **reading, const char *base, const char *at, unsigned len,
	struct value *ret_value)
{
	(void)base;
	if (!utf8_valid(bytes_of(at, len))) {
		*ret_value = value_unfit;
		return 0;
	}
	*ret_value = (struct value){.kind = VALUE_TEXT};
	return copy_bytes(*reading, at, len, &ret_value->text);
}

/* len counts the byte of the type. */
static int on_ext(struct reading **reading, const char *base, const char *at, unsigned len,
	struct value *ret_value)
{
	(void)reading;
	(void)base;
	static const int64_t least_s = -62135596800, most_s = 253402300799; /* years 1 to 9999 */
	struct msgpack_object object = {
		.type = MSGPACK_OBJECT_EXT,
		.via.ext = {.type = (int8_t)at[0], .size = len - 1, .ptr = at + 1},
	};
	msgpack_timestamp time;
	bool good = msgpack_object_to_timestamp(&object, &time) && time.tv_nsec < 1000000000 &&
		    time.tv_sec >= least_s && time.tv_sec <= most_s;
	*ret_value = good ? value_time(time.tv_sec * 1000 + time.tv_nsec / 1000000) : value_unfit;
	return 0;
}

static int on_array(struct reading **reading, unsigned count, struct value *ret_value)
{
	*ret_value = (struct value){
		.kind = VALUE_ARRAY,
		.items = arena_try_alloc((*reading)->arena, count * sizeof(struct value)),
	};
	return ret_value->items != NULL ? 0 : REFUSED;
}

static int on_array_item(struct reading **reading, struct value *array, struct value item)
{
	(void)reading;
	array->items[array->count++] = item;
	return 0;
}

static int on_map(struct reading **reading, unsigned count, struct value *ret_value)
{
	*ret_value = (struct value){
		.kind = VALUE_OBJECT,
		.dictionary = true,
		.cap = count,
		.members = arena_try_alloc((*reading)->arena, count * sizeof(struct value_member)),
	};
	return ret_value->members != NULL ? 0 : REFUSED;
}

static int on_map_item(
	struct reading **reading, struct value *object, struct value key, struct value value)
{
	if (object->kind != VALUE_OBJECT) {
		return 0; /* an earlier key was no name */
	}
	if (!is_name(&key)) {
		*object = value_unfit;
		return 0;
	}
	object->members[object->count++] = (struct value_member){key.text, value};
	if (object->count < object->cap) {
		return 0;
	}
	object->cap = 0;
	return finish_map(*reading, object);
}

#define msgpack_unpack_struct(name) struct parser##name
#define msgpack_unpack_func(type, name) static type parser##name
#define msgpack_unpack_callback(name) on##name
#define msgpack_unpack_object struct value
#define msgpack_unpack_user struct reading *
#include <msgpack/unpack_template.h>

#undef on_uint8
#undef on_uint16
#undef on_uint32
#undef on_int8
#undef on_int16
#undef on_int32

/* ---- public functions ---- */

static void take(struct bytes *input, size_t len)
{
	*input = bytes_of(input->ptr + len, input->len - len);
}

int msgpack_skip(struct bytes *input, unsigned depth, struct bytes *ret_skipped)
{
	size_t len;
	int err = msgpack_scan(*input, depth, &len);
	if (err == 0) {
		*ret_skipped = bytes_of(input->ptr, len);
		take(input, len);
	}
	return err;
}

int msgpack_read(struct arena *arena, struct bytes *input, unsigned depth, struct value *ret_value)
{
	size_t len, end = 0;
	int err = msgpack_scan(*input, depth, &len);
	if (err != 0) {
		return err;
	}
	struct reading reading = {.arena = arena, .input_len = len};
	struct parser_context context;
	context.user = &reading;
	parser_init(&context);
	/* All that it could find wrong msgpack_scan() has found: what fails now is memory. */
	if (parser_execute(&context, input->ptr, len, &end) != 1) {
		return ERR_NOMEM;
	}
	assert(end == len);
	*ret_value = parser_data(&context);
	take(input, len);
	return 0;
}

static int read_head(struct bytes *input, enum msgpack_shape shape, uint32_t *ret_count)
{
	struct msgpack_head head;
	int err = msgpack_scan_head(*input, &head);
	if (err != 0 || head.shape != shape) {
		return ERR_BAD_REQUEST;
	}
	uint64_t items = head.items;
	items *= shape == MSGPACK_SHAPE_MAP ? 2 : 1;
	if (items > input->len - head.len) {
		return ERR_BAD_REQUEST;
	}
	take(input, head.len);
	*ret_count = head.items;
	return 0;
}

int msgpack_read_array(struct bytes *input, uint32_t *ret_count)
{
	return read_head(input, MSGPACK_SHAPE_ARRAY, ret_count);
}

int msgpack_read_map(struct bytes *input, uint32_t *ret_count)
{
	return read_head(input, MSGPACK_SHAPE_MAP, ret_count);
}
