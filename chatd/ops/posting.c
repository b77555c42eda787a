#include "chatd/ops/posting.h"

#include "chatd/op/limits.h"
#include "chatd/ops/change.h"
#include "chatd/room/render.h"
#include "lib/base/err.h"
#include "lib/base/utf8.h"
#include "lib/conf/conf.h"
#include "lib/value/json.h"

#define CLIENT_ID_MAX 128
#define URL_MAX 2048

bool posting_is_storable(struct bytes text)
{
	return utf8_valid(text) && memchr(text.ptr != NULL ? text.ptr : "", 0, text.len) == NULL;
}

int posting_check_content(struct op *op, struct bytes content, bool may_be_empty)
{
	size_t max = op->sv->conf->limits.max_content;
	if (content.len == 0 && !may_be_empty) {
		return op_fail(op, ERR_BAD_CONTENT, "a message needs content");
	}
	if (content.len > max) {
		return op_fail(op, ERR_BAD_CONTENT,
			"the content has %zu bytes, at most %zu are allowed", content.len, max);
	}
	if (!posting_is_storable(content)) {
		return op_fail(op, ERR_BAD_CONTENT, "the content is no text (U+0000?)");
	}
	return 0;
}

int posting_check_id(struct op *op, struct bytes id)
{
	if (id.len < 1 || id.len > CLIENT_ID_MAX || !posting_is_storable(id)) {
		return op_fail(op, ERR_BAD_CONTENT, "clientMessageId must be 1 to %d bytes of text",
			CLIENT_ID_MAX);
	}
	return 0;
}

static bool is_attachment_text(const struct value *value)
{
	return value != NULL && value->kind == VALUE_TEXT && !value->bad_text &&
	       value->text.len <= URL_MAX && posting_is_storable(value->text);
}

int posting_set_attachment(struct op *op, const struct value *attachment, struct append_item *item)
{
	bool wanted = item->type == MESSAGE_IMAGE || item->type == MESSAGE_FILE;
	const struct value *url = value_get_nocase(attachment, "url");
	if (!wanted || !is_attachment_text(url) || !change_is_web_address(url->text)) {
		return op_fail(op, ERR_BAD_CONTENT,
			"an attachment goes with type Image or File and has a url, http or https, "
			"of at most %d bytes",
			URL_MAX);
	}
	static const char *const names[] = {"url", "name", "mediaType", "size"};
	enum { SIZE = 3 };
	struct value kept = value_object(op->arena, 4);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct value *member = value_get_nocase(attachment, names[i]);
		bool size = member != NULL && member->kind == VALUE_INT && member->integer >= 0;
		if (i == SIZE ? size : is_attachment_text(member)) {
			value_put(&kept, names[i], *member);
		}
	}
	struct buf json = {0};
	json_write(&json, &kept);
	item->attachment = arena_dup(op->arena, buf_bytes(&json));
	buf_finish(&json);
	return 0;
}

void posting_set_key(const struct op *op, struct append_item *item, struct bytes client_message_id)
{
	if (client_message_id.len > 0) {
		item->client_message_id = client_message_id;
		store_client_key(&item->sender, client_message_id, item->client_key);
	} else {
		struct uuid key;
		uuid_v7(clock_wall_ms(op->sv->clock), &key);
		memcpy(item->client_key, key.b, sizeof(key.b));
	}
	store_body_hash(item, item->body_hash);
}

int posting_take_rate(struct op *op, const struct uuid *room)
{
	uint64_t retry_us;
	if (limits_room(op->sv, room, &retry_us) != 0) {
		return op_fail_limited(op, "too many messages in this room", retry_us);
	}
	return OP_NEXT;
}

int posting_reply(struct op *op, const struct append_item *item)
{
	switch (item->outcome) {
	case APPEND_STORED:
	case APPEND_REPEATED:
		break;
	case APPEND_CONFLICT:
		return op_fail(op, ERR_CONFLICT,
			"clientMessageId was used before, for message %llu with other content",
			(unsigned long long)item->seq);
	case APPEND_NOT_MEMBER:
		return op_fail(op, ERR_NOT_MEMBER, "you are not a member of this room");
	case APPEND_ARCHIVED:
		return op_fail(op, ERR_ARCHIVED, "the room is archived");
	case APPEND_NO_TARGET:
		return op_fail(op, ERR_NOT_FOUND, "no such message, or it was deleted");
	case APPEND_FORBIDDEN:
		return op_fail(op, ERR_FORBIDDEN, "%s",
			item->type == MESSAGE_EDIT ? "only its sender may edit a message"
						   : "only its sender, an Admin and an Owner may "
						     "delete a message");
	case APPEND_FAILED:
		return item->err;
	}
	struct message_row row = {
		.room = item->room,
		.seq = item->seq,
		.epoch_no = item->epoch_no,
		.imported_id = item->imported_id,
	};
	struct uuid id;
	store_message_id(op->sv->store, &row, &id);
	op->created = item->outcome == APPEND_STORED;
	op->result = value_object(op->arena, 3);
	value_put(&op->result, "id", render_uuid(op->arena, &id));
	value_put(&op->result, "seq", value_int((int64_t)item->seq));
	value_put(&op->result, "sentAt", value_time(item->sent_ms));
	return OP_DONE;
}
