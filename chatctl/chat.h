/* The console: what a session brings goes to a screen or a stream, what is typed or piped in goes
 * to the session. cmd_chat.c sets it up, chat.c hears the session, chat_show.c shows, chat_talk.c
 * takes lines. */
#ifndef CHATCTL_CHAT_H
#define CHATCTL_CHAT_H

#include "chatctl/chat_input.h"
#include "chatctl/chat_lines.h"
#include "chatctl/chat_names.h"
#include "chatctl/chat_session.h"
#include "chatctl/chat_terminal.h"
#include "chatctl/cmd.h"

enum chat_mode {
	CHAT_MODE_SCREEN, /* a line is edited at the bottom, lines scroll above it */
	CHAT_MODE_PLAIN, /* lines for people on stdout, stdin a terminal without editing */
	CHAT_MODE_ITEMS, /* each message on stdout in the form of -o */
	CHAT_MODE_SEND, /* nothing is shown, lines of stdin are sent */
};

struct chat {
	enum chat_mode mode;
	struct cmd *cmd;
	struct loop *loop;
	struct stream_pool *pool;
	struct chat_access access;
	struct chat_outbox *outbox;
	struct chat_session *session;
	struct chat_names *names;
	enum client_transport transport;
	enum client_encoding encoding;
	const char *label; /* the room's, for people; on the invocation's arena */
	unsigned history; /* messages to begin with */
	bool terminal_input; /* stdin is one: what begins with a slash is a command */
	bool over; /* the loop is to be left */
	int err; /* why, or 0; the failure is set where it is not ERR_CLOSED */
	struct loop_fd *reader; /* stdout, where its reader's end can be seen */

	/* chat_show.c */
	struct list queue; /* struct chat_item: the first waits for a name */
	struct loop_timer *patience; /* until it is shown without */
	long day; /* of the message shown last, as chat_lines_day() counts */
	struct chat_terminal *terminal;
	bool colour;

	/* chat_talk.c */
	struct chat_input *input;
	uint64_t lines; /* of input that held something */
	uint64_t refused; /* of them */
	bool input_ended;
	bool input_held; /* paused */
	bool away; /* the connection is lost */
	struct chat_call *members, *lookup; /* of /who, of /join */
	const char *wanted; /* the room of the lookup, as it was typed */
	const char *joining; /* label of the room that is being joined instead, or NULL */
	bool history_asked; /* by /history */
};

/* Leaves the loop. err 0 or ERR_CLOSED (nobody reads any more): quietly; else the failure was set.
 */
void chat_leave(struct chat *chat, int err);

extern const struct chat_session_events chat_session_events;

/* ---- chat_show.c ---- */

void chat_show_init(struct chat *chat);
void chat_show_finish(struct chat *chat);
/* Takes the item, shows it when its turn and its name have come. */
void chat_show_item(struct chat *chat, struct chat_item *item);
/* The console's own words; not with -q. */
void chat_show_notice(struct chat *chat, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* What went wrong with one line; with -q too. */
void chat_show_trouble(struct chat *chat, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Before the end: what waits for names is shown, a little later with them or without. */
void chat_show_rest(struct chat *chat);
/* Names may have come. */
void chat_show_go_on(struct chat *chat);
void chat_show_prompt(struct chat *chat);

/* ---- chat_talk.c ---- */

extern const struct chat_outbox_events chat_outbox_events;
extern const struct chat_input_events chat_input_events;
extern const struct chat_terminal_events chat_terminal_events;
/* The room is entered: lines may come. */
void chat_talk_begin(struct chat *chat);
void chat_talk_finish(struct chat *chat);

#endif
