#include "tests/own/own.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct param any[] = {
	{.name = "value",
		.kind = PARAM_ANY,
		.flags = PARAM_NULLABLE,
		.offset = offsetof(struct own_any_params, value),
		.doc = "What comes back."},
	{.name = "number",
		.kind = PARAM_INT,
		.offset = offsetof(struct own_any_params, number),
		.doc = "Not looked at."},
};

static const struct param ints[] = {
	{.name = "number",
		.kind = PARAM_INT,
		.offset = offsetof(struct own_int_params, number),
		.doc = "A number, or milliseconds."},
	{.name = "other",
		.kind = PARAM_INT,
		.offset = offsetof(struct own_int_params, other),
		.doc = "Another number."},
};

static const struct param stream[] = {
	{.name = "roomId",
		.kind = PARAM_TEXT,
		.offset = offsetof(struct own_stream_params, room),
		.doc = "Not looked at."},
	{.name = "prompt",
		.kind = PARAM_TEXT,
		.offset = offsetof(struct own_stream_params, prompt),
		.doc = "Its words are the items; \"count to N\": numbers."},
};

static const struct param factor[] = {
	{.name = "factor",
		.kind = PARAM_INT,
		.offset = offsetof(struct own_upload_params, number),
		.doc = "What the second stream is multiplied with; or milliseconds."},
};

static const struct param number_streams[] = {
	{.name = "first",
		.kind = PARAM_INT,
		.min = INT32_MIN,
		.max = INT32_MAX,
		.offset = offsetof(struct own_upload_params, first),
		.doc = "Numbers."},
	{.name = "second",
		.kind = PARAM_INT,
		.min = INT32_MIN,
		.max = INT32_MAX,
		.offset = offsetof(struct own_upload_params, second),
		.doc = "More numbers."},
};

static const struct param any_stream[] = {
	{.name = "items",
		.kind = PARAM_ANY,
		.flags = PARAM_NULLABLE,
		.offset = offsetof(struct own_upload_params, first),
		.doc = "What comes back."},
};

/* The name of the method, its operation, and what its arguments are: the first so many of a table,
 * and what the table cannot say. */
#define PLAIN(text, operation) .name = text, .op = &operation
#define TAKES(table, count) .params = table, .param_count = count
#define READS(table, so_many) .uploads = table, .upload_count = so_many

static const struct hub_method methods[] = {
	{PLAIN("Echo", op_own_echo), TAKES(any, 1), .fits = own_fits_text},
	{PLAIN("Int", op_own_echo), TAKES(any, 1), .fits = own_fits_int},
	{PLAIN("MaybeInt", op_own_echo), TAKES(any, 1), .fits = own_fits_maybe_int},
	{PLAIN("Long", op_own_echo), TAKES(any, 1), .fits = own_fits_long},
	{PLAIN("Double", op_own_echo), TAKES(any, 1), .fits = own_fits_double},
	{PLAIN("Bool", op_own_echo), TAKES(any, 1), .fits = own_fits_bool},
	{PLAIN("Time", op_own_time), TAKES(any, 1), .fits = own_fits_time},
	{PLAIN("Id", op_own_id), TAKES(any, 1), .fits = own_fits_id},
	{PLAIN("Day", op_own_echo), TAKES(any, 1), .fits = own_fits_int},
	{PLAIN("Object", op_own_object), TAKES(any, 1), .fits = own_fits_object},
	{PLAIN("Any", op_own_echo), TAKES(any, 1)},
	{PLAIN("Optional", op_own_echo), TAKES(any, 2), .fits = own_fits_int},
	{PLAIN("Values", op_own_values)},
	{PLAIN("Nan", op_own_nan)},
	{PLAIN("Void", op_own_void)},
	{PLAIN("Null", op_own_void)},
	{PLAIN("Renamed", op_own_renamed)},
	{PLAIN("Fail", op_own_fail)},
	{PLAIN("FailHub", op_own_fail_hub)},
	{PLAIN("FailArg", op_own_fail_arg), TAKES(ints, 1)},
	{PLAIN("Forbidden", op_own_forbidden)},
	{PLAIN("Slow", op_own_slow), TAKES(ints, 1)},
	{PLAIN("Commit", op_own_commit), TAKES(ints, 1)},
	{PLAIN("Push", op_own_push), TAKES(ints, 2)},
	{PLAIN("Abort", op_own_abort)},
	{PLAIN("StreamAIResponse", op_own_stream), TAKES(stream, 2), .streams = true},
	{PLAIN("FailingStream", op_own_failing_stream), .streams = true},
	{PLAIN("FailingHubStream", op_own_failing_hub_stream), .streams = true},
	{PLAIN("NanStream", op_own_nan_stream), .streams = true},
	{PLAIN("Flood", op_own_flood), TAKES(ints, 2), .streams = true},
	{PLAIN("Count", op_own_count), TAKES(ints, 2), .streams = true},
	{PLAIN("EchoStream", op_own_echo_stream), READS(any_stream, 1), .streams = true},
	{PLAIN("Sum", op_own_sum), READS(number_streams, 1)},
	{PLAIN("SumText", op_own_sum_text), READS(number_streams, 1)},
	{PLAIN("SumBoth", op_own_sum_both), TAKES(factor, 1), READS(number_streams, 2)},
	{PLAIN("SumSlowly", op_own_sum_slowly), TAKES(factor, 1), READS(number_streams, 1)},
	{PLAIN("Ignore", op_own_ignore), TAKES(factor, 1), READS(number_streams, 1)},
	{PLAIN("AskBack", op_own_ask)},
	{PLAIN("AskText", op_own_ask_text)},
	{PLAIN("AskThenSlow", op_own_ask_then_slow)},
	{PLAIN("AskAny", op_own_ask_any), TAKES(any, 1)},
	{PLAIN("AskWithin", op_own_ask_within), TAKES(ints, 1)},
};

#undef PLAIN
#undef TAKES
#undef READS

const struct hub_method_set hub_methods_own = {.rows = methods, .count = COUNT(methods)};
