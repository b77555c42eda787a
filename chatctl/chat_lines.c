#include "chatctl/chat_lines.h"

#include <time.h>

#include "chatctl/chat_item.h"
#include "chatctl/text.h"
#include "lib/base/clock.h"

#define DIM "\033[2m"
#define PLAIN "\033[0m"
/* What further lines of a text begin with: as wide as "HH:MM ". */
#define INDENT "      "

/* Red and black are left out: the one alarms, the other is not seen. */
static const char *const name_colours[] = {
	"\033[32m",
	"\033[33m",
	"\033[34m",
	"\033[35m",
	"\033[36m",
};
#define COLOURS (sizeof(name_colours) / sizeof(name_colours[0]))

/* ---- pieces ---- */

static void append_coloured(
	struct buf *out, const struct chat_style *style, const char *colour, struct bytes text)
{
	buf_append_str(out, style->colour ? colour : "");
	text_escape(out, text, false);
	buf_append_str(out, style->colour ? PLAIN : "");
}

/* The same user has the same colour everywhere. */
static void append_name(struct buf *out, const struct chat_style *style, struct bytes id)
{
	unsigned sum = 0;
	for (size_t i = 0; i < id.len; i++) {
		sum = sum * 31 + (unsigned char)id.ptr[i];
	}
	append_coloured(
		out, style, name_colours[sum % COLOURS], bytes_str(style->name(style->ctx, id)));
}

static void append_text(struct buf *out, struct bytes text)
{
	bool first = true;
	do {
		struct bytes line = bytes_split(&text, '\n');
		buf_append_str(out, first ? "" : "\n" INDENT);
		text_escape(out, line, false);
		first = false;
	} while (text.ptr != NULL);
}

static bool local_time(const struct value *message, struct tm *ret_time)
{
	int64_t ms;
	if (chat_value_time(message, "sentAt", &ms) != 0) {
		return false;
	}
	time_t seconds = (time_t)(ms / 1000);
	return localtime_r(&seconds, ret_time) != NULL;
}

static void append_time(
	struct buf *out, const struct value *message, const struct chat_style *style)
{
	struct tm time;
	buf_append_str(out, style->colour ? DIM : "");
	if (local_time(message, &time)) {
		buf_printf(out, "%02d:%02d", time.tm_hour, time.tm_min);
	} else {
		buf_append_str(out, "--:--");
	}
	buf_append_str(out, style->colour ? PLAIN " " : " ");
}

/* ---- messages ---- */

static void append_attachment(
	struct buf *out, const struct value *attachment, const char *what, struct bytes caption)
{
	if (attachment == NULL) {
		attachment = &value_null;
	}
	struct bytes name = chat_value_text(attachment, "name");
	buf_printf(out, "(%s", what);
	if (name.len > 0) {
		buf_append_char(out, ' ');
		text_escape(out, name, false);
	}
	buf_append_str(out, ") ");
	text_escape(out, chat_value_text(attachment, "url"), false);
	if (caption.len > 0) {
		buf_append_char(out, ' ');
		append_text(out, caption);
	}
}

static bool is_set(const struct value *message, const char *name)
{
	const struct value *member = value_get_nocase(message, name);
	return member != NULL && member->kind != VALUE_NULL;
}

static void append_body(struct buf *out, const struct value *message)
{
	struct bytes type = chat_value_text(message, "type");
	struct bytes content = chat_value_text(message, "content");
	unsigned long long ref = chat_value_number(message, "refSeq");
	if (bytes_eq(type, BYTES_LIT("Delete"))) {
		buf_printf(out, "(#%llu deleted)", ref);
		return;
	}
	if (is_set(message, "deletedAt")) {
		buf_append_str(out, "(deleted)");
		return;
	}
	if (bytes_eq(type, BYTES_LIT("Edit"))) {
		buf_printf(out, "(edited #%llu) ", ref);
	}
	if (is_set(message, "encryptedContent")) {
		buf_append_str(out, "(encrypted)");
	} else if (bytes_eq(type, BYTES_LIT("Image"))) {
		append_attachment(out, value_get_nocase(message, "attachment"), "image", content);
	} else if (bytes_eq(type, BYTES_LIT("File"))) {
		append_attachment(out, value_get_nocase(message, "attachment"), "file", content);
	} else {
		append_text(out, content);
	}
	if (is_set(message, "editedAt")) {
		buf_append_str(out, " (edited)");
	}
}

void chat_lines_message(
	struct buf *out, const struct value *message, const struct chat_style *style)
{
	struct bytes sender = chat_lines_user(message);
	append_time(out, message, style);
	if (sender.len > 0) {
		append_name(out, style, sender);
		buf_append_str(out, ": ");
	} else {
		struct bytes type = chat_value_text(message, "type");
		text_escape(out, type.len > 0 ? type : BYTES_LIT("System"), false);
		buf_append_str(out, ": ");
	}
	append_body(out, message);
	buf_append_char(out, '\n');
}

struct bytes chat_lines_user(const struct value *message)
{
	return chat_value_text(message, "senderId");
}

void chat_lines_day(struct buf *out, const struct value *message, int64_t now_ms, long *day,
	const struct chat_style *style)
{
	struct tm time, now;
	time_t now_seconds = (time_t)(now_ms / 1000);
	if (!local_time(message, &time) || localtime_r(&now_seconds, &now) == NULL) {
		return;
	}
	long of_message = (time.tm_year + 1900) * 1000L + time.tm_yday;
	long today = (now.tm_year + 1900) * 1000L + now.tm_yday;
	bool told = of_message != *day && (*day != 0 || of_message != today);
	*day = of_message;
	if (told) {
		char text[32];
		size_t len = strftime(text, sizeof(text), "%Y-%m-%d", &time);
		chat_lines_notice(out, bytes_of(text, len), style);
	}
}

/* ---- events ---- */

static struct bytes argument(const struct value *arguments, uint32_t i)
{
	bool there = arguments->kind == VALUE_ARRAY && i < arguments->count &&
		     arguments->items[i].kind == VALUE_TEXT;
	return there ? arguments->items[i].text : BYTES_NONE;
}

/* Rows of what is said of a member of the room: (userId, roomId). */
static const struct {
	const char *target;
	const char *says;
} member_events[] = {
	{"UserJoined", " has joined"},
	{"UserLeft", " has left"},
};

static const char *member_event(
	struct bytes target, const struct value *arguments, struct bytes room)
{
	for (size_t i = 0; i < sizeof(member_events) / sizeof(member_events[0]); i++) {
		if (bytes_eq(target, bytes_str(member_events[i].target)) &&
			bytes_eq(argument(arguments, 1), room)) {
			return member_events[i].says;
		}
	}
	return NULL;
}

struct bytes chat_lines_event_user(
	struct bytes target, const struct value *arguments, struct bytes room)
{
	return member_event(target, arguments, room) != NULL ? argument(arguments, 0) : BYTES_NONE;
}

static void append_event(struct buf *out, struct bytes target, const struct value *arguments,
	struct bytes room, const struct chat_style *style)
{
	const char *says = member_event(target, arguments, room);
	if (says != NULL) {
		buf_append_str(out, style->name(style->ctx, argument(arguments, 0)));
		buf_append_str(out, says);
	} else if (bytes_eq(target, BYTES_LIT("ServerNotification"))) {
		buf_append_str(out, "the server says: ");
		buf_append_bytes(out, argument(arguments, 0));
	} else if (bytes_eq(target, BYTES_LIT("RoomDeleted"))) {
		if (bytes_eq(argument(arguments, 0), room)) {
			buf_append_str(out, "the room was deleted");
		}
	} else if (bytes_eq(target, BYTES_LIT("RoomUpdated")) && arguments->count > 0) {
		const struct value *row = &arguments->items[0];
		if (bytes_eq(chat_value_text(row, "id"), room)) {
			buf_append_str(out, "the room was changed: ");
			buf_append_bytes(out, chat_value_text(row, "name"));
			buf_append_str(out, is_set(row, "archivedAt") ? ", archived" : "");
		}
	}
}

void chat_lines_event(struct buf *out, struct bytes target, const struct value *arguments,
	struct bytes room, const struct chat_style *style)
{
	struct buf text = {0};
	append_event(&text, target, arguments, room, style);
	if (text.len > 0) {
		chat_lines_notice(out, buf_bytes(&text), style);
	}
	buf_finish(&text);
}

void chat_lines_notice(struct buf *out, struct bytes text, const struct chat_style *style)
{
	do {
		struct bytes line = bytes_split(&text, '\n');
		buf_append_str(out, style->colour ? DIM : "");
		buf_append_str(out, "-- ");
		text_escape(out, line, false);
		buf_append_str(out, style->colour ? PLAIN "\n" : "\n");
	} while (text.len > 0);
}
