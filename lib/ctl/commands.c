#include "lib/ctl/commands.h"

#define TEXT_MAX 4096
#define ROOM_ARG \
	{ \
		.name = "room", .kind = CTL_ARG_TEXT, .positional = true, .required = true, \
		.min = 1, .max = 256, .placeholder = "ROOM", \
		.doc = "Id, alias, or a name that is unique." \
	}

static const struct ctl_arg no_args[] = {{0}};
static const struct ctl_column no_columns[] = {{0}};

/* ---- the daemon ---- */

static const struct ctl_column status_columns[] = {
	{.name = "version", .doc = "Of the program."},
	{.name = "pid", .right = true, .doc = "Process id."},
	{.name = "node", .doc = "Incarnation of this process, in its connection tokens."},
	{.name = "ready", .doc = "Whether it serves clients."},
	{.name = "uptime", .right = true, .doc = "Seconds since the start."},
	{.name = "listen", .doc = "Addresses it listens on."},
	{.name = "workers", .right = true, .doc = "Threads that serve clients."},
	{.name = "workersAnswered", .right = true, .doc = "Those whose counts are in here."},
	{.name = "connections", .right = true, .doc = "Hub connections that are open."},
	{.name = "users", .right = true, .doc = "Users in the store."},
	{.name = "rooms", .right = true, .doc = "Rooms in the store."},
	{.name = "messages", .right = true, .doc = "Messages in the store."},
	{.name = "databaseUrl", .doc = "The store, without password."},
	{.name = "databaseBytes", .right = true, .doc = "Its size."},
	{.name = "schema", .right = true, .doc = "Number of the last migration."},
	{.name = "epoch", .doc = "Epoch of the sequence numbers."},
	{0},
};

static const struct ctl_column ping_columns[] = {
	{.name = "pong", .doc = "Always true."},
	{.name = "ready", .doc = "Whether it serves clients."},
	{0},
};

/* ---- rooms ---- */

static const struct ctl_column room_columns[] = {
	{.name = "id", .doc = "UUID."},
	{.name = "alias", .doc = "Unique short name, or null."},
	{.name = "name", .doc = "Name for people."},
	{.name = "type", .doc = "Group or Direct."},
	{.name = "visibility", .doc = "Public or Private."},
	{.name = "encrypted", .doc = "Whether only encrypted messages are taken."},
	{.name = "members", .right = true, .doc = "Participants."},
	{.name = "lastSeq", .right = true, .doc = "Number of the last message."},
	{.name = "createdAt", .doc = "RFC 3339 time."},
	{.name = "lastActivityAt", .extra = true, .doc = "RFC 3339 time."},
	{.name = "archivedAt", .extra = true, .doc = "RFC 3339 time, or null."},
	{.name = "creatorId", .extra = true, .doc = "User, or null for the operator."},
	{.name = "avatarUrl", .extra = true, .doc = "Picture, or null."},
	{0},
};

static const struct ctl_arg room_create_args[] = {
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

static const struct ctl_arg room_args[] = {ROOM_ARG, {0}};

/* ---- history ---- */

static const struct ctl_column message_columns[] = {
	{.name = "seq", .right = true, .doc = "Number in the room, from 1, without holes."},
	{.name = "sentAt", .doc = "RFC 3339 time."},
	{.name = "senderId", .doc = "User."},
	{.name = "type", .doc = "Text, Image, File, System, Assistant, Edit or Delete."},
	{.name = "content", .doc = "Text, or null where the message is encrypted."},
	{.name = "id", .extra = true, .doc = "UUID."},
	{.name = "roomId", .extra = true, .doc = "UUID."},
	{.name = "refSeq", .extra = true, .right = true, .doc = "What is edited or deleted."},
	{.name = "status", .extra = true, .doc = "Sent."},
	{.name = "clientMessageId", .extra = true, .doc = "Given by the client."},
	{.name = "encryptedContent", .extra = true, .doc = "Base64."},
	{.name = "nonce", .extra = true, .doc = "Base64."},
	{.name = "authTag", .extra = true, .doc = "Base64."},
	{.name = "attachment", .extra = true, .doc = "Object of url, name, mediaType, size."},
	{.name = "editedAt", .extra = true, .doc = "RFC 3339 time."},
	{.name = "deletedAt", .extra = true, .doc = "RFC 3339 time."},
	{0},
};

static const struct ctl_arg history_show_args[] = {
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

/* ---- tokens ---- */

static const struct ctl_column mint_columns[] = {
	{.name = "token", .doc = "The JWT."},
	{.name = "userId", .extra = true, .doc = "User id that it stands for."},
	{.name = "expiresAt", .extra = true, .doc = "RFC 3339 time."},
	{0},
};

static const struct ctl_arg mint_args[] = {
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

static const struct ctl_column verify_columns[] = {
	{.name = "valid", .doc = "Always true; a token that is not good is an error."},
	{.name = "userId", .doc = "User id."},
	{.name = "identity", .doc = "Text of the user claim."},
	{.name = "expiresAt", .doc = "RFC 3339 time."},
	{.name = "roles", .doc = "Roles."},
	{.name = "algorithm", .doc = "Of the signature."},
	{0},
};

static const struct ctl_arg verify_args[] = {
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

/* ---- settings ---- */

static const struct ctl_column setting_columns[] = {
	{.name = "key", .doc = "section.key."},
	{.name = "value", .doc = "Effective value as it would be written; secrets are \"(set)\"."},
	{.name = "origin", .doc = "default, file:line, environment NAME, or credential NAME."},
	{.name = "reloadable", .extra = true, .doc = "Whether a reload applies a change."},
	{0},
};

static const struct ctl_column default_columns[] = {
	{.name = "key", .doc = "section.key."},
	{.name = "type", .doc = "How the value is written."},
	{.name = "default", .doc = "Value where nothing is set."},
	{.name = "range", .doc = "What is allowed."},
	{.name = "reloadable", .extra = true, .doc = "Whether a reload applies a change."},
	{.name = "variable", .extra = true, .doc = "Environment variable."},
	{.name = "doc", .extra = true, .doc = "What it is for."},
	{0},
};

static const struct ctl_column check_columns[] = {
	{.name = "valid", .doc = "Always true; settings that are not good are an error."},
	{.name = "file", .doc = "Settings file that was read, or null."},
	{.name = "warnings", .doc = "What it can be started with, but should not."},
	{0},
};

const struct ctl_command ctl_commands[] = {
	{.verb = "status",
		.name = "status",
		.place = CTL_DAEMON,
		.read_only = true,
		.quiet = "ready",
		.args = no_args,
		.columns = status_columns,
		.doc = "Show what the daemon is and holds"},
	{.verb = "ping",
		.name = "ping",
		.place = CTL_DAEMON,
		.read_only = true,
		.args = no_args,
		.columns = ping_columns,
		.doc = "Ask whether the daemon is there and ready",
		.more = "Exits with 0 where it is ready. With --wait it asks again until it is, "
			"or exits with 7."},
	{.group = "room",
		.verb = "create",
		.name = "room create",
		.place = CTL_DAEMON,
		.quiet = "id",
		.args = room_create_args,
		.columns = room_columns,
		.doc = "Make a room"},
	{.group = "room",
		.verb = "list",
		.name = "room list",
		.place = CTL_DAEMON,
		.read_only = true,
		.list = true,
		.quiet = "id",
		.args = no_args,
		.columns = room_columns,
		.doc = "List all rooms by name"},
	{.group = "room",
		.verb = "show",
		.name = "room show",
		.place = CTL_DAEMON,
		.read_only = true,
		.quiet = "id",
		.args = room_args,
		.columns = room_columns,
		.doc = "Show one room"},
	{.group = "history",
		.verb = "show",
		.name = "history show",
		.place = CTL_DAEMON,
		.read_only = true,
		.list = true,
		.quiet = "seq",
		.args = history_show_args,
		.columns = message_columns,
		.doc = "Show messages of a room, newest last",
		.more = "Without --before and --after: the last ones."},
	{.group = "history",
		.verb = "export",
		.name = "history export",
		.place = CTL_DAEMON,
		.read_only = true,
		.list = true,
		.streaming = true,
		.args = room_args,
		.columns = message_columns,
		.doc = "Write all messages of a room as JSON lines"},
	{.group = "node",
		.verb = "stop",
		.name = "node stop",
		.place = CTL_DAEMON,
		.args = no_args,
		.columns = no_columns,
		.doc = "Drain and end the daemon, as SIGTERM does",
		.more = "Answers as soon as draining has begun."},
	{.group = "config",
		.verb = "check",
		.name = "config check",
		.place = CTL_LOCAL,
		.read_only = true,
		.args = no_args,
		.columns = check_columns,
		.doc = "Say what is wrong with the settings",
		.more = "Reads the file of --config, else $CHATD_CONFIG, else "
			"/etc/chatd/chatd.conf, and the environment, as chatd would."},
	{.group = "config",
		.verb = "show",
		.name = "config show",
		.place = CTL_EITHER,
		.read_only = true,
		.list = true,
		.quiet = "key",
		.args = no_args,
		.columns = setting_columns,
		.doc = "Show effective settings and where each comes from",
		.more = "Asks the daemon; with --config it reads that file instead. Secrets are "
			"not shown."},
	{.group = "config",
		.verb = "defaults",
		.name = "config defaults",
		.place = CTL_LOCAL,
		.read_only = true,
		.list = true,
		.args = no_args,
		.columns = default_columns,
		.doc = "Print a settings file with all defaults and explanations",
		.more = "With -o it lists the settings instead."},
	{.group = "token",
		.verb = "mint",
		.name = "token mint",
		.place = CTL_DAEMON,
		.quiet = "token",
		.bare = true,
		.args = mint_args,
		.columns = mint_columns,
		.doc = "Have the daemon sign a token for a user"},
	{.group = "token",
		.verb = "verify",
		.name = "token verify",
		.place = CTL_DAEMON,
		.read_only = true,
		.args = verify_args,
		.columns = verify_columns,
		.doc = "Say whether a token is good, and whose it is",
		.more = "The token comes from a file or stdin, since arguments are seen by "
			"others."},
};
const size_t ctl_command_count = sizeof(ctl_commands) / sizeof(ctl_commands[0]);

const struct ctl_group ctl_groups[] = {
	{"room", "Rooms"},
	{"history", "Stored messages"},
	{"token", "Tokens of users"},
	{"node", "This instance"},
	{"config", "Settings"},
};
const size_t ctl_group_count = sizeof(ctl_groups) / sizeof(ctl_groups[0]);

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

const struct ctl_command *ctl_command_find(const char *group, const char *verb)
{
	for (size_t i = 0; i < ctl_command_count; i++) {
		if (same_text(ctl_commands[i].group, group) &&
			same_text(ctl_commands[i].verb, verb)) {
			return &ctl_commands[i];
		}
	}
	return NULL;
}

const struct ctl_command *ctl_command_named(struct bytes name)
{
	for (size_t i = 0; i < ctl_command_count; i++) {
		if (bytes_eq(bytes_str(ctl_commands[i].name), name)) {
			return &ctl_commands[i];
		}
	}
	return NULL;
}

const struct ctl_group *ctl_group_find(const char *name)
{
	for (size_t i = 0; i < ctl_group_count; i++) {
		if (same_text(ctl_groups[i].name, name)) {
			return &ctl_groups[i];
		}
	}
	return NULL;
}

const struct ctl_arg *ctl_arg_find(const struct ctl_command *command, const char *name)
{
	for (const struct ctl_arg *arg = command->args; arg->name != NULL; arg++) {
		if (same_text(arg->name, name)) {
			return arg;
		}
	}
	return NULL;
}
