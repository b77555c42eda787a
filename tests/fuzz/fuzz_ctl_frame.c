/* Frames of the control socket, from both sides, and the args of what they ask. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/ctl/commands.h"
#include "lib/ctl/frames.h"
#include "lib/value/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read is written, and read again as the same. */
static void check_round_trip(struct arena *arena, const struct ctl_request *request)
{
	struct buf first = {0}, second = {0};
	struct ctl_request again;
	struct bytes json;
	const char *why = NULL;
	if (ctl_request_write(&first, request) == 0) { /* escapes can make it too long */
		struct bytes input = buf_bytes(&first);
		assert(ctl_frame_next(&input, &json) == 0 && input.len == 0);
		assert(ctl_request_read(arena, json, &again, &why) == 0);
		assert(again.id == request->id && bytes_eq(again.command, request->command));
		assert(ctl_request_write(&second, &again) == 0);
		assert(bytes_eq(buf_bytes(&first), buf_bytes(&second)));
	}
	buf_finish(&first);
	buf_finish(&second);
}

static void check_request(struct arena *arena, struct bytes json)
{
	struct ctl_request request;
	const char *why = NULL;
	int err = ctl_request_read(arena, json, &request, &why);
	if (err < 0) {
		assert(why != NULL && (err == ERR_BAD_REQUEST || err == ERR_MISMATCH));
		return;
	}
	const struct ctl_command *command = ctl_command_named(request.command);
	if (command != NULL && ctl_args_check(arena, command, &request.args, &why) < 0) {
		assert(why != NULL);
	} else if (command != NULL) {
		check_round_trip(arena, &request);
	}
}

static void check_answer(struct arena *arena, struct bytes json)
{
	struct ctl_answer answer;
	const char *why = NULL;
	int err = ctl_answer_read(arena, json, &answer, &why);
	if (err < 0) {
		assert(why != NULL && (err == ERR_BAD_REQUEST || err == ERR_MISMATCH));
		return;
	}
	assert(answer.kind == CTL_ITEM || (answer.exit >= 0 && answer.exit <= 8));
	assert(!answer.has_error || answer.kind == CTL_END);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = bytes_of(data, size);
	struct bytes json;
	/* A byte less may only be too little. */
	if (size > 0) {
		struct bytes less = bytes_of(data, size - 1), less_json;
		struct bytes whole = input;
		int err = ctl_frame_next(&whole, &json);
		int less_err = ctl_frame_next(&less, &less_json);
		assert(less_err == err || less_err == ERR_AGAIN);
	}
	while (ctl_frame_next(&input, &json) == 0) {
		assert(json.len > 0 && json.len <= CTL_FRAME_MAX);
		assert(json.ptr + json.len == input.ptr);
		struct arena *arena = arena_create(0);
		check_request(arena, json);
		check_answer(arena, json);
		arena_destroy(&arena);
	}
	return 0;
}
