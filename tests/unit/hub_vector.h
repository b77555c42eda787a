/* Hub messages against the objects of tests/vectors that describe them. */
#ifndef TESTS_UNIT_HUB_VECTOR_H
#define TESTS_UNIT_HUB_VECTOR_H

#include "lib/base/err.h"
#include "lib/hubproto/codec.h"
#include "tests/unit/json_file.h"
#include "tests/unit/same_value.h"

static inline bool same_text(const struct value *object, const char *name, struct bytes text)
{
	return bytes_eq(json_file_text(object, name), text);
}

static inline bool same_item(const struct value *expected, const struct value *value)
{
	return same_value(expected != NULL ? expected : &value_null, value);
}

/* The message against the object that describes it. */
static inline void assert_message(const struct value *expected, const struct hub_message *message)
{
	assert_int_equal(value_get(expected, "type")->integer, message->type);
	assert_true(same_text(expected, "invocationId", message->invocation_id));
	assert_true(same_text(expected, "target", message->target));
	assert_true(same_text(expected, "error", message->error));
	if (message->type == HUB_INVOCATION || message->type == HUB_STREAM_INVOCATION) {
		assert_true(same_item(value_get(expected, "arguments"), &message->arguments));
	}
	const struct value *ids = value_get(expected, "streamIds");
	assert_int_equal(message->stream_id_count, ids != NULL ? ids->count : 0);
	for (uint32_t i = 0; i < message->stream_id_count; i++) {
		assert_true(bytes_eq(message->stream_ids[i], ids->items[i].text));
	}
	const struct value *result = value_get(expected, "result");
	if (message->type == HUB_COMPLETION) {
		assert_int_equal(message->outcome, result != NULL	    ? HUB_OUTCOME_RESULT
						   : message->error.len > 0 ? HUB_OUTCOME_ERROR
									    : HUB_OUTCOME_VOID);
	}
	const struct value *item = result != NULL ? result : value_get(expected, "item");
	assert_true(same_item(item, &message->item));
	const struct value *sequence = value_get(expected, "sequenceId");
	assert_true(message->sequence_id == (sequence != NULL ? sequence->integer : 0));
	const struct value *reconnect = value_get(expected, "allowReconnect");
	assert_int_equal(message->allow_reconnect, reconnect != NULL && reconnect->boolean);
}

/* Where we read as the server does and not as the JavaScript client: its verdict on the vector is
 * not ours. Ours is beside it. */
struct difference {
	const char *name;
	int err; /* of the first record */
};

/* The one of that vector, or NULL; behind the last one is one without a name. */
static inline const struct difference *find_difference(
	const struct difference *differences, const struct value *vector)
{
	for (; differences->name != NULL; differences++) {
		if (same_text(vector, "name", bytes_str(differences->name))) {
			return differences;
		}
	}
	return NULL;
}

/* The input of a vector of hub-messages-parsed.json is read as the vector says, but for the
 * differences. read_next cuts and reads the next record. */
static inline void check_parsed(const struct value *vector, struct bytes input,
	const struct difference *differences,
	int (*read_next)(struct bytes *input, struct hub_message *ret_message))
{
	const struct value *parsed = value_get(vector, "parsed");
	const struct difference *difference = find_difference(differences, vector);
	struct hub_message message;
	if (difference != NULL) {
		assert_int_equal(read_next(&input, &message), difference->err);
		return;
	}
	if (parsed == NULL) {
		assert_non_null(value_get(vector, "parse_error"));
		assert_int_equal(read_next(&input, &message), ERR_BAD_REQUEST);
		return;
	}
	for (uint32_t i = 0; i < parsed->count; i++) {
		assert_int_equal(read_next(&input, &message), 0);
		assert_message(&parsed->items[i], &message);
	}
	assert_int_equal(input.len, 0);
}

#endif
