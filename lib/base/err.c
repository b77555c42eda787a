#include "lib/base/err.h"

#include <stddef.h>
#include <string.h>

struct err_row {
	int err;
	const char *code;
	const char *text;
	int http_status;
	int exit_code;
};

/* Exit codes: 1 failed, 2 usage, 3 unreachable, 4 not found, 5 conflict, 6 denied, 7 timeout, 8
 * partly done. Row i holds error number -(i + 1). */
static const struct err_row rows[] = {
	{ERR_INTERNAL, "internal", "Something failed inside the server", 500, 1},
	{ERR_BAD_REQUEST, "bad_request", "The request is malformed", 400, 1},
	{ERR_BAD_ROOM, "bad_room", "This can be no room id or alias", 400, 1},
	{ERR_BAD_CONTENT, "bad_content", "The content is empty, too long or no valid text", 400, 1},
	{ERR_UNAUTHORIZED, "unauthorized", "A valid token is needed", 401, 6},
	{ERR_FORBIDDEN, "forbidden", "This is not allowed", 403, 6},
	{ERR_NOT_FOUND, "not_found", "There is no such thing", 404, 4},
	{ERR_NOT_MEMBER, "not_a_member", "You are not a member of this room", 403, 4},
	{ERR_CONFLICT, "conflict", "The same key was used with other content", 409, 5},
	{ERR_EXISTS, "exists", "This name is taken", 409, 5},
	{ERR_BUSY, "busy", "Too much is under way; nothing was done, try again", 503, 5},
	{ERR_UNAVAILABLE, "unavailable", "A part of the service is away; nothing was done", 503, 1},
	{ERR_UNCERTAIN, "uncertain",
		"It may or may not have taken effect; ask again with the same id", 504, 1},
	{ERR_RATE_LIMITED, "rate_limited", "Too many requests; try again later", 429, 1},
	{ERR_TOO_LARGE, "too_large", "This is larger than allowed", 413, 1},
	{ERR_ARCHIVED, "archived", "The room is archived and can only be read", 409, 5},
	{ERR_TIMEOUT, "timeout", "It took longer than allowed", 504, 7},
	{ERR_STORAGE_FULL, "storage_full", "No space is left in the store; nothing was done", 507,
		1},
	{ERR_UNREACHABLE, "unreachable", "The peer cannot be reached", 502, 3},
	{ERR_NOT_SUPPORTED, "not_supported", "This is not offered here", 501, 1},
	{ERR_CONFIG, "config", "A setting or the schema of the store is wrong", 500, 1},
	{ERR_CORRUPT, "corrupt", "Stored data is damaged", 500, 1},
	{ERR_USAGE, "usage", "The command line is wrong", 400, 2},
	{ERR_SYSTEM, "system", "A system call failed", 500, 1},
	{ERR_CLOSED, "closed", "The other side has gone", 502, 1},
	{ERR_AGAIN, "again", "More input is needed", 500, 1},
	{ERR_NOMEM, "nomem", "There is not enough memory for this", 503, 1},
	{ERR_MISMATCH, "mismatch", "The peer speaks another version", 400, 1},
	{ERR_CANCELLED, "cancelled", "It was withdrawn", 409, 1},
	{ERR_PARTIAL, "partial", "Only some of it was done", 500, 8},
	{ERR_PRECONDITION, "precondition_failed", "It has changed since it was read", 412, 5},
	{ERR_METHOD, "method_not_allowed", "This path does not take this method", 405, 2},
	{ERR_MEDIA_TYPE, "unsupported_media_type", "The content must be JSON", 415, 2},
	{ERR_NOT_ACCEPTABLE, "not_acceptable", "The answer can be had as JSON only", 406, 2},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static const struct err_row *err_row(int err)
{
	/* Not -err: the least int has no opposite. */
	if (err > -1 || err < -(int)ROW_COUNT) {
		return &rows[0];
	}
	return &rows[-err - 1];
}

const char *err_code(int err)
{
	return err_row(err)->code;
}

const char *err_text(int err)
{
	return err_row(err)->text;
}

int err_http_status(int err)
{
	return err_row(err)->http_status;
}

int err_exit_code(int err)
{
	return err_row(err)->exit_code;
}

int err_from_code(const char *code)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (strcmp(rows[i].code, code) == 0) {
			return rows[i].err;
		}
	}
	return ERR_INTERNAL;
}
