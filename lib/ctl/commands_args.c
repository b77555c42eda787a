/* What the control commands take: for the rows in commands.c. */
#include "lib/ctl/commands_tables.h"

#define TEXT_MAX 4096
#define ROOM_ARG \
	{ \
		.name = "room", .kind = CTL_ARG_TEXT, .positional = true, .required = true, \
		.min = 1, .max = 256, .placeholder = "ROOM", \
		.doc = "Id, alias, or a name that is unique." \
	}
#define USER_ARG \
	{ \
		.name = "user", .kind = CTL_ARG_TEXT, .positional = true, .required = true, \
		.min = 1, .max = 256, .placeholder = "USER", .doc = "User id or identity name." \
	}

const char *const ctl_roles[] = {"Member", "Admin", "Owner", NULL};
const char *const ctl_transports[] = {"auto", "websockets", "sse", "longpolling", NULL};
const char *const ctl_encodings[] = {"json", "messagepack", NULL};
const char *const ctl_levels[] = {"debug", "info", "warn", "error", "off", NULL};

const struct ctl_arg no_args[] = {{0}};

const struct ctl_arg room_create_args[] = {
	{.name = "name",
		.kind = CTL_ARG_TEXT,
		.positional = true,
		.required = true,
		.min = 1,
		.max = 256,
		.placeholder = "NAME",
		.doc = "Name for people."},
	{.name = "alias",
		.kind = CTL_ARG_TEXT,
		.min = 1,
		.max = 64,
		.placeholder = "ALIAS",
		.doc = "Unique short name: a-z, 0-9, '.', '_', '-'. Without it one is made from "
		       "NAME where that gives a valid one."},
	{.name = "private", .kind = CTL_ARG_FLAG, .doc = "Only participants see and enter it."},
	{.name = "direct",
		.kind = CTL_ARG_FLAG,
		.doc = "Between exactly two users; a second one of the pair answers the first."},
	{.name = "encrypted", .kind = CTL_ARG_FLAG, .doc = "Take only end-to-end encrypted text."},
	{.name = "owner",
		.kind = CTL_ARG_TEXT,
		.min = 1,
		.max = 256,
		.placeholder = "USER",
		.doc = "First participant, with the role Owner."},
	{.name = "member",
		.kind = CTL_ARG_TEXT,
		.repeatable = true,
		.min = 1,
		.max = 256,
		.placeholder = "USER",
		.doc = "Participant; can be given many times."},
	{0},
};

const struct ctl_arg room_args[] = {ROOM_ARG, {0}};

const struct ctl_arg history_show_args[] = {
	ROOM_ARG,
	{.name = "limit",
		.kind = CTL_ARG_NUMBER,
		.min = 1,
		.max = 1000,
		.placeholder = "N",
		.doc = "At most so many messages (1 to 1000); 50 without it."},
	{.name = "before",
		.kind = CTL_ARG_NUMBER,
		.min = 1,
		.max = INT64_MAX,
		.placeholder = "SEQ",
		.excludes = "after",
		.doc = "The last ones below this number."},
	{.name = "after",
		.kind = CTL_ARG_NUMBER,
		.min = 0,
		.max = INT64_MAX,
		.placeholder = "SEQ",
		.excludes = "before",
		.doc = "The first ones above this number."},
	{0},
};

const struct ctl_arg mint_args[] = {
	{.name = "user",
		.kind = CTL_ARG_TEXT,
		.required = true,
		.min = 1,
		.max = 256,
		.placeholder = "NAME",
		.doc = "Identity name or user id."},
	{.name = "ttl",
		.kind = CTL_ARG_DURATION,
		.min = 1000,
		.max = INT64_C(31536000000),
		.placeholder = "TIME",
		.doc = "Life: 90s, 15m, 1h, 30d; 1h without it, at most 365d."},
	{.name = "role",
		.kind = CTL_ARG_TEXT,
		.repeatable = true,
		.min = 1,
		.max = 256,
		.placeholder = "ROLE",
		.doc = "Role claim; can be given many times."},
	{.name = "claim",
		.kind = CTL_ARG_PAIR,
		.repeatable = true,
		.min = 1,
		.max = TEXT_MAX,
		.placeholder = "K=V",
		.doc = "Further claim (text); can be given many times."},
	{0},
};

const struct ctl_arg verify_args[] = {
	{.name = "token",
		.kind = CTL_ARG_INPUT,
		.positional = true,
		.required = true,
		.min = 1,
		.max = 65536,
		.placeholder = "[FILE]",
		.doc = "File that holds the token; stdin where it is '-' or missing."},
	{0},
};

const struct ctl_arg chat_args[] = {
	ROOM_ARG,
	{.name = "user",
		.kind = CTL_ARG_TEXT,
		.min = 1,
		.max = 256,
		.placeholder = "USER",
		.excludes = "token-file",
		.doc = "Act as this user; without it as the one who is called as you are on this "
		       "machine."},
	{.name = "history",
		.kind = CTL_ARG_NUMBER,
		.min = 0,
		.max = 1000,
		.placeholder = "N",
		.doc = "Begin with the last N messages; without it 20 on a terminal, none "
		       "elsewhere."},
	{.name = "url",
		.kind = CTL_ARG_TEXT,
		.min = 1,
		.placeholder = "URL",
		.doc = "The hub, http://HOST[:PORT][/PATH] or unix:PATH; without it the daemon is "
		       "asked over its control socket."},
	{.name = "token-file",
		.kind = CTL_ARG_TEXT,
		.min = 1,
		.placeholder = "FILE",
		.doc = "A file that holds the token, read again at each connect; without it the "
		       "daemon signs one."},
	{.name = "transport",
		.kind = CTL_ARG_TEXT,
		.choices = ctl_transports,
		.min = 1,
		.placeholder = "TRANSPORT",
		.doc = "How the bytes travel: websockets, sse (server-sent events), longpolling, "
		       "or auto, which without it is tried: the first of these that comes about."},
	{.name = "encoding",
		.kind = CTL_ARG_TEXT,
		.choices = ctl_encodings,
		.min = 1,
		.placeholder = "ENCODING",
		.doc = "What the hub's messages are written in: json, which it is without it, or "
		       "messagepack (not over sse)."},
	{0},
};

const struct ctl_arg room_set_args[] = {
	ROOM_ARG,
	{.name = "name",
		.kind = CTL_ARG_TEXT,
		.min = 1,
		.max = 256,
		.placeholder = "NAME",
		.doc = "New name."},
	{.name = "alias",
		.kind = CTL_ARG_TEXT,
		.min = 0,
		.max = 64,
		.placeholder = "ALIAS",
		.doc = "New alias; an empty one takes it away."},
	{.name = "avatar",
		.kind = CTL_ARG_TEXT,
		.min = 0,
		.max = 2048,
		.placeholder = "URL",
		.doc = "Address of its picture; an empty one takes it away."},
	{.name = "public",
		.kind = CTL_ARG_FLAG,
		.excludes = "private",
		.doc = "Everybody may see and enter it."},
	{.name = "private",
		.kind = CTL_ARG_FLAG,
		.excludes = "public",
		.doc = "Only participants see and enter it."},
	{0},
};

const struct ctl_arg room_archive_args[] = {
	ROOM_ARG,
	{.name = "undo", .kind = CTL_ARG_FLAG, .doc = "Take it out of the archive again."},
	{0},
};

const struct ctl_arg room_member_args[] = {
	ROOM_ARG,
	USER_ARG,
	{0},
};

const struct ctl_arg room_add_args[] = {
	ROOM_ARG,
	USER_ARG,
	{.name = "role",
		.kind = CTL_ARG_TEXT,
		.min = 1,
		.max = 16,
		.placeholder = "ROLE",
		.choices = ctl_roles,
		.doc = "Member, Admin or Owner; Member without it."},
	{0},
};

const struct ctl_arg room_role_args[] = {
	ROOM_ARG,
	USER_ARG,
	{.name = "role",
		.kind = CTL_ARG_TEXT,
		.positional = true,
		.required = true,
		.min = 1,
		.max = 16,
		.placeholder = "ROLE",
		.choices = ctl_roles,
		.doc = "Member, Admin or Owner."},
	{0},
};

const struct ctl_arg user_list_args[] = {
	{.name = "banned", .kind = CTL_ARG_FLAG, .doc = "Only those who are banned."},
	{0},
};

const struct ctl_arg user_args[] = {
	USER_ARG,
	{0},
};

const struct ctl_arg user_ban_args[] = {
	USER_ARG,
	{.name = "reason",
		.kind = CTL_ARG_TEXT,
		.min = 1,
		.max = 256,
		.placeholder = "TEXT",
		.doc = "What he is told."},
	{0},
};

const struct ctl_arg conn_list_args[] = {
	{.name = "user",
		.kind = CTL_ARG_TEXT,
		.min = 1,
		.max = 256,
		.placeholder = "USER",
		.doc = "Only those of this user."},
	{0},
};

const struct ctl_arg conn_args[] = {
	{.name = "connection",
		.kind = CTL_ARG_TEXT,
		.positional = true,
		.required = true,
		.min = 1,
		.max = 256,
		.placeholder = "CONNECTION",
		.doc = "Id as conn list shows it."},
	{0},
};

const struct ctl_arg conn_kick_args[] = {
	{.name = "connection",
		.kind = CTL_ARG_TEXT,
		.positional = true,
		.min = 1,
		.max = 256,
		.placeholder = "[CONNECTION]",
		.doc = "Id as conn list shows it."},
	{.name = "user",
		.kind = CTL_ARG_TEXT,
		.min = 1,
		.max = 256,
		.placeholder = "USER",
		.excludes = "connection",
		.doc = "All connections of this user."},
	{.name = "reason",
		.kind = CTL_ARG_TEXT,
		.min = 1,
		.max = 256,
		.placeholder = "TEXT",
		.doc = "What the client is told."},
	{.name = "reconnect", .kind = CTL_ARG_FLAG, .doc = "Tell the client to come again."},
	{0},
};

const struct ctl_arg history_replay_args[] = {
	ROOM_ARG,
	{.name = "from",
		.kind = CTL_ARG_NUMBER,
		.required = true,
		.min = 1,
		.max = INT64_MAX,
		.placeholder = "SEQ",
		.doc = "The first number."},
	{.name = "to",
		.kind = CTL_ARG_NUMBER,
		.min = 1,
		.max = INT64_MAX,
		.placeholder = "SEQ",
		.doc = "The last number; the newest without it."},
	{.name = "connection",
		.kind = CTL_ARG_TEXT,
		.min = 1,
		.max = 256,
		.placeholder = "CONNECTION",
		.excludes = "webhook",
		.doc = "To this connection alone, not to all members that are connected."},
	{.name = "webhook",
		.kind = CTL_ARG_TEXT,
		.min = 1,
		.max = 2048,
		.placeholder = "URL",
		.excludes = "stdout",
		.doc = "As POST requests to this address instead."},
	{.name = "stdout",
		.kind = CTL_ARG_FLAG,
		.excludes = "connection",
		.doc = "As JSON lines to stdout instead."},
	{0},
};

const struct ctl_arg history_import_args[] = {
	ROOM_ARG,
	{.name = "file",
		.kind = CTL_ARG_TEXT,
		.positional = true,
		.min = 1,
		.max = 4096,
		.placeholder = "[FILE]",
		.doc = "File of JSON lines; stdin where it is '-' or missing."},
	{.name = "messages", .kind = CTL_ARG_INTERNAL, .doc = "One batch of messages."},
	{0},
};

const struct ctl_arg history_purge_args[] = {
	ROOM_ARG,
	{.name = "before",
		.kind = CTL_ARG_NUMBER,
		.min = 1,
		.max = INT64_MAX,
		.placeholder = "SEQ",
		.excludes = "older-than",
		.doc = "All below this number."},
	{.name = "older-than",
		.kind = CTL_ARG_DURATION,
		.min = 1000,
		.max = INT64_C(315360000000),
		.placeholder = "TIME",
		.excludes = "before",
		.doc = "All that were sent longer ago: 12h, 30d."},
	{.name = "plan", .kind = CTL_ARG_INTERNAL, .doc = "Only say what would go."},
	{0},
};

const struct ctl_arg notify_send_args[] = {
	{.name = "text",
		.kind = CTL_ARG_TEXT,
		.positional = true,
		.required = true,
		.min = 1,
		.max = 4096,
		.placeholder = "TEXT",
		.doc = "What all clients are told."},
	{0},
};

const struct ctl_arg node_drain_args[] = {
	{.name = "spread",
		.kind = CTL_ARG_DURATION,
		.min = 0,
		.max = INT64_C(3600000),
		.placeholder = "TIME",
		.doc = "Time (10s, 5m) over which connections are closed; server.drain_spread "
		       "without it."},
	{0},
};

const struct ctl_arg log_level_args[] = {
	{.name = "level",
		.kind = CTL_ARG_TEXT,
		.positional = true,
		.min = 1,
		.max = 16,
		.placeholder = "[LEVEL]",
		.choices = ctl_levels,
		.doc = "debug, info, warn, error or off; without it the level is shown."},
	{.name = "for",
		.kind = CTL_ARG_DURATION,
		.min = 1000,
		.max = INT64_C(86400000),
		.placeholder = "TIME",
		.doc = "Back to what the settings say after this time: 30s, 10m."},
	{0},
};

const struct ctl_arg log_tail_args[] = {
	{.name = "lines",
		.letter = 'n',
		.kind = CTL_ARG_NUMBER,
		.min = 0,
		.max = 1024,
		.placeholder = "N",
		.doc = "So many of the last lines; 20 without it."},
	{.name = "level",
		.kind = CTL_ARG_TEXT,
		.min = 1,
		.max = 16,
		.placeholder = "LEVEL",
		.choices = ctl_levels,
		.doc = "debug, info, warn, error or off: only this level and above."},
	{.name = "follow", .letter = 'f', .kind = CTL_ARG_FLAG, .doc = "Go on with what comes."},
	{0},
};
