/* Reads the messages of the MessagePack hub protocol with the strictness and the words of ASP.NET
 * Core's MessagePackHubProtocolWorker.cs. Where that one is lenient about bytes behind the array,
 * we are not; and arguments that are no array, or do not come whole, end the connection. */
#include "lib/hubproto/codec_msgpack.h"

#include <stdio.h>

#include "lib/base/err.h"
#include "lib/value/lz4.h"

enum {
	ITEM_DEPTH = MSGPACK_DEPTH_MAX - 1, /* of what lies in the message's array */
	ARGUMENT_DEPTH = ITEM_DEPTH - 1,
};

struct reading {
	struct arena *arena;
	struct bytes rest;
	uint32_t left; /* elements of the message's array that are still to come */
	size_t plain_left; /* bytes that LZ4 values may still hold */
	struct hub_message message;
	const char *why;
};

static int refuse(struct reading *reading, const char *why)
{
	reading->why = why;
	return ERR_BAD_REQUEST;
}

static int refuse_type(struct reading *reading, const char *field, const char *type)
{
	return refuse(
		reading, arena_printf(reading->arena, "Reading '%s' as %s failed.", field, type));
}

/* The next element; err for one that is missing too. */
static int read_element(struct reading *reading, struct value *ret_value)
{
	if (reading->left == 0) {
		return ERR_BAD_REQUEST;
	}
	reading->left--;
	return msgpack_read(reading->arena, &reading->rest, ITEM_DEPTH, ret_value);
}

/* An argument, item or result. */
static int read_value(struct reading *reading, unsigned depth, struct value *ret_value)
{
	int err = lz4_read_value(
		reading->arena, &reading->rest, depth, &reading->plain_left, ret_value);
	if (err != 0) {
		reading->why = err == ERR_NOMEM ? "out of memory" : "Error reading MessagePack.";
	}
	return err;
}

/* Text or nil (then it has no ptr). */
static int read_text(struct reading *reading, const char *field, struct bytes *ret_text)
{
	struct value value;
	int err = read_element(reading, &value);
	bool text = err == 0 && value.kind == VALUE_TEXT && !value.bad_text;
	if (!text && (err != 0 || value.kind != VALUE_NULL)) {
		return refuse_type(reading, field, "String");
	}
	*ret_text = text ? value.text : BYTES_NONE;
	return 0;
}

static int read_int(struct reading *reading, const char *field, int64_t *ret_n)
{
	struct value value;
	if (read_element(reading, &value) != 0 || value.kind != VALUE_INT) {
		return refuse_type(reading, field, "Int64");
	}
	*ret_n = value.integer;
	return 0;
}

static int read_int32(struct reading *reading, const char *field, int64_t *ret_n)
{
	int64_t n;
	if (read_int(reading, field, &n) != 0 || n < INT32_MIN || n > INT32_MAX) {
		return refuse_type(reading, field, "Int32");
	}
	*ret_n = n;
	return 0;
}

static int read_count(struct reading *reading, const char *field,
	int (*read_head)(struct bytes *input, uint32_t *ret_count), const char *kind,
	uint32_t *ret_count)
{
	if (reading->left == 0 || read_head(&reading->rest, ret_count) != 0) {
		return refuse(reading, arena_printf(reading->arena,
					       "Reading %s length for '%s' failed.", kind, field));
	}
	reading->left--;
	return 0;
}

/* A text that is not in the message's array itself. */
static int read_inner_text(struct reading *reading, const char *field, const char *empty)
{
	struct bytes text;
	reading->left++;
	int err = read_text(reading, field, &text);
	return err == 0 && text.len == 0 ? refuse(reading, empty) : err;
}

/* They have no meaning here, but have to be in order. */
static int read_headers(struct reading *reading)
{
	uint32_t count = 0;
	int err = read_count(reading, "headers", msgpack_read_map, "map", &count);
	for (uint32_t i = 0; err == 0 && i < count; i++) {
		char field[40];
		snprintf(field, sizeof(field), "headers[%u].Key", i);
		err = read_inner_text(reading, field, "Null or empty key in header.");
		if (err == 0) {
			snprintf(field, sizeof(field), "headers[%u].Value", i);
			err = read_inner_text(reading, field, "Null or empty value in header.");
		}
	}
	return err;
}

/* Headers, and the id that stands behind them. */
static int read_id(struct reading *reading)
{
	int err = read_headers(reading);
	return err == 0 ? read_text(reading, "invocationId", &reading->message.invocation_id) : err;
}

static int need_id(struct reading *reading, const char *without)
{
	int err = read_id(reading);
	bool none = err == 0 && reading->message.invocation_id.len == 0;
	return none ? refuse(reading, without) : err;
}

static int read_arguments(struct reading *reading)
{
	uint32_t count = 0;
	int err = read_count(reading, "arguments", msgpack_read_array, "array", &count);
	if (err != 0) {
		return err;
	}
	struct value *items = arena_try_alloc(reading->arena, count * sizeof(struct value));
	if (items == NULL) {
		reading->why = "out of memory";
		return ERR_NOMEM;
	}
	for (uint32_t i = 0; err == 0 && i < count; i++) {
		err = read_value(reading, ARGUMENT_DEPTH, &items[i]);
	}
	reading->message.arguments =
		(struct value){.kind = VALUE_ARRAY, .count = count, .items = items};
	return err;
}

/* JavaScript clients leave them out where there are none. */
static int read_stream_ids(struct reading *reading)
{
	uint32_t count = 0;
	if (reading->left == 0) {
		return 0;
	}
	int err = read_count(reading, "streamIds", msgpack_read_array, "array", &count);
	if (err != 0) {
		return err;
	}
	struct bytes *ids = arena_try_alloc(reading->arena, count * sizeof(struct bytes));
	if (ids == NULL) {
		reading->why = "out of memory";
		return ERR_NOMEM;
	}
	for (uint32_t i = 0; err == 0 && i < count; i++) {
		reading->left++;
		err = read_text(reading, "streamIds", &ids[i]);
		if (err == 0 && ids[i].len == 0) {
			err = refuse(reading, "Null or empty value in streamIds received.");
		}
	}
	reading->message.stream_ids = ids;
	reading->message.stream_id_count = count;
	return err;
}

static int read_call(struct reading *reading, const char *without_target)
{
	struct bytes *target = &reading->message.target;
	int err = read_text(reading, "target", target);
	if (err == 0 && target->len == 0) {
		err = refuse(reading, without_target);
	}
	err = err == 0 ? read_arguments(reading) : err;
	return err == 0 ? read_stream_ids(reading) : err;
}

static int read_invocation(struct reading *reading)
{
	int err = read_id(reading);
	return err == 0 ? read_call(reading, "Null or empty target for Invocation message.") : err;
}

static int read_stream_invocation(struct reading *reading)
{
	int err = need_id(reading, "Null or empty invocation ID for StreamInvocation message.");
	return err == 0 ? read_call(reading, "Null or empty target for StreamInvocation message.")
			: err;
}

static int read_item(struct reading *reading, const char *field)
{
	if (reading->left == 0) {
		return refuse(reading, arena_printf(reading->arena, "Reading '%s' failed.", field));
	}
	reading->left--;
	return read_value(reading, ITEM_DEPTH, &reading->message.item);
}

static int read_stream_item(struct reading *reading)
{
	int err = need_id(reading, "Null or empty invocation ID for StreamItem message.");
	return err == 0 ? read_item(reading, "item") : err;
}

static int read_completion(struct reading *reading)
{
	struct hub_message *message = &reading->message;
	int64_t kind = 0;
	int err = need_id(reading, "Null or empty invocation ID for Completion message.");
	err = err == 0 ? read_int32(reading, "resultKind", &kind) : err;
	if (err != 0) {
		return err;
	}
	switch (kind) {
	case CODEC_MSGPACK_ERROR:
		err = read_text(reading, "error", &message->error);
		/* A nil error is none to ASP.NET Core. */
		message->outcome =
			message->error.ptr != NULL ? HUB_OUTCOME_ERROR : HUB_OUTCOME_VOID;
		return err;
	case CODEC_MSGPACK_VOID:
		message->outcome = HUB_OUTCOME_VOID;
		return 0;
	case CODEC_MSGPACK_RESULT:
		message->outcome = HUB_OUTCOME_RESULT;
		return read_item(reading, "result");
	default:
		return refuse(reading, "Invalid invocation result kind.");
	}
}

static int read_cancel(struct reading *reading)
{
	return need_id(reading, "Null or empty invocation ID for CancelInvocation message.");
}

static int read_ping(struct reading *reading)
{
	(void)reading;
	return 0;
}

static int read_close(struct reading *reading)
{
	struct value allow_reconnect;
	int err = read_text(reading, "error", &reading->message.error);
	if (err != 0 || reading->left == 0) {
		return err;
	}
	if (read_element(reading, &allow_reconnect) != 0 || allow_reconnect.kind != VALUE_BOOL) {
		return refuse_type(reading, "allowReconnect", "Boolean");
	}
	reading->message.allow_reconnect = allow_reconnect.boolean;
	return 0;
}

static int read_sequence_id(struct reading *reading)
{
	return read_int(reading, "sequenceId", &reading->message.sequence_id);
}

static int (*const readers[])(struct reading *reading) = {
	[HUB_INVOCATION] = read_invocation,
	[HUB_STREAM_ITEM] = read_stream_item,
	[HUB_COMPLETION] = read_completion,
	[HUB_STREAM_INVOCATION] = read_stream_invocation,
	[HUB_CANCEL_INVOCATION] = read_cancel,
	[HUB_PING] = read_ping,
	[HUB_CLOSE] = read_close,
	[HUB_ACK] = read_sequence_id,
	[HUB_SEQUENCE] = read_sequence_id,
};

/* Elements of later versions, and bytes behind the array. */
static int read_rest(struct reading *reading)
{
	struct bytes skipped;
	for (; reading->left > 0; reading->left--) {
		if (msgpack_skip(&reading->rest, ITEM_DEPTH, &skipped) != 0) {
			return refuse(reading, "Error reading MessagePack.");
		}
	}
	return reading->rest.len == 0 ? 0
				      : refuse(reading, "Bytes follow the message in its frame.");
}

static int read_whole(struct reading *reading)
{
	int64_t type;
	if (msgpack_read_array(&reading->rest, &reading->left) != 0) {
		return refuse(reading, "The message is no array.");
	}
	int err = read_int32(reading, "messageType", &type);
	if (err != 0) {
		return err;
	}
	if (type >= HUB_INVOCATION && type <= HUB_SEQUENCE) {
		reading->message.type = (enum hub_type)type;
		err = readers[type](reading);
	}
	return err == 0 ? read_rest(reading) : err;
}

int codec_msgpack_read(struct arena *arena, struct bytes record, size_t plain_max,
	struct hub_message *ret_message, const char **ret_why)
{
	struct reading reading = {.arena = arena, .rest = record, .plain_left = plain_max};
	int err = read_whole(&reading);
	if (err != 0) {
		*ret_why = reading.why;
		return err;
	}
	*ret_message = reading.message;
	return 0;
}
