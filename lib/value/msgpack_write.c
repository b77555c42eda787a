/* The writing half of lib/value/msgpack.h. It is on the way of each message that is sent. */
#include <assert.h>

#include <msgpack.h>

#include "lib/value/msgpack.h"

static int append(void *data, const char *bytes, size_t len)
{
	buf_append(data, bytes, len);
	return 0;
}

static inline msgpack_packer packer_of(struct buf *out)
{
	return (msgpack_packer){.data = out, .callback = append};
}

static void write_text(msgpack_packer *packer, struct bytes text)
{
	msgpack_pack_str(packer, text.len);
	append(packer->data, text.ptr, text.len);
}

static void write_time(msgpack_packer *packer, int64_t ms)
{
	int64_t s = ms / 1000, rest = ms % 1000;
	if (rest < 0) {
		rest += 1000;
		s--;
	}
	const msgpack_timestamp time = {.tv_sec = s, .tv_nsec = (uint32_t)rest * 1000000};
	msgpack_pack_timestamp(packer, &time);
}

/* A name of a field: names is what becomes of its first letter. */
static void write_name(msgpack_packer *packer, struct bytes name, enum msgpack_names names)
{
	if (names != MSGPACK_NAMES_PASCAL || name.len == 0 || name.ptr[0] < 'a' ||
		name.ptr[0] > 'z') {
		write_text(packer, name);
		return;
	}
	char first = (char)(name.ptr[0] - 'a' + 'A');
	msgpack_pack_str(packer, name.len);
	append(packer->data, &first, 1);
	append(packer->data, name.ptr + 1, name.len - 1);
}

static void write_value(
	msgpack_packer *packer, const struct value *value, enum msgpack_names names);

static void write_object(
	msgpack_packer *packer, const struct value *object, enum msgpack_names names)
{
	enum msgpack_names own = object->dictionary ? MSGPACK_NAMES_CAMEL : names;
	msgpack_pack_map(packer, object->count);
	for (uint32_t i = 0; i < object->count; i++) {
		write_name(packer, object->members[i].name, own);
		write_value(packer, &object->members[i].value, names);
	}
}

/* Recursive: what was read is at most MSGPACK_DEPTH_MAX levels deep, and we build nothing deeper.
 */
static void write_value(msgpack_packer *packer, const struct value *value, enum msgpack_names names)
{
	switch (value->kind) {
	case VALUE_NULL:
		msgpack_pack_nil(packer);
		break;
	case VALUE_BOOL:
		value->boolean ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
		break;
	case VALUE_INT:
		msgpack_pack_int64(packer, value->integer);
		break;
	case VALUE_DOUBLE:
		msgpack_pack_double(packer, value->number);
		break;
	case VALUE_TEXT:
		write_text(packer, value->text);
		break;
	case VALUE_BINARY:
		msgpack_pack_bin(packer, value->text.len);
		append(packer->data, value->text.ptr, value->text.len);
		break;
	case VALUE_TIME:
		write_time(packer, value->time_ms);
		break;
	case VALUE_ARRAY:
		msgpack_pack_array(packer, value->count);
		for (uint32_t i = 0; i < value->count; i++) {
			write_value(packer, &value->items[i], names);
		}
		break;
	case VALUE_OBJECT:
		write_object(packer, value, names);
		break;
	}
}

void msgpack_write(struct buf *out, const struct value *value, enum msgpack_names names)
{
	msgpack_packer packer = packer_of(out);
	write_value(&packer, value, names);
}

void msgpack_write_nil(struct buf *out)
{
	msgpack_packer packer = packer_of(out);
	msgpack_pack_nil(&packer);
}

void msgpack_write_int(struct buf *out, int64_t n)
{
	msgpack_packer packer = packer_of(out);
	msgpack_pack_int64(&packer, n);
}

void msgpack_write_text(struct buf *out, struct bytes text)
{
	msgpack_packer packer = packer_of(out);
	write_text(&packer, text);
}

void msgpack_write_array(struct buf *out, uint32_t count)
{
	msgpack_packer packer = packer_of(out);
	msgpack_pack_array(&packer, count);
}

void msgpack_write_map(struct buf *out, uint32_t count)
{
	msgpack_packer packer = packer_of(out);
	msgpack_pack_map(&packer, count);
}

void msgpack_write_ext(struct buf *out, int8_t type, uint32_t len)
{
	msgpack_packer packer = packer_of(out);
	msgpack_pack_ext(&packer, len, type);
}
