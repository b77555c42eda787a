#include "chatd/rest/rows.h"

#define MESSAGES "/api/v1/rooms/{room}/messages"

static const struct param in_page[] = {
	REST_ROOM(message_page_params),
};

static const struct param in_post[] = {
	REST_ROOM(post_message_params),
};

static const struct param in_message[] = {
	REST_ROOM(message_params),
	REST_PARAM(message_params, PARAM_TEXT, "message", message, .doc = "Id of the message."),
};

static const struct param page_query[] = {
	REST_PARAM(message_page_params, PARAM_INT, "before", before, .flags = PARAM_OPTIONAL,
		.min = 1, .max = INT64_MAX, REST_GIVEN(message_page_params, before_given),
		.doc = "The newest messages with numbers below this one."),
	REST_PARAM(message_page_params, PARAM_INT, "after", after, .flags = PARAM_OPTIONAL,
		.min = 0, .max = INT64_MAX, REST_GIVEN(message_page_params, after_given),
		.doc = "The oldest messages with numbers above this one."),
	REST_LIMIT(message_page_params),
};

static const struct param post_body[] = {
	REST_PARAM(post_message_params, PARAM_TEXT, "content", content, .flags = PARAM_OPTIONAL,
		.doc = "The text; of an image or a file the caption, which may be left out."),
	REST_PARAM(post_message_params, PARAM_CHOICE, "type", type, .flags = PARAM_OPTIONAL,
		.choices = post_message_types, REST_GIVEN(post_message_params, type_given),
		.doc = "Text where it is left out."),
	REST_CLIENT_ID(post_message_params),
	REST_PARAM(post_message_params, PARAM_OBJECT, "attachment", attachment,
		.flags = PARAM_OPTIONAL | PARAM_NULLABLE, .doc = "Where the image or file is."),
};

static const struct param edit_body[] = {
	REST_PARAM(message_params, PARAM_TEXT, "content", content, .doc = "The new text."),
	REST_CLIENT_ID(message_params),
};

static const struct rest_route messages[] = {
	{
		.method = HTTP1_GET,
		.path = MESSAGES,
		.op = &op_message_page,
		.in_path = REST_ALL(in_page),
		.in_query = REST_ALL(page_query),
		.schema = "MessagePage",
		.success = "A page of messages, newest last.",
		.tag = "Messages",
		.doc = "Read messages",
	},
	{
		.method = HTTP1_POST,
		.path = MESSAGES,
		.op = &op_post_message,
		.in_path = REST_ALL(in_post),
		.in_body = REST_ALL(post_body),
		.flags = REST_BODY | REST_CONTENT | REST_IDEMPOTENT,
		.location = MESSAGES "/{id}",
		.schema = "SentMessage",
		.success = "It is stored; 200 where it was before.",
		.tag = "Messages",
		.doc = "Send a message",
	},
	{
		.method = HTTP1_GET,
		.path = MESSAGES "/{message}",
		.op = &op_message_show,
		.in_path = REST_ALL(in_message),
		.schema = "Message",
		.success = "The message.",
		.tag = "Messages",
		.doc = "Show a message",
	},
	{
		.method = HTTP1_PATCH,
		.path = MESSAGES "/{message}",
		.op = &op_message_edit,
		.in_path = REST_ALL(in_message),
		.in_body = REST_ALL(edit_body),
		.flags = REST_BODY | REST_CONTENT | REST_IDEMPOTENT,
		.schema = "SentMessage",
		.success = "The entry that says so to everybody.",
		.tag = "Messages",
		.doc = "Edit a message of one's own",
	},
	{
		.method = HTTP1_DELETE,
		.path = MESSAGES "/{message}",
		.op = &op_message_delete,
		.in_path = REST_ALL(in_message),
		.schema = "SentMessage",
		.success = "The entry that says so to everybody.",
		.tag = "Messages",
		.doc = "Delete a message: one's own, or as Admin or Owner of the room",
	},
};

const struct rest_table rest_messages_table = REST_ALL(messages);
