#include "chatd/ops/access.h"
#include "chatd/ops/ops.h"
#include "chatd/ops/posting.h"
#include "chatd/room/home.h"
#include "chatd/room/rooms.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"

struct post_message {
	struct room_access access;
	struct home_send send;
	struct op *op;
};

const char *const post_message_types[] = {"Text", "Image", "File", NULL};
static const enum message_type type_of[] = {MESSAGE_TEXT, MESSAGE_IMAGE, MESSAGE_FILE};

/* The form with one object: {content, type, clientMessageId, attachment}. */
static const struct param object_form[] = {
	{.name = "content",
		.kind = PARAM_TEXT,
		.flags = PARAM_OPTIONAL,
		.offset = offsetof(struct post_message_params, content),
		.doc = "The text; of images and files the caption, which may be left out."},
	{.name = "type",
		.kind = PARAM_CHOICE,
		.flags = PARAM_OPTIONAL,
		.choices = post_message_types,
		.offset = offsetof(struct post_message_params, type),
		.given = PARAM_GIVEN_AT(struct post_message_params, type_given),
		.doc = "Text, Image or File."},
	{.name = "clientMessageId",
		.kind = PARAM_TEXT,
		.flags = PARAM_OPTIONAL | PARAM_NULLABLE,
		.offset = offsetof(struct post_message_params, client_message_id),
		.given = PARAM_GIVEN_AT(struct post_message_params, client_message_id_given),
		.doc = "Makes the call idempotent."},
	{.name = "attachment",
		.kind = PARAM_OBJECT,
		.flags = PARAM_OPTIONAL | PARAM_NULLABLE,
		.offset = offsetof(struct post_message_params, attachment),
		.doc = "{url, name, mediaType, size} of an image or file."},
};

static int read_forms(struct op *op, struct post_message_params *params)
{
	if (params->message == NULL) {
		return 0;
	}
	if (params->message->kind == VALUE_TEXT && !params->message->bad_text) {
		params->content = params->message->text;
		return 0;
	}
	struct params_error error;
	if (params_bind_object(object_form, sizeof(object_form) / sizeof(object_form[0]),
		    params->message, params, &error) != 0) {
		return op_fail(op, ERR_BAD_CONTENT, "%s", params_error_text(op->arena, &error));
	}
	return 0;
}

static int check_text(struct op *op, const struct post_message_params *params)
{
	int err = posting_check_content(op, params->content, params->attachment != NULL);
	if (err == 0 && params->client_message_id_given == PARAM_PRESENT) {
		err = posting_check_id(op, params->client_message_id);
	}
	return err;
}

static int take_attachment(
	struct op *op, const struct post_message_params *params, struct append_item *item)
{
	if (params->attachment != NULL) {
		return posting_set_attachment(op, params->attachment, item);
	}
	bool wanted = item->type == MESSAGE_IMAGE || item->type == MESSAGE_FILE;
	return wanted ? op_fail(op, ERR_BAD_CONTENT,
				"an image or file needs an attachment with a url")
		      : 0;
}

static int find(struct op *op)
{
	struct post_message *state = op->state;
	struct post_message_params *params = op->params;
	state->op = op;
	int err = read_forms(op, params);
	if (err == 0) {
		err = check_text(op, params);
	}
	if (err != 0) {
		return err;
	}
	return access_find(op, &state->access, params->room);
}

static void on_stored(struct home_call *call, int err)
{
	struct home_send *send = CONTAINER_OF(call, struct home_send, call);
	op_resume(CONTAINER_OF(send, struct post_message, send)->op, err);
}

static int prepare(struct op *op)
{
	struct post_message *state = op->state;
	const struct post_message_params *params = op->params;
	struct append_item *item = &state->send.item;
	int err = access_check_member(op, &state->access);
	if (err != 0) {
		return err;
	}
	/* A repeat gets its first answer even now; whether it is one the store knows. */
	if (state->access.info.archived && params->client_message_id_given != PARAM_PRESENT) {
		return op_fail(op, ERR_ARCHIVED, "the room is archived");
	}
	if (state->access.info.encrypted) {
		return op_fail(op, ERR_BAD_CONTENT, "the room is encrypted: plaintext is refused");
	}
	item->room = state->access.info.id;
	item->sender = op->principal->user_id;
	item->type = type_of[params->type];
	item->content = params->content;
	err = take_attachment(op, params, item);
	if (err != 0) {
		return err;
	}
	posting_set_key(op, item,
		params->client_message_id_given == PARAM_PRESENT ? params->client_message_id
								 : BYTES_NONE);
	return posting_take_rate(op, &item->room);
}

static int insert(struct op *op)
{
	struct post_message *state = op->state;
	home_send(op->sv, &state->send, on_stored);
	return OP_WAIT;
}

/* The home has published it by now: on the sender's own connection the message stands before this
 * answer. */
static int reply(struct op *op)
{
	const struct post_message *state = op->state;
	return op_error(op) != 0 ? op_error(op) : posting_reply(op, &state->send.item);
}

static const struct op_step steps[] = {
	{"member", find, 0},
	{"prepare", prepare, 0},
	{"insert", insert, OP_COMMIT},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_post_message = {
	.name = "post_message",
	.steps = steps,
	.state_size = sizeof(struct post_message),
	.params_size = sizeof(struct post_message_params),
	.needs = OP_USER | OP_MEMBER,
	.doc = "Store a message and send it to the room.",
};
