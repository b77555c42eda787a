#include "chatd/rest/schemas.h"

#include <string.h>

#include "chatd/ops/ops.h"

#define ALL(array) (array), sizeof(array) / sizeof((array)[0])
#define FIELD(member, what, more, words) \
	{ \
		.name = (member), .kind = (what), .flags = (more), .doc = (words) \
	}
#define CHOICE(member, list, more, words) \
	{ \
		.name = (member), .kind = SCHEMA_CHOICE, .flags = (more), .choices = (list), \
		.doc = (words) \
	}
#define OTHER(member, what, schema, more, words) \
	{ \
		.name = (member), .kind = (what), .flags = (more), .other = (schema), \
		.doc = (words) \
	}
#define PAGE_OF(schema) OTHER("items", SCHEMA_LIST, schema, 0, "What is on this page.")
#define NEXT_CURSOR \
	FIELD("nextCursor", SCHEMA_TEXT, SCHEMA_NULLABLE, \
		"cursor of the next page; null where this is the last one.")

static const char *const message_types[] = {
	"Text", "Image", "File", "System", "Assistant", "Edit", "Delete", NULL};
static const char *const message_statuses[] = {"Sent", "Delivered", "Read", "Failed", NULL};
static const char *const user_statuses[] = {"Online", "Away", "Offline", NULL};
static const char *const health_statuses[] = {"Healthy", "Degraded", "Unhealthy", NULL};
static const char *const places[] = {"path", "query", "body", "header", NULL};

/* ---- rooms ---- */

static const struct schema_field room[] = {
	FIELD("id", SCHEMA_ID, 0, "Its id."),
	FIELD("alias", SCHEMA_TEXT, SCHEMA_NULLABLE, "Its unique name for programs."),
	FIELD("name", SCHEMA_TEXT, 0, "What people call it; empty of Direct rooms without one."),
	FIELD("avatarUrl", SCHEMA_TEXT, SCHEMA_NULLABLE, "Address of its picture."),
	CHOICE("type", room_type_choices, 0, "Direct: for exactly two."),
	CHOICE("visibility", room_visibility_choices, 0, "Public: everybody may join."),
	FIELD("encrypted", SCHEMA_BOOL, 0, "Whether only encrypted messages are taken."),
	FIELD("creatorId", SCHEMA_ID, SCHEMA_NULLABLE, "Who made it; null: the operator."),
	FIELD("createdAt", SCHEMA_TIME, 0, "When it was made."),
	FIELD("lastActivityAt", SCHEMA_TIME, 0, "When something happened in it."),
	FIELD("archivedAt", SCHEMA_TIME, SCHEMA_NULLABLE, "Since when it can only be read."),
	FIELD("lastSeq", SCHEMA_INT, 0, "Number of its newest message."),
	FIELD("members", SCHEMA_INT, 0, "How many participants it has."),
	CHOICE("role", member_role_choices, SCHEMA_NULLABLE | SCHEMA_OPTIONAL,
		"The caller's; null: he is no participant."),
	FIELD("lastReadSeq", SCHEMA_INT, SCHEMA_NULLABLE | SCHEMA_OPTIONAL,
		"How far the caller has read."),
	FIELD("unreadCount", SCHEMA_INT, SCHEMA_NULLABLE | SCHEMA_OPTIONAL, "What is beyond that."),
	OTHER("lastMessage", SCHEMA_OBJECT, "Message", SCHEMA_NULLABLE | SCHEMA_OPTIONAL,
		"The newest message, for participants."),
};

static const struct schema_field room_page[] = {
	PAGE_OF("Room"),
	NEXT_CURSOR,
};

static const struct schema_field participant[] = {
	FIELD("roomId", SCHEMA_ID, 0, "The room."),
	FIELD("userId", SCHEMA_ID, 0, "The user."),
	FIELD("displayName", SCHEMA_TEXT, 0, "His name."),
	CHOICE("role", member_role_choices, 0, "What he may do here."),
	FIELD("joinedAt", SCHEMA_TIME, 0, "Since when he is in it."),
	FIELD("lastReadAt", SCHEMA_TIME, SCHEMA_NULLABLE, "When he last read something."),
	FIELD("lastReadSeq", SCHEMA_INT, 0, "How far he has read."),
	FIELD("lastDeliveredSeq", SCHEMA_INT, 0, "How far he has got."),
	FIELD("muted", SCHEMA_BOOL, 0, "Whether he wants no notice of it."),
};

static const struct schema_field participant_page[] = {
	PAGE_OF("Participant"),
	NEXT_CURSOR,
};

/* ---- messages ---- */

static const struct schema_field attachment[] = {
	FIELD("url", SCHEMA_TEXT, 0, "Where it is."),
	FIELD("name", SCHEMA_TEXT, SCHEMA_OPTIONAL, "Its file name."),
	FIELD("mediaType", SCHEMA_TEXT, SCHEMA_OPTIONAL, "What it is, such as image/png."),
	FIELD("size", SCHEMA_INT, SCHEMA_OPTIONAL, "How many bytes it has."),
};

static const struct schema_field message[] = {
	FIELD("id", SCHEMA_ID, 0, "Its id."),
	FIELD("roomId", SCHEMA_ID, 0, "The room."),
	FIELD("seq", SCHEMA_INT, 0, "Its number in the room, without gaps."),
	FIELD("senderId", SCHEMA_ID, 0, "Who sent it."),
	CHOICE("type", message_types, 0, "Edit and Delete say what became of another."),
	FIELD("refSeq", SCHEMA_INT, SCHEMA_NULLABLE, "The number of that other one."),
	CHOICE("status", message_statuses, 0, "How far it has come."),
	FIELD("clientMessageId", SCHEMA_TEXT, SCHEMA_NULLABLE, "What the sender called it."),
	FIELD("sentAt", SCHEMA_TIME, 0, "When it was stored."),
	FIELD("content", SCHEMA_TEXT, SCHEMA_OPTIONAL, "The text; empty of what was deleted."),
	FIELD("encryptedContent", SCHEMA_TEXT, SCHEMA_OPTIONAL, "In place of the text."),
	FIELD("nonce", SCHEMA_TEXT, SCHEMA_OPTIONAL, "Of the encryption."),
	FIELD("authTag", SCHEMA_TEXT, SCHEMA_OPTIONAL | SCHEMA_NULLABLE, "Of the encryption."),
	OTHER("attachment", SCHEMA_OBJECT, "Attachment", SCHEMA_OPTIONAL, "The image or file."),
	FIELD("editedAt", SCHEMA_TIME, SCHEMA_OPTIONAL, "When it was edited last."),
	FIELD("deletedAt", SCHEMA_TIME, SCHEMA_OPTIONAL, "When it was deleted."),
};

static const struct schema_field gap[] = {
	FIELD("from", SCHEMA_INT, 0, "The first number that is lost."),
	FIELD("to", SCHEMA_INT, 0, "The last one."),
};

static const struct schema_field message_page[] = {
	PAGE_OF("Message"),
	FIELD("lastSeq", SCHEMA_INT, 0, "Number of the room's newest message."),
	FIELD("epoch", SCHEMA_TEXT, 0, "Changes where numbers start anew."),
	FIELD("nextBefore", SCHEMA_INT, SCHEMA_NULLABLE | SCHEMA_OPTIONAL,
		"before of the next older page; null: there is none."),
	FIELD("nextAfter", SCHEMA_INT, SCHEMA_NULLABLE | SCHEMA_OPTIONAL,
		"after of the next newer page; null: there is none."),
	OTHER("gap", SCHEMA_OBJECT, "Gap", SCHEMA_NULLABLE,
		"What was asked for, but is not kept any more."),
};

static const struct schema_field sent_message[] = {
	FIELD("id", SCHEMA_ID, 0, "Its id."),
	FIELD("seq", SCHEMA_INT, 0, "Its number in the room."),
	FIELD("sentAt", SCHEMA_TIME, 0, "When it was stored."),
};

/* ---- the rest ---- */

static const struct schema_field user[] = {
	FIELD("id", SCHEMA_ID, 0, "His id."),
	FIELD("identity", SCHEMA_TEXT, SCHEMA_OPTIONAL,
		"What his tokens call him; he alone is told."),
	FIELD("displayName", SCHEMA_TEXT, 0, "His name."),
	FIELD("avatarUrl", SCHEMA_TEXT, SCHEMA_NULLABLE, "Address of his picture."),
	CHOICE("status", user_statuses, SCHEMA_OPTIONAL, "Whether he is there."),
	FIELD("lastSeenAt", SCHEMA_TIME, SCHEMA_NULLABLE, "When he was there last."),
	FIELD("createdAt", SCHEMA_TIME, SCHEMA_OPTIONAL, "Since when he is known."),
};

static const struct schema_field pushed[] = {
	FIELD("connections", SCHEMA_INT, 0, "For how many connections of this node it was queued."),
};

static const struct schema_field health_checks[] = {
	CHOICE("database", health_statuses, SCHEMA_OPTIONAL, "The store."),
	CHOICE("backplane", health_statuses, SCHEMA_OPTIONAL, "What joins several nodes."),
	CHOICE("hub", health_statuses, SCHEMA_OPTIONAL, "What clients connect to."),
};

static const struct schema_field health[] = {
	CHOICE("status", health_statuses, 0, "All in all."),
	OTHER("checks", SCHEMA_OBJECT, "HealthChecks", SCHEMA_OPTIONAL, "Part by part."),
};

static const struct schema_field problem_parameter[] = {
	CHOICE("in", places, 0, "Where it stands."),
	FIELD("name", SCHEMA_TEXT, 0, "Its name."),
	FIELD("reason", SCHEMA_TEXT, 0, "What is wrong with it."),
};

static const struct schema_field problem[] = {
	FIELD("type", SCHEMA_TEXT, 0, "about:blank: it says no more than the status."),
	FIELD("title", SCHEMA_TEXT, 0, "The status in words."),
	FIELD("status", SCHEMA_INT, 0, "The status."),
	FIELD("code", SCHEMA_TEXT, 0, "What went wrong, for programs, such as not_found."),
	FIELD("detail", SCHEMA_TEXT, 0, "What went wrong, for people."),
	FIELD("instance", SCHEMA_TEXT, SCHEMA_OPTIONAL,
		"The request, as the server's log names it."),
	OTHER("errors", SCHEMA_LIST, "ProblemParameter", SCHEMA_OPTIONAL,
		"Parameters that are wrong."),
	FIELD("retryAfter", SCHEMA_INT, SCHEMA_OPTIONAL, "Seconds to wait before another try."),
};

static const struct schema table[] = {
	{"Room", "A room.", ALL(room)},
	{"RoomPage", "A page of rooms.", ALL(room_page)},
	{"Participant", "A user in a room.", ALL(participant)},
	{"ParticipantPage", "A page of participants.", ALL(participant_page)},
	{"Attachment", "An image or file that lies elsewhere.", ALL(attachment)},
	{"Message", "A message, or what became of one.", ALL(message)},
	{"Gap", "Numbers whose messages are not kept.", ALL(gap)},
	{"MessagePage", "A page of messages, newest last.", ALL(message_page)},
	{"SentMessage", "A message that was stored.", ALL(sent_message)},
	{"User", "A user.", ALL(user)},
	{"Pushed", "A call of a client's method that was queued.", ALL(pushed)},
	{"HealthChecks", "How the parts are.", ALL(health_checks)},
	{"Health", "How the node is.", ALL(health)},
	{"ProblemParameter", "A parameter that is wrong.", ALL(problem_parameter)},
	{"Problem", "A failure (RFC 9457).", ALL(problem)},
};

#undef ALL
#undef FIELD
#undef CHOICE
#undef OTHER
#undef PAGE_OF
#undef NEXT_CURSOR

const struct schema *schemas(size_t *ret_count)
{
	*ret_count = sizeof(table) / sizeof(table[0]);
	return table;
}

const struct schema *schema_find(const char *name)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(table[i].name, name) == 0) {
			return &table[i];
		}
	}
	return NULL;
}
