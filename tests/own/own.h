/* The test hub: methods like those of the recording server (tests/vectors/server-observed.json),
 * and some more, beside those of the product. Linked into chatd-own and into unit tests only. */
#ifndef TESTS_OWN_OWN_H
#define TESTS_OWN_OWN_H

#include "chatd/hub/methods.h"

/* Values: tests/own/values.c. What is given back is what was bound. */
struct own_any_params {
	const struct value *value;
	int64_t number; /* of those that look at the second argument */
};
extern const struct op_def op_own_echo, op_own_time, op_own_id, op_own_object, op_own_values,
	op_own_nan, op_own_void, op_own_renamed;
bool own_fits_int(void *params);
bool own_fits_maybe_int(void *params);
bool own_fits_long(void *params);
bool own_fits_double(void *params);
bool own_fits_bool(void *params);
bool own_fits_text(void *params);
bool own_fits_time(void *params);
bool own_fits_id(void *params);
bool own_fits_object(void *params);

/* Calls that fail, take their time, or end it all: tests/own/plain.c. */
struct own_int_params {
	int64_t number, other;
};
extern const struct op_def op_own_fail, op_own_fail_hub, op_own_fail_arg, op_own_forbidden,
	op_own_slow, op_own_commit, op_own_push, op_own_abort;

/* Streams down: tests/own/streams.c. */
struct own_stream_params {
	struct bytes room, prompt;
};
extern const struct op_def op_own_stream, op_own_failing_stream, op_own_failing_hub_stream,
	op_own_nan_stream, op_own_flood, op_own_count;

/* Uploads and questions: tests/own/uploads.c, tests/own/asks.c. */
struct own_upload_params {
	int64_t number;
	struct upload *first, *second;
};
extern const struct op_def op_own_sum, op_own_sum_text, op_own_sum_both, op_own_sum_slowly,
	op_own_ignore, op_own_echo_stream;
extern const struct op_def op_own_ask, op_own_ask_text, op_own_ask_within, op_own_ask_any,
	op_own_ask_then_slow;

#endif
