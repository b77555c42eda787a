/* Messages of another place, such as a history export, stored in a room as if sent now: with new
 * numbers, but their ids, times and senders. Once each, however often the same are given. */
#include "chatd/ops/access.h"
#include "chatd/ops/ops.h"
#include "chatd/ops/posting.h"
#include "chatd/room/home.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"

#define BATCH_MAX 1000
/* Of base64 of 12 and 16 bytes. */
#define CIPHER_PART_MAX 64

/* One message as it is given. */
struct imported {
	struct bytes id, sender, type, content, encrypted_content, nonce, auth_tag;
	struct bytes client_message_id;
	const struct value *attachment;
	int64_t sent_ms, edited_ms, deleted_ms, ref_seq;
	enum param_given encrypted_given;
};

#define TEXT_OF(member, field, more) \
	{ \
		.name = member, .kind = PARAM_TEXT, .flags = (more), \
		.offset = offsetof(struct imported, field), .doc = "As in messages that are read." \
	}
#define TIME_OF(member, field, more) \
	{ \
		.name = member, .kind = PARAM_TIME, .flags = (more), \
		.offset = offsetof(struct imported, field), .doc = "RFC 3339." \
	}
#define MAYBE (PARAM_OPTIONAL | PARAM_NULLABLE)
static const struct param message_form[] = {
	{.name = "senderId",
		.kind = PARAM_TEXT,
		.flags = PARAM_OPEN,
		.min = 1,
		.max = 256,
		.offset = offsetof(struct imported, sender),
		.doc = "User id or identity name."},
	TEXT_OF("id", id, MAYBE),
	TEXT_OF("type", type, MAYBE),
	TEXT_OF("content", content, MAYBE),
	{.name = "encryptedContent",
		.kind = PARAM_TEXT,
		.flags = MAYBE,
		.offset = offsetof(struct imported, encrypted_content),
		.given = PARAM_GIVEN_AT(struct imported, encrypted_given),
		.doc = "Base64."},
	TEXT_OF("nonce", nonce, MAYBE),
	TEXT_OF("authTag", auth_tag, MAYBE),
	TEXT_OF("clientMessageId", client_message_id, MAYBE),
	{.name = "attachment",
		.kind = PARAM_OBJECT,
		.flags = MAYBE,
		.offset = offsetof(struct imported, attachment),
		.doc = "{url, name, mediaType, size}."},
	TIME_OF("sentAt", sent_ms, 0),
	TIME_OF("editedAt", edited_ms, MAYBE),
	TIME_OF("deletedAt", deleted_ms, MAYBE),
	{.name = "refSeq",
		.kind = PARAM_INT,
		.flags = MAYBE,
		.min = 1,
		.max = INT64_MAX,
		.offset = offsetof(struct imported, ref_seq),
		.doc = "Number, in this room, of what is edited or deleted."},
};
#undef TEXT_OF
#undef TIME_OF
#undef MAYBE

struct history_import {
	struct room_access access;
	struct import_send *sends;
	size_t count, under_way;
	struct op *op;
};

struct import_send {
	struct home_send send;
	struct history_import *import;
	const char *why; /* it was not sent: this is wrong with it */
	uint64_t own_seq; /* it was not sent: it is this message of this very room; 0: it is not */
	int err;
};

static int find(struct op *op)
{
	struct history_import *state = op->state;
	const struct history_import_params *params = op->params;
	state->op = op;
	if (params->messages == NULL || params->messages->count > BATCH_MAX) {
		return op_fail(op, ERR_USAGE, "messages must be an array of at most %d", BATCH_MAX);
	}
	return access_read(op, &state->access, params->room);
}

/* ---- one message ---- */

static int take_id(const struct imported *from, struct append_item *item)
{
	if (from->id.len == 0) {
		uuid_random(&item->imported_id);
	} else if (uuid_parse(from->id, &item->imported_id) != 0) {
		return ERR_BAD_REQUEST;
	}
	/* A repeat is known by the id alone. */
	uint8_t hash[32];
	const struct bytes parts[] = {BYTES_LIT("import:"), uuid_bytes(&item->imported_id)};
	digest_sha256_parts(parts, 2, hash);
	memcpy(item->client_key, hash, sizeof(item->client_key));
	return 0;
}

/* The number of a message that was given its id in this room. */
static uint64_t find_own(const struct op *op, const struct append_item *item)
{
	const struct history_import *state = op->state;
	const struct store *store = op->sv->store;
	uint64_t seq = ident_message_seq(&item->imported_id);
	if (seq == 0 || seq > state->access.info.last_seq) {
		return 0;
	}
	for (uint32_t i = 0; i < store->epoch_count; i++) {
		struct uuid id;
		if (store->epochs[i][0] == '\0') {
			continue;
		}
		ident_message(&state->access.info.id, store->epochs[i], seq, &id);
		if (uuid_eq(&id, &item->imported_id)) {
			return seq;
		}
	}
	return 0;
}

/* What is looked at as any door looks at it. */
static const char *take_texts(struct op *op, const struct imported *from, struct append_item *item)
{
	item->encrypted = from->encrypted_given == PARAM_PRESENT;
	item->content = item->encrypted ? from->encrypted_content : from->content;
	item->client_message_id = from->client_message_id;
	if (posting_check_content(op, item->content, true) != 0 ||
		(from->client_message_id.len > 0 &&
			posting_check_id(op, from->client_message_id) != 0) ||
		(from->attachment != NULL &&
			posting_set_attachment(op, from->attachment, item) != 0)) {
		return op->message;
	}
	if (!item->encrypted) {
		return NULL;
	}
	item->nonce = from->nonce;
	item->auth_tag = from->auth_tag;
	bool good = item->nonce.len <= CIPHER_PART_MAX && posting_is_storable(item->nonce) &&
		    item->auth_tag.len <= CIPHER_PART_MAX && posting_is_storable(item->auth_tag);
	return good ? NULL
		    : arena_printf(op->arena,
			      "'nonce' and 'authTag' must be texts of at most %d bytes",
			      CIPHER_PART_MAX);
}

static const char *take_times(const struct imported *from, struct append_item *item)
{
	if (from->sent_ms <= 0 || from->edited_ms < 0 || from->deleted_ms < 0) {
		return "a time lies before 1970";
	}
	item->sent_ms = from->sent_ms;
	item->edited_ms = from->edited_ms;
	item->deleted_ms = from->deleted_ms;
	return NULL;
}

static const char *take(struct op *op, const struct value *value, struct append_item *item)
{
	const struct history_import *state = op->state;
	struct imported from = {.type = BYTES_LIT("Text")};
	struct params_error error;
	if (value->kind != VALUE_OBJECT) {
		return "this is no JSON object";
	}
	if (params_bind_object(message_form, sizeof(message_form) / sizeof(message_form[0]), value,
		    &from, &error) != 0) {
		return params_error_text(op->arena, &error);
	}
	if (model_message_type_parse(from.type, &item->type) != 0) {
		return "'type' is none of Text, Image, File, System, Assistant, Edit, Delete";
	}
	if (take_id(&from, item) != 0) {
		return "'id' is no UUID";
	}
	item->room = state->access.info.id;
	ident_user(from.sender, &item->sender);
	item->imported = true;
	item->ref_seq = (uint64_t)from.ref_seq;
	const char *why = take_texts(op, &from, item);
	if (why == NULL) {
		why = take_times(&from, item);
	}
	store_body_hash(item, item->body_hash);
	return why;
}

static void on_stored(struct home_call *call, int err)
{
	struct home_send *send = CONTAINER_OF(call, struct home_send, call);
	struct import_send *one = CONTAINER_OF(send, struct import_send, send);
	struct history_import *state = one->import;
	one->err = err;
	if (--state->under_way == 0) {
		op_resume(state->op, 0);
	}
}

static int insert(struct op *op)
{
	struct history_import *state = op->state;
	const struct history_import_params *params = op->params;
	int err = access_check(op, &state->access);
	if (err != 0) {
		return err;
	}
	state->count = params->messages->count;
	state->sends = arena_alloc(op->arena, (state->count + 1) * sizeof(*state->sends));
	state->under_way = 1; /* ours, while they are being sent */
	for (size_t i = 0; i < state->count; i++) {
		struct import_send *one = &state->sends[i];
		one->import = state;
		one->why = take(op, &params->messages->items[i], &one->send.item);
		one->own_seq = one->why == NULL ? find_own(op, &one->send.item) : 0;
		if (one->why == NULL && one->own_seq == 0) {
			state->under_way++;
			home_send(op->sv, &one->send, on_stored);
		}
	}
	return --state->under_way == 0 ? OP_NEXT : OP_WAIT;
}

/* ---- the answer ---- */

static const char *why_failed(const struct import_send *one)
{
	if (one->why != NULL || one->own_seq != 0) {
		return one->why;
	}
	int err = one->err;
	if (err == 0) {
		switch (one->send.item.outcome) {
		case APPEND_STORED:
		case APPEND_REPEATED:
			return NULL;
		case APPEND_CONFLICT:
			return "another message of the room has this id";
		case APPEND_NOT_MEMBER:
			return "the room has gone";
		case APPEND_FAILED:
			err = one->send.item.err;
			break;
		default:
			err = ERR_INTERNAL;
			break;
		}
	}
	return err_text(err);
}

static int reply(struct op *op)
{
	const struct history_import *state = op->state;
	int64_t imported = 0, repeated = 0, failed = 0;
	struct value seqs = value_array(op->arena, (uint32_t)state->count);
	struct value errors = value_array(op->arena, (uint32_t)state->count);
	for (size_t i = 0; i < state->count; i++) {
		const struct import_send *one = &state->sends[i];
		const char *why = why_failed(one);
		uint64_t seq = one->own_seq != 0 ? one->own_seq : one->send.item.seq;
		value_add(&seqs, why == NULL ? value_int((int64_t)seq) : value_null);
		if (why != NULL) {
			struct value error = value_object(op->arena, 2);
			value_put(&error, "index", value_int((int64_t)i));
			value_put(&error, "message", value_str(why));
			value_add(&errors, error);
			failed++;
		} else if (one->own_seq == 0 && one->send.item.outcome == APPEND_STORED) {
			imported++;
		} else {
			repeated++;
		}
	}
	op->result = value_object(op->arena, 5);
	value_put(&op->result, "imported", value_int(imported));
	value_put(&op->result, "repeated", value_int(repeated));
	value_put(&op->result, "failed", value_int(failed));
	value_put(&op->result, "seqs", seqs);
	value_put(&op->result, "errors", errors);
	return OP_DONE;
}

static const struct op_step steps[] = {
	{"find", find, 0},
	{"insert", insert, OP_COMMIT},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_history_import = {
	.name = "history_import",
	.steps = steps,
	.state_size = sizeof(struct history_import),
	.params_size = sizeof(struct history_import_params),
	.needs = OP_OPERATOR_WRITE,
	.doc = "Store messages of another place in a room.",
};
