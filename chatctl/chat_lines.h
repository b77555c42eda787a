/* Lines for people, made of messages and events. Whatever others wrote is escaped. Pure. */
#ifndef CHATCTL_CHAT_LINES_H
#define CHATCTL_CHAT_LINES_H

#include "lib/value/value.h"

/* The name of a user for people, as it came; never NULL. id: as in the message. */
typedef const char *(*chat_name_fn)(void *ctx, struct bytes id);

struct chat_style {
	bool colour;
	chat_name_fn name;
	void *ctx;
};

/* Appends "HH:MM name: text" in local time and a line's end. Further lines of the text are
 * indented, so that none looks like a message of its own. */
void chat_lines_message(
	struct buf *out, const struct value *message, const struct chat_style *style);
/* Appends the line of an event in the room of that id; nothing where it is not of interest there.
 * whole: the event's arguments. */
void chat_lines_event(struct buf *out, struct bytes target, const struct value *arguments,
	struct bytes room, const struct chat_style *style);
/* Appends "-- text" for each line of text. */
void chat_lines_notice(struct buf *out, struct bytes text, const struct chat_style *style);
/* Appends "-- 2024-01-02" where the message is of another day than *day (0: none yet), which is
 * brought up to it. Today's is not said first. */
void chat_lines_day(struct buf *out, const struct value *message, int64_t now_ms, long *day,
	const struct chat_style *style);
/* The user whose name the line of an event or message needs; len 0: none. Events of other rooms
 * need none. */
struct bytes chat_lines_user(const struct value *message);
struct bytes chat_lines_event_user(
	struct bytes target, const struct value *arguments, struct bytes room);

#endif
