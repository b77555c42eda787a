#include "lib/ctl/frames.h"

#include <assert.h>

#include "lib/base/err.h"
#include "lib/value/json.h"

/* How much of a code, message or hint is sent at most. */
#define END_TEXT_MAX 16384
#define EXIT_MAX 8

int ctl_frame_next(struct bytes *input, struct bytes *ret_json)
{
	if (input->len < CTL_FRAME_HEAD) {
		return ERR_AGAIN;
	}
	const unsigned char *head = (const unsigned char *)input->ptr;
	uint32_t len = (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 |
		       (uint32_t)head[3];
	if (len > CTL_FRAME_MAX) {
		return ERR_TOO_LARGE;
	}
	if (len == 0) {
		return ERR_BAD_REQUEST;
	}
	if (input->len - CTL_FRAME_HEAD < len) {
		return ERR_AGAIN;
	}
	*ret_json = bytes_of(input->ptr + CTL_FRAME_HEAD, len);
	*input = bytes_of(input->ptr + CTL_FRAME_HEAD + len, input->len - CTL_FRAME_HEAD - len);
	return 0;
}

/* Leaves room for the head; answers where the frame begins. */
static size_t frame_begin(struct buf *out)
{
	size_t start = out->len;
	buf_append(out, "\0\0\0", CTL_FRAME_HEAD);
	return start;
}

/* Fills the head in, or takes everything back. */
static int frame_end(struct buf *out, size_t start)
{
	size_t len = out->len - start - CTL_FRAME_HEAD;
	if (len > CTL_FRAME_MAX) {
		out->len = start;
		return ERR_TOO_LARGE;
	}
	unsigned char *head = (unsigned char *)out->data + start;
	head[0] = (unsigned char)(len >> 24);
	head[1] = (unsigned char)(len >> 16);
	head[2] = (unsigned char)(len >> 8);
	head[3] = (unsigned char)len;
	return 0;
}

/* The object and its version, with the id where there is one. */
static int read_common(struct arena *arena, struct bytes json, struct value *ret_value,
	int64_t *ret_id, const char **ret_why)
{
	int err = json_read(arena, json, ret_value, ret_why);
	if (err < 0) {
		return err;
	}
	if (ret_value->kind != VALUE_OBJECT) {
		*ret_why = "the frame is no object";
		return ERR_BAD_REQUEST;
	}
	const struct value *id = value_get(ret_value, "id");
	if (id != NULL && (id->kind != VALUE_INT || id->integer < 0)) {
		*ret_why = "id must be a whole number, 0 or more";
		return ERR_BAD_REQUEST;
	}
	*ret_id = id != NULL ? id->integer : -1;
	const struct value *version = value_get(ret_value, "v");
	if (version == NULL || version->kind != VALUE_INT) {
		*ret_why = "v, the version of the frames, is missing";
		return ERR_BAD_REQUEST;
	}
	if (version->integer != CTL_VERSION) {
		*ret_why = arena_printf(arena,
			"the other side speaks version %lld of the control frames, this one %d",
			(long long)version->integer, CTL_VERSION);
		return ERR_MISMATCH;
	}
	return 0;
}

static bool good_text(const struct value *value)
{
	return value != NULL && value->kind == VALUE_TEXT && !value->bad_text;
}

int ctl_request_read(struct arena *arena, struct bytes json, struct ctl_request *ret_request,
	const char **ret_why)
{
	struct value frame;
	ret_request->id = -1;
	int err = read_common(arena, json, &frame, &ret_request->id, ret_why);
	if (err < 0) {
		return err;
	}
	const struct value *command = value_get(&frame, "command");
	if (ret_request->id < 0) {
		*ret_why = "id is missing";
		return ERR_BAD_REQUEST;
	}
	if (!good_text(command)) {
		*ret_why = "command must be text";
		return ERR_BAD_REQUEST;
	}
	const struct value *args = value_get(&frame, "args");
	if (args != NULL && args->kind != VALUE_OBJECT) {
		*ret_why = "args must be an object";
		return ERR_BAD_REQUEST;
	}
	ret_request->command = command->text;
	ret_request->args = args != NULL ? *args : value_object(arena, 0);
	return 0;
}

int ctl_request_write(struct buf *out, const struct ctl_request *request)
{
	assert(request->args.kind == VALUE_OBJECT);
	size_t start = frame_begin(out);
	buf_printf(out, "{\"v\":%d,\"id\":%lld,\"command\":", CTL_VERSION, (long long)request->id);
	json_write_text(out, request->command);
	buf_append_str(out, ",\"args\":");
	json_write(out, &request->args);
	buf_append_char(out, '}');
	return frame_end(out, start);
}

/* The error of a last frame. */
static int read_error(const struct value *error, struct ctl_answer *answer, const char **ret_why)
{
	const struct value *code = value_get(error, "code");
	const struct value *message = value_get(error, "message");
	const struct value *hint = value_get(error, "hint");
	if (!good_text(code) || !good_text(message)) {
		*ret_why = "error must have a code and a message";
		return ERR_BAD_REQUEST;
	}
	answer->has_error = true;
	answer->code = code->text;
	answer->message = message->text;
	answer->hint = good_text(hint) ? hint->text : BYTES_NONE;
	return 0;
}

static int read_end(const struct value *frame, struct ctl_answer *ret_answer, const char **ret_why)
{
	const struct value *code = value_get(frame, "exit");
	const struct value *error = value_get(frame, "error");
	if (code == NULL || code->kind != VALUE_INT || code->integer < 0 ||
		code->integer > EXIT_MAX) {
		*ret_why = "exit must be a number from 0 to 8";
		return ERR_BAD_REQUEST;
	}
	ret_answer->kind = CTL_END;
	ret_answer->exit = (int)code->integer;
	if (error != NULL && error->kind != VALUE_NULL) {
		return read_error(error, ret_answer, ret_why);
	}
	return 0;
}

int ctl_answer_read(
	struct arena *arena, struct bytes json, struct ctl_answer *ret_answer, const char **ret_why)
{
	struct value frame;
	memset(ret_answer, 0, sizeof(*ret_answer));
	int err = read_common(arena, json, &frame, &ret_answer->id, ret_why);
	if (err < 0) {
		return err;
	}
	const struct value *end = value_get(&frame, "end");
	if (end != NULL && end->kind == VALUE_BOOL && end->boolean) {
		return read_end(&frame, ret_answer, ret_why);
	}
	const struct value *item = value_get(&frame, "item");
	if (item == NULL) {
		*ret_why = "the answer is neither an item nor the end";
		return ERR_BAD_REQUEST;
	}
	if (item->kind != VALUE_OBJECT) {
		*ret_why = "an item is no object";
		return ERR_BAD_REQUEST;
	}
	ret_answer->kind = CTL_ITEM;
	ret_answer->item = *item;
	return 0;
}

int ctl_item_write(struct buf *out, int64_t id, const struct value *item)
{
	size_t start = frame_begin(out);
	buf_printf(out, "{\"v\":%d,\"id\":%lld,\"item\":", CTL_VERSION, (long long)id);
	json_write(out, item);
	buf_append_char(out, '}');
	return frame_end(out, start);
}

/* Whole characters only. */
static struct bytes cut(const char *text)
{
	struct bytes b = bytes_str(text);
	if (b.len > END_TEXT_MAX) {
		b.len = END_TEXT_MAX;
		while (b.len > 0 && ((unsigned char)b.ptr[b.len] & 0xc0) == 0x80) {
			b.len--;
		}
	}
	return b;
}

void ctl_end_write(struct buf *out, int64_t id, int err, const char *message, const char *hint)
{
	size_t start = frame_begin(out);
	buf_printf(out, "{\"v\":%d", CTL_VERSION);
	if (id >= 0) {
		buf_printf(out, ",\"id\":%lld", (long long)id);
	}
	buf_printf(out, ",\"end\":true,\"exit\":%d", err < 0 ? err_exit_code(err) : 0);
	if (err < 0) {
		buf_append_str(out, ",\"error\":{");
		json_write_member_text(out, "code", bytes_str(err_code(err)));
		json_write_member_text(
			out, "message", cut(message != NULL ? message : err_text(err)));
		if (hint != NULL) {
			json_write_member_text(out, "hint", cut(hint));
		}
		buf_append_char(out, '}');
	}
	buf_append_char(out, '}');
	int ended = frame_end(out, start);
	assert(ended == 0); /* texts were cut */
	(void)ended;
}
