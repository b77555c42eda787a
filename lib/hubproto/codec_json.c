/* The JSON hub protocol (HubProtocol.md, "JSON Encoding"), with the strictness of ASP.NET Core's
 * JsonHubProtocol.cs. Where that one is lenient about bytes behind the object, we are not. */
#include "lib/hubproto/codec.h"

#include <assert.h>

#include "lib/base/err.h"
#include "lib/hubproto/json_record.h"
#include "lib/value/json.h"

/* ---- framing ---- */

static int json_next_record(
	struct bytes *input, size_t max, size_t *scanned, struct bytes *ret_record)
{
	size_t from = *scanned < input->len ? *scanned : input->len;
	/* The separator counts too, so one at max or behind it comes too late. */
	size_t to = input->len < max ? input->len : max;
	const char *end =
		to > from ? memchr(input->ptr + from, JSON_RECORD_SEPARATOR, to - from) : NULL;
	if (end == NULL) {
		if (input->len >= max) {
			return ERR_TOO_LARGE;
		}
		*scanned = input->len;
		return ERR_AGAIN;
	}
	size_t len = (size_t)(end - input->ptr);
	*ret_record = bytes_of(input->ptr, len);
	input->ptr += len + 1;
	input->len -= len + 1;
	*scanned = 0;
	return 0;
}

/* ---- reading ---- */

/* Which members were met. */
enum {
	HAS_TYPE = 1,
	HAS_INVOCATION_ID = 2, /* and it is not empty */
	HAS_TARGET = 4,
	HAS_ARGUMENTS = 8,
	HAS_ITEM = 16,
	HAS_RESULT = 32,
	HAS_ERROR = 64,
	HAS_SEQUENCE_ID = 128,
};

struct reading {
	struct arena *arena;
	struct hub_message message;
	int64_t type; /* as it was sent; message.type is set at the end */
	unsigned has;
	const char *why;
};

static int refuse(struct reading *reading, const char *why)
{
	reading->why = why;
	return ERR_BAD_REQUEST;
}

static int refuse_type(struct reading *reading, const char *name, const char *type)
{
	return refuse(reading,
		arena_printf(reading->arena, "Expected '%s' to be of type %s.", name, type));
}

/* Text that the protocol itself needs, so that an unpaired surrogate in it is fatal. */
static int read_text(struct reading *reading, const char *name, const struct value *value,
	struct bytes *ret_text)
{
	if (value->kind != VALUE_TEXT) {
		return refuse_type(reading, name, "String");
	}
	if (value->bad_text) {
		return refuse(reading, "Error reading JSON.");
	}
	*ret_text = value->text;
	return 0;
}

static int read_type(struct reading *reading, const struct value *value)
{
	if (value->kind != VALUE_INT || value->integer < INT32_MIN || value->integer > INT32_MAX) {
		return refuse_type(reading, "type", "Number");
	}
	reading->type = value->integer;
	reading->has |= HAS_TYPE;
	return 0;
}

static int read_invocation_id(struct reading *reading, const struct value *value)
{
	struct bytes *id = &reading->message.invocation_id;
	int err = read_text(reading, "invocationId", value, id);
	if (err == 0 && id->len > 0) {
		reading->has |= HAS_INVOCATION_ID;
	}
	return err;
}

static int read_target(struct reading *reading, const struct value *value)
{
	reading->has |= HAS_TARGET;
	return read_text(reading, "target", value, &reading->message.target);
}

static int read_error(struct reading *reading, const struct value *value)
{
	reading->has |= HAS_ERROR;
	return read_text(reading, "error", value, &reading->message.error);
}

static int read_arguments(struct reading *reading, const struct value *value)
{
	if (value->kind != VALUE_ARRAY) {
		return refuse_type(reading, "arguments", "Array");
	}
	reading->message.arguments = *value;
	reading->has |= HAS_ARGUMENTS;
	return 0;
}

static int read_stream_ids(struct reading *reading, const struct value *value)
{
	if (value->kind != VALUE_ARRAY) {
		return refuse_type(reading, "streamIds", "Array");
	}
	struct bytes *ids = arena_try_alloc(reading->arena, value->count * sizeof(struct bytes));
	if (ids == NULL) {
		reading->why = "out of memory";
		return ERR_NOMEM;
	}
	for (uint32_t i = 0; i < value->count; i++) {
		if (value->items[i].kind == VALUE_NULL) {
			return refuse(reading, "Null value for 'streamIds' is not valid.");
		}
		int err = read_text(reading, "streamIds", &value->items[i], &ids[i]);
		if (err != 0) {
			return err;
		}
	}
	reading->message.stream_ids = ids;
	reading->message.stream_id_count = value->count;
	return 0;
}

/* They have no meaning here, but have to be in order. */
static int read_headers(struct reading *reading, const struct value *value)
{
	if (value->kind != VALUE_OBJECT) {
		return refuse_type(reading, "headers", "StartObject");
	}
	for (uint32_t i = 0; i < value->count; i++) {
		const struct value_member *header = &value->members[i];
		if (header->value.kind != VALUE_TEXT) {
			return refuse(
				reading, arena_printf(reading->arena,
						 "Expected header '%.*s' to be of type String.",
						 BYTES_ARG(header->name)));
		}
		if (header->value.bad_text) {
			return refuse(reading, "Error reading JSON.");
		}
	}
	return 0;
}

static int read_item(struct reading *reading, const struct value *value)
{
	reading->message.item = *value;
	reading->has |= HAS_ITEM;
	return 0;
}

static int read_result(struct reading *reading, const struct value *value)
{
	reading->message.item = *value;
	reading->has |= HAS_RESULT;
	return 0;
}

static int read_allow_reconnect(struct reading *reading, const struct value *value)
{
	if (value->kind != VALUE_BOOL) {
		return refuse(reading, "Expected 'allowReconnect' to be true or false.");
	}
	reading->message.allow_reconnect = value->boolean;
	return 0;
}

static int read_sequence_id(struct reading *reading, const struct value *value)
{
	if (value->kind == VALUE_NULL) {
		return 0; /* as if it were not there */
	}
	if (value->kind != VALUE_INT) {
		return refuse_type(reading, "sequenceId", "Number");
	}
	reading->message.sequence_id = value->integer;
	reading->has |= HAS_SEQUENCE_ID;
	return 0;
}

static const struct member {
	struct bytes name;
	int (*read)(struct reading *reading, const struct value *value);
} members[] = {
	{BYTES_LIT("type"), read_type},
	{BYTES_LIT("invocationId"), read_invocation_id},
	{BYTES_LIT("target"), read_target},
	{BYTES_LIT("arguments"), read_arguments},
	{BYTES_LIT("streamIds"), read_stream_ids},
	{BYTES_LIT("item"), read_item},
	{BYTES_LIT("result"), read_result},
	{BYTES_LIT("error"), read_error},
	{BYTES_LIT("headers"), read_headers},
	{BYTES_LIT("allowReconnect"), read_allow_reconnect},
	{BYTES_LIT("sequenceId"), read_sequence_id},
};

static int read_member(struct reading *reading, const struct value_member *from)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (bytes_eq(members[i].name, from->name)) {
			return members[i].read(reading, &from->value);
		}
	}
	return 0;
}

/* What each type needs, in the order in which it is missed; by type. */
static const struct need {
	unsigned has;
	const char *why;
} needs[][4] = {
	[HUB_INVOCATION] = {{HAS_TARGET, "Missing required property 'target'."},
		{HAS_ARGUMENTS, "Missing required property 'arguments'."}},
	[HUB_STREAM_ITEM] = {{HAS_INVOCATION_ID, "Missing required property 'invocationId'."},
		{HAS_ITEM, "Missing required property 'item'."}},
	[HUB_COMPLETION] = {{HAS_INVOCATION_ID, "Missing required property 'invocationId'."}},
	[HUB_STREAM_INVOCATION] = {{HAS_TARGET, "Missing required property 'target'."},
		{HAS_INVOCATION_ID, "Missing required property 'invocationId'."},
		{HAS_ARGUMENTS, "Missing required property 'arguments'."}},
	[HUB_CANCEL_INVOCATION] = {{HAS_INVOCATION_ID,
		"Missing required property 'invocationId'."}},
	[HUB_ACK] = {{HAS_SEQUENCE_ID, "Missing required property 'sequenceId'."}},
	[HUB_SEQUENCE] = {{HAS_SEQUENCE_ID, "Missing required property 'sequenceId'."}},
};

static int check_needs(struct reading *reading)
{
	for (const struct need *need = needs[reading->type]; need->has != 0; need++) {
		if ((reading->has & need->has) == 0) {
			return refuse(reading, need->why);
		}
	}
	return 0;
}

/* All members were met: does it make a message? */
static int read_whole(struct reading *reading)
{
	if ((reading->has & HAS_TYPE) == 0) {
		return refuse(reading, "Missing required property 'type'.");
	}
	if (reading->type < HUB_INVOCATION || reading->type > HUB_SEQUENCE) {
		reading->message = (struct hub_message){.type = HUB_UNKNOWN};
		return 0;
	}
	struct hub_message *message = &reading->message;
	message->type = (enum hub_type)reading->type;
	int err = check_needs(reading);
	if (err != 0 || message->type != HUB_COMPLETION) {
		return err;
	}
	if ((reading->has & HAS_ERROR) != 0) {
		message->outcome = HUB_OUTCOME_ERROR;
		return (reading->has & HAS_RESULT) == 0
			       ? 0
			       : refuse(reading, "The 'error' and 'result' properties are "
						 "mutually exclusive.");
	}
	message->outcome = (reading->has & HAS_RESULT) != 0 ? HUB_OUTCOME_RESULT : HUB_OUTCOME_VOID;
	return 0;
}

static int read_object(struct reading *reading, struct bytes record)
{
	struct value root;
	int err = json_read(reading->arena, record, &root, NULL);
	if (err != 0) {
		reading->why = "Error reading JSON.";
		return err;
	}
	if (root.kind != VALUE_OBJECT) {
		return refuse(reading, json_record_no_object(reading->arena, &root));
	}
	for (uint32_t i = 0; i < root.count; i++) {
		err = read_member(reading, &root.members[i]);
		if (err != 0) {
			return err;
		}
	}
	return read_whole(reading);
}

static int json_read_message(struct arena *arena, struct bytes record,
	struct hub_message *ret_message, const char **ret_why)
{
	struct reading reading = {.arena = arena};
	int err = read_object(&reading, record);
	if (err != 0) {
		*ret_why = reading.why;
		return err;
	}
	*ret_message = reading.message;
	return 0;
}

/* JSON has no values that hold more than they show. */
static int json_read_bounded(struct arena *arena, struct bytes record, size_t plain_max,
	struct hub_message *ret_message, const char **ret_why)
{
	(void)plain_max;
	return json_read_message(arena, record, ret_message, ret_why);
}

/* ---- writing ---- */

static void write_invocation_id(struct buf *out, const struct hub_message *message)
{
	if (message->invocation_id.len > 0) {
		buf_append_bytes(out, BYTES_LIT(",\"invocationId\":"));
		json_write_text(out, message->invocation_id);
	}
}

static void write_call(struct buf *out, const struct hub_message *message)
{
	assert(message->arguments.kind == VALUE_ARRAY);
	write_invocation_id(out, message);
	buf_append_bytes(out, BYTES_LIT(",\"target\":"));
	json_write_text(out, message->target);
	buf_append_bytes(out, BYTES_LIT(",\"arguments\":"));
	json_write(out, &message->arguments);
	for (uint32_t i = 0; i < message->stream_id_count; i++) {
		buf_append_bytes(out, i == 0 ? BYTES_LIT(",\"streamIds\":[") : BYTES_LIT(","));
		json_write_text(out, message->stream_ids[i]);
	}
	if (message->stream_id_count > 0) {
		buf_append_char(out, ']');
	}
}

static void write_item(struct buf *out, const struct hub_message *message)
{
	write_invocation_id(out, message);
	buf_append_bytes(out, BYTES_LIT(",\"item\":"));
	json_write(out, &message->item);
}

static void write_completion(struct buf *out, const struct hub_message *message)
{
	write_invocation_id(out, message);
	if (message->outcome == HUB_OUTCOME_RESULT) {
		buf_append_bytes(out, BYTES_LIT(",\"result\":"));
		json_write(out, &message->item);
	} else if (message->outcome == HUB_OUTCOME_ERROR) {
		/* JavaScript clients take an empty error for success. */
		json_write_member_text(out, "error",
			message->error.len > 0 ? message->error : BYTES_LIT("Unknown error."));
	}
}

static void write_close(struct buf *out, const struct hub_message *message)
{
	if (message->error.len > 0) {
		json_write_member_text(out, "error", message->error);
	}
	if (message->allow_reconnect) {
		buf_append_bytes(out, BYTES_LIT(",\"allowReconnect\":true"));
	}
}

/* Members in the order in which ASP.NET Core writes them; what is absent is left out, never null.
 */
static void json_write_message(struct buf *out, const struct hub_message *message)
{
	assert(message->type >= HUB_INVOCATION && message->type <= HUB_SEQUENCE);
	buf_append_bytes(out, BYTES_LIT("{\"type\":"));
	buf_append_char(out, (char)('0' + message->type));
	switch (message->type) {
	case HUB_INVOCATION:
	case HUB_STREAM_INVOCATION:
		write_call(out, message);
		break;
	case HUB_STREAM_ITEM:
		write_item(out, message);
		break;
	case HUB_COMPLETION:
		write_completion(out, message);
		break;
	case HUB_CANCEL_INVOCATION:
		write_invocation_id(out, message);
		break;
	case HUB_CLOSE:
		write_close(out, message);
		break;
	case HUB_ACK:
	case HUB_SEQUENCE:
		json_write_member_int(out, "sequenceId", message->sequence_id);
		break;
	case HUB_PING:
	case HUB_UNKNOWN:
		break;
	}
	buf_append(out, "}\x1e", 2);
}

const struct hub_codec hub_codec_json = {
	.id = HUB_CODEC_JSON,
	.name = "json",
	.binary = false,
	.max_version = 2,
	.next_record = json_next_record,
	.read = json_read_message,
	.read_bounded = json_read_bounded,
	.write = json_write_message,
};
