-- oldest-program: 1
--
-- Ids are 16-byte blobs, times are milliseconds since 1970 UTC, optional things are NULL. The numbers
-- in type, visibility and role are those of lib/store/model.h.

-- fleet_secret: 32 random bytes that all instances on this store share.
CREATE TABLE meta (
	name TEXT PRIMARY KEY,
	value NOT NULL
) WITHOUT ROWID;

-- The numbering of messages started anew with each row. Messages name the epoch that they were
-- inserted under.
CREATE TABLE epochs (
	no INTEGER PRIMARY KEY,
	epoch TEXT NOT NULL UNIQUE,
	since INTEGER NOT NULL
);

-- opened: the user has come himself at least once; before that the row is what others called him.
CREATE TABLE users (
	id BLOB PRIMARY KEY NOT NULL,
	identity TEXT NOT NULL,
	display_name TEXT NOT NULL,
	avatar_url TEXT,
	created_at INTEGER NOT NULL,
	last_seen_at INTEGER,
	opened INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- last_seq and last_activity_at change with each message: no index may hold them.
-- member_version is raised with every change of membership; member_count and message_count are kept
-- by whoever adds or removes a participant or a message, in the same transaction.
-- direct_pair: both user ids of a Direct room, the lower first.
CREATE TABLE rooms (
	id BLOB PRIMARY KEY NOT NULL,
	last_seq INTEGER NOT NULL DEFAULT 0,
	last_activity_at INTEGER NOT NULL,
	message_count INTEGER NOT NULL DEFAULT 0,
	member_version INTEGER NOT NULL DEFAULT 1,
	member_count INTEGER NOT NULL DEFAULT 0,
	archived_at INTEGER,
	type INTEGER NOT NULL,
	visibility INTEGER NOT NULL,
	encrypted INTEGER NOT NULL DEFAULT 0,
	created_at INTEGER NOT NULL,
	creator_id BLOB,
	direct_pair BLOB,
	alias TEXT,
	name TEXT NOT NULL,
	avatar_url TEXT
) WITHOUT ROWID;
CREATE UNIQUE INDEX rooms_alias ON rooms (alias) WHERE alias IS NOT NULL;
CREATE UNIQUE INDEX rooms_direct ON rooms (direct_pair) WHERE direct_pair IS NOT NULL;
CREATE INDEX rooms_name ON rooms (name);

CREATE TABLE participants (
	room_id BLOB NOT NULL,
	user_id BLOB NOT NULL,
	role INTEGER NOT NULL,
	joined_at INTEGER NOT NULL,
	last_read_at INTEGER,
	last_read_seq INTEGER NOT NULL DEFAULT 0,
	last_delivered_seq INTEGER NOT NULL DEFAULT 0,
	muted INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (room_id, user_id)
) WITHOUT ROWID;
CREATE INDEX participants_user ON participants (user_id, room_id);

-- client_key: SHA-256(sender, client message id) cut to 16 bytes, or a UUIDv7: what makes a send take
-- effect once.
-- id: only of imported messages; all others are computed from room, seq and epoch.
-- content: text, or the cipher text of an encrypted message as a blob.
CREATE TABLE messages (
	room_id BLOB NOT NULL,
	seq INTEGER NOT NULL,
	sent_at INTEGER NOT NULL,
	sender_id BLOB NOT NULL,
	client_key BLOB NOT NULL,
	body_hash BLOB NOT NULL,
	epoch_no INTEGER NOT NULL,
	type INTEGER NOT NULL,
	ref_seq INTEGER,
	encrypted INTEGER NOT NULL DEFAULT 0,
	client_message_id TEXT,
	content NOT NULL,
	nonce BLOB,
	auth_tag BLOB,
	attachment TEXT,
	id BLOB
);
CREATE UNIQUE INDEX messages_order ON messages (room_id, seq);
CREATE UNIQUE INDEX messages_once ON messages (room_id, client_key);
CREATE UNIQUE INDEX messages_imported ON messages (room_id, id) WHERE id IS NOT NULL;
