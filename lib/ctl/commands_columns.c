/* What the items of the control commands hold: for the rows in commands.c. */
#include "lib/ctl/commands_tables.h"

const struct ctl_column no_columns[] = {{0}};

const struct ctl_column status_columns[] = {
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

const struct ctl_column ping_columns[] = {
	{.name = "pong", .doc = "Always true."},
	{.name = "ready", .doc = "Whether it serves clients."},
	{0},
};

const struct ctl_column room_columns[] = {
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

const struct ctl_column message_columns[] = {
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

const struct ctl_column mint_columns[] = {
	{.name = "token", .doc = "The JWT."},
	{.name = "userId", .extra = true, .doc = "User id that it stands for."},
	{.name = "expiresAt", .extra = true, .doc = "RFC 3339 time."},
	{0},
};

const struct ctl_column verify_columns[] = {
	{.name = "valid", .doc = "Always true; a token that is not good is an error."},
	{.name = "userId", .doc = "User id."},
	{.name = "identity", .doc = "Text of the user claim."},
	{.name = "expiresAt", .doc = "RFC 3339 time."},
	{.name = "roles", .doc = "Roles."},
	{.name = "algorithm", .doc = "Of the signature."},
	{0},
};

const struct ctl_column setting_columns[] = {
	{.name = "key", .doc = "section.key."},
	{.name = "value", .doc = "Effective value as it would be written; secrets are \"(set)\"."},
	{.name = "origin", .doc = "default, file:line, environment NAME, or credential NAME."},
	{.name = "reloadable", .extra = true, .doc = "Whether a reload applies a change."},
	{0},
};

const struct ctl_column default_columns[] = {
	{.name = "key", .doc = "section.key."},
	{.name = "type", .doc = "How the value is written."},
	{.name = "default", .doc = "Value where nothing is set."},
	{.name = "range", .doc = "What is allowed."},
	{.name = "reloadable", .extra = true, .doc = "Whether a reload applies a change."},
	{.name = "variable", .extra = true, .doc = "Environment variable."},
	{.name = "doc", .extra = true, .doc = "What it is for."},
	{0},
};

const struct ctl_column config_check_columns[] = {
	{.name = "valid", .doc = "Always true; settings that are not good are an error."},
	{.name = "file", .doc = "Settings file that was read, or null."},
	{.name = "warnings", .doc = "What it can be started with, but should not."},
	{0},
};

const struct ctl_column member_columns[] = {
	{.name = "userId", .doc = "User."},
	{.name = "identity", .doc = "Text of his user claim."},
	{.name = "displayName", .doc = "Name for people."},
	{.name = "role", .doc = "Owner, Admin or Member."},
	{.name = "joinedAt", .doc = "RFC 3339 time."},
	{.name = "lastReadSeq",
		.extra = true,
		.right = true,
		.doc = "Number of the last message that he has read."},
	{.name = "lastReadAt", .extra = true, .doc = "RFC 3339 time, or null."},
	{.name = "lastDeliveredSeq",
		.extra = true,
		.right = true,
		.doc = "Number of the last message that he has got."},
	{.name = "muted", .extra = true, .doc = "Whether he wants no notices."},
	{.name = "roomId", .extra = true, .doc = "UUID."},
	{0},
};

const struct ctl_column user_columns[] = {
	{.name = "id", .doc = "UUID."},
	{.name = "identity", .doc = "Text of the user claim."},
	{.name = "displayName", .doc = "Name for people."},
	{.name = "status", .doc = "Online or Offline."},
	{.name = "connections", .right = true, .doc = "Hub connections that are open."},
	{.name = "createdAt", .doc = "RFC 3339 time."},
	{.name = "lastSeenAt", .extra = true, .doc = "RFC 3339 time, or null."},
	{.name = "bannedAt", .doc = "RFC 3339 time, or null."},
	{.name = "banReason", .extra = true, .doc = "What he is told, or null."},
	{.name = "tokensValidFrom",
		.extra = true,
		.doc = "Tokens issued before are refused; RFC 3339 time, or null."},
	{.name = "avatarUrl", .extra = true, .doc = "Picture, or null."},
	{0},
};

const struct ctl_column user_list_columns[] = {
	{.name = "id", .doc = "UUID."},
	{.name = "identity", .doc = "Text of the user claim."},
	{.name = "displayName", .doc = "Name for people."},
	{.name = "createdAt", .doc = "RFC 3339 time."},
	{.name = "lastSeenAt", .extra = true, .doc = "RFC 3339 time, or null."},
	{.name = "bannedAt", .doc = "RFC 3339 time, or null."},
	{.name = "banReason", .extra = true, .doc = "What he is told, or null."},
	{.name = "tokensValidFrom",
		.extra = true,
		.doc = "Tokens issued before are refused; RFC 3339 time, or null."},
	{.name = "avatarUrl", .extra = true, .doc = "Picture, or null."},
	{0},
};

const struct ctl_column export_columns[] = {
	{.name = "kind", .doc = "user, room or message."},
	{.name = "data", .doc = "The object."},
	{0},
};

const struct ctl_column erase_columns[] = {
	{.name = "id", .doc = "User."},
	{.name = "roomsLeft", .right = true, .doc = "Rooms that he is no member of any more."},
	{.name = "messagesErased", .right = true, .doc = "Messages whose content is gone."},
	{0},
};

const struct ctl_column conn_columns[] = {
	{.name = "id", .doc = "Id of the connection."},
	{.name = "userId", .extra = true, .doc = "User."},
	{.name = "identity", .doc = "Text of the user claim."},
	{.name = "transport", .doc = "WebSockets."},
	{.name = "protocol", .doc = "json."},
	{.name = "state", .doc = "Handshake, Opening or Open."},
	{.name = "openedAt", .doc = "RFC 3339 time."},
	{.name = "rooms", .right = true, .doc = "Rooms it is in."},
	{.name = "queuedBytes", .right = true, .doc = "Bytes that wait to be sent to it."},
	{.name = "worker", .extra = true, .right = true, .doc = "Thread that serves it."},
	{.name = "lastReceivedAt", .extra = true, .doc = "RFC 3339 time."},
	{.name = "expiresAt", .extra = true, .doc = "When its token expires; RFC 3339 time."},
	{0},
};

const struct ctl_column kick_columns[] = {
	{.name = "closed", .right = true, .doc = "Connections that were closed."},
	{0},
};

const struct ctl_column replay_columns[] = {
	{.name = "sent", .right = true, .doc = "Messages that were sent again."},
	{.name = "from", .right = true, .doc = "First number."},
	{.name = "to", .right = true, .doc = "Last number."},
	{0},
};

const struct ctl_column import_columns[] = {
	{.name = "imported", .right = true, .doc = "Messages that were stored."},
	{.name = "repeated", .right = true, .doc = "Messages that were there already."},
	{.name = "failed", .right = true, .doc = "Messages that could not be stored."},
	{0},
};

const struct ctl_column purge_columns[] = {
	{.name = "purged", .right = true, .doc = "Messages that are gone."},
	{.name = "firstKept", .right = true, .doc = "Number of the first message that is left."},
	{0},
};

const struct ctl_column reload_columns[] = {
	{.name = "key", .doc = "section.key."},
	{.name = "old", .doc = "Value before."},
	{.name = "new", .doc = "Value now."},
	{.name = "applied", .doc = "Whether it is in force; otherwise it needs a restart."},
	{0},
};

const struct ctl_column diff_columns[] = {
	{.name = "key", .doc = "section.key."},
	{.name = "running", .doc = "Value that is in force."},
	{.name = "configured", .doc = "Value that the file and the environment say now."},
	{.name = "reloadable", .doc = "Whether config reload would apply it."},
	{0},
};

const struct ctl_column level_columns[] = {
	{.name = "level", .doc = "debug, info, warn, error or off."},
	{.name = "configured", .doc = "What the settings say."},
	{.name = "until", .doc = "RFC 3339 time at which that comes back, or null."},
	{0},
};

const struct ctl_column tail_columns[] = {
	{.name = "time", .doc = "RFC 3339 time."},
	{.name = "level", .doc = "debug, info, warn or error."},
	{.name = "event", .doc = "What happened."},
	{.name = "thread", .extra = true, .doc = "Thread that said it."},
	{.name = "fields", .doc = "Object of what belongs to it."},
	{0},
};

const struct ctl_column drain_columns[] = {
	{.name = "draining", .doc = "Whether the node takes no clients."},
	{.name = "connections", .right = true, .doc = "Hub connections that are still open."},
	{0},
};

const struct ctl_column notify_columns[] = {
	{.name = "connections", .right = true, .doc = "Hub connections that were told."},
	{0},
};
