#include "chatd/ops/change.h"

#include "chatd/auth/principal.h"
#include "chatd/ops/access.h"
#include "lib/base/err.h"
#include "lib/base/utf8.h"

#define NAME_MAX_BYTES 256
#define URL_MAX_BYTES 2048

struct store_actor change_actor(const struct op *op)
{
	struct store_actor actor = {0};
	if (op->principal != NULL) {
		actor.has_by = true;
		actor.by = op->principal->user_id;
	}
	return actor;
}

int change_fail(struct op *op, int err)
{
	switch (err) {
	case ERR_NOT_FOUND:
		return access_not_found(op);
	case ERR_FORBIDDEN:
		return op_fail(op, err, "your role in this room does not allow it");
	case ERR_PRECONDITION:
		return op_fail(op, err, "it was changed since you read it: read it again");
	default:
		return err;
	}
}

int change_user(struct op *op, struct bytes text, struct uuid *ret_id)
{
	if (text.len < 1 || text.len > PRINCIPAL_IDENTITY_MAX || !utf8_plain(text)) {
		return op_fail(op, ERR_BAD_REQUEST,
			"a user is named by his id or by 1 to %d bytes without control characters",
			PRINCIPAL_IDENTITY_MAX);
	}
	ident_user(text, ret_id);
	return 0;
}

int change_check_name(struct op *op, struct bytes name)
{
	if (name.len < 1 || name.len > NAME_MAX_BYTES || !utf8_plain(name)) {
		return op_fail(op, ERR_BAD_REQUEST,
			"a name must be 1 to %d bytes of text without control characters",
			NAME_MAX_BYTES);
	}
	return 0;
}

bool change_is_web_address(struct bytes url)
{
	bool web = bytes_starts_nocase(url, BYTES_LIT("https://")) ||
		   bytes_starts_nocase(url, BYTES_LIT("http://"));
	return web && url.len <= URL_MAX_BYTES && utf8_plain(url) && bytes_find_char(url, ' ') < 0;
}

int change_check_avatar(struct op *op, struct bytes url)
{
	if (url.len > 0 && !change_is_web_address(url)) {
		return op_fail(op, ERR_BAD_REQUEST,
			"'avatarUrl' must be an http or https address of at most %d bytes",
			URL_MAX_BYTES);
	}
	return 0;
}
