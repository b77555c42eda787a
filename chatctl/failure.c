#include "chatctl/failure.h"

#include <stdarg.h>
#include <stdio.h>

#include "chatctl/text.h"
#include "lib/base/err.h"
#include "lib/value/json.h"

static const char *escaped(struct arena *arena, struct bytes text)
{
	struct buf out = {0};
	text_escape(&out, text, true);
	const char *kept = arena_dup(arena, buf_bytes(&out)).ptr;
	buf_finish(&out);
	return kept;
}

int failure_set(struct failure *failure, int err, const char *hint, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const char *message = arena_vprintf(failure->arena, fmt, ap);
	va_end(ap);
	failure->exit = err_exit_code(err);
	failure->code = err_code(err);
	failure->message = escaped(failure->arena, bytes_str(message));
	failure->hint = hint != NULL ? escaped(failure->arena, bytes_str(hint)) : NULL;
	return err;
}

int failure_take(struct failure *failure, int exit, struct bytes code, struct bytes message,
	struct bytes hint)
{
	failure->exit = exit;
	failure->code = escaped(failure->arena, code);
	failure->message = escaped(failure->arena, message);
	failure->hint = hint.len > 0 ? escaped(failure->arena, hint) : NULL;
	return err_from_code(failure->code);
}

void failure_print(const struct failure *failure)
{
	struct bytes rest = bytes_str(failure->message);
	do {
		struct bytes line = bytes_split(&rest, '\n');
		fprintf(stderr, "chatctl: %.*s\n", BYTES_ARG(line));
	} while (rest.len > 0);
	if (failure->hint != NULL) {
		fprintf(stderr, "  hint: %s\n", failure->hint);
	}
}

void failure_json(const struct failure *failure, struct buf *out)
{
	buf_append_str(out, "\"error\":{");
	json_write_member_text(out, "code", bytes_str(failure->code));
	json_write_member_text(out, "message", bytes_str(failure->message));
	buf_append_str(out, ",\"hint\":");
	if (failure->hint != NULL) {
		json_write_text(out, bytes_str(failure->hint));
	} else {
		buf_append_str(out, "null");
	}
	buf_append_char(out, '}');
}
