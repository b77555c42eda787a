-- oldest-program: 1
--
-- The numbers in type, visibility, role and kind are those of lib/store/model.h and lib/store/store_shared.h; what is
-- optional is NULL. Text that lists are ordered by is compared byte by byte, as SQLite does.

-- The one clock: that of the database, so that instances whose clocks differ agree. Milliseconds, as everywhere outside.
CREATE FUNCTION chat_now() RETURNS timestamptz LANGUAGE sql STABLE
	RETURN date_trunc('milliseconds', now());

-- fleet_secret: 32 random bytes that all instances on this store share. system: the identifier of the database system
-- that the last epoch began on.
CREATE TABLE meta (
	name text PRIMARY KEY,
	value bytea NOT NULL
);

-- The numbering of messages started anew with each row. Messages name the epoch that they were inserted under.
CREATE TABLE epochs (
	no integer PRIMARY KEY,
	epoch text COLLATE "C" NOT NULL UNIQUE CHECK (epoch ~ '^[0-9a-f]{16}$'),
	since timestamptz NOT NULL DEFAULT chat_now()
);

-- opened: the user has come himself at least once; before that the row is what others called him.
-- banned_at: the user is refused, and told ban_reason. tokens_from: tokens issued before are refused.
-- erased_at: nothing of him is left but the row, which his former tokens must not bring back to life.
-- version: raised with every change of the profile.
CREATE TABLE users (
	id uuid PRIMARY KEY,
	created_at timestamptz NOT NULL DEFAULT chat_now(),
	last_seen_at timestamptz,
	banned_at timestamptz,
	tokens_from timestamptz,
	erased_at timestamptz,
	version bigint NOT NULL DEFAULT 1,
	opened boolean NOT NULL DEFAULT false,
	identity text COLLATE "C" NOT NULL,
	display_name text COLLATE "C" NOT NULL,
	avatar_url text COLLATE "C",
	ban_reason text COLLATE "C"
);
CREATE INDEX users_identity ON users (identity, id);
CREATE INDEX users_banned ON users (identity, id) WHERE banned_at IS NOT NULL;
CREATE INDEX users_barred ON users (id) WHERE banned_at IS NOT NULL OR tokens_from IS NOT NULL;

-- last_seq, last_activity_at and message_count change with each message: no index may hold them, and a page has room
-- for their new versions.
-- member_version is raised with every change of membership; member_count and message_count are kept by whoever adds or
-- removes a participant or a message, in the same transaction.
-- direct_pair: both user ids of a Direct room, the lower first.
-- version: raised with every change of what is set (name, alias, picture, visibility, archive).
CREATE TABLE rooms (
	id uuid PRIMARY KEY,
	last_seq bigint NOT NULL DEFAULT 0,
	last_activity_at timestamptz NOT NULL DEFAULT chat_now(),
	message_count bigint NOT NULL DEFAULT 0,
	member_version bigint NOT NULL DEFAULT 1,
	member_count bigint NOT NULL DEFAULT 0,
	version bigint NOT NULL DEFAULT 1,
	created_at timestamptz NOT NULL DEFAULT chat_now(),
	archived_at timestamptz,
	creator_id uuid,
	type smallint NOT NULL,
	visibility smallint NOT NULL,
	encrypted boolean NOT NULL DEFAULT false,
	name text COLLATE "C" NOT NULL,
	alias text COLLATE "C",
	avatar_url text COLLATE "C",
	direct_pair bytea
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX rooms_alias ON rooms (alias) WHERE alias IS NOT NULL;
CREATE UNIQUE INDEX rooms_direct ON rooms (direct_pair) WHERE direct_pair IS NOT NULL;
CREATE INDEX rooms_name ON rooms (name, id);
CREATE INDEX rooms_public ON rooms (name, id) WHERE visibility = 0;

CREATE TABLE participants (
	room_id uuid NOT NULL,
	user_id uuid NOT NULL,
	joined_at timestamptz NOT NULL DEFAULT chat_now(),
	last_read_at timestamptz,
	last_read_seq bigint NOT NULL DEFAULT 0,
	last_delivered_seq bigint NOT NULL DEFAULT 0,
	role smallint NOT NULL,
	muted boolean NOT NULL DEFAULT false,
	PRIMARY KEY (room_id, user_id)
);
CREATE INDEX participants_user ON participants (user_id, room_id);

-- client_key: SHA-256(sender, client message id) cut to 16 bytes, or a UUIDv7: what makes a send take effect once.
-- body_hash: 8 bytes of a hash as a big-endian number. id: only of imported messages; all others are computed from room,
-- seq and epoch. content: text, or NULL where the message is encrypted and encrypted_content has it.
-- Edits and deletions are entries of their own that name the message by ref_seq; the message itself then has the new
-- text, or none. The lengths here are the outermost bounds: settings decide.
CREATE TABLE messages (
	room_id uuid NOT NULL,
	seq bigint NOT NULL,
	sent_at timestamptz NOT NULL,
	sender_id uuid NOT NULL,
	client_key uuid NOT NULL,
	body_hash bigint NOT NULL,
	ref_seq bigint,
	edited_at timestamptz,
	deleted_at timestamptz,
	id uuid,
	epoch_no integer NOT NULL,
	type smallint NOT NULL,
	encrypted boolean NOT NULL DEFAULT false,
	client_message_id text COLLATE "C",
	content text COLLATE "C" CHECK (octet_length(content) <= 16777216),
	encrypted_content bytea CHECK (octet_length(encrypted_content) <= 16777216),
	nonce bytea,
	auth_tag bytea,
	attachment text COLLATE "C",
	PRIMARY KEY (room_id, seq)
);
CREATE UNIQUE INDEX messages_once ON messages (room_id, client_key);
CREATE UNIQUE INDEX messages_imported ON messages (room_id, id) WHERE id IS NOT NULL;
CREATE INDEX messages_ref ON messages (room_id, ref_seq) WHERE ref_seq IS NOT NULL;

-- For the planner a room has many messages, even where most rooms have one: to find a message by its number it would
-- else take any index that begins with the room for as good as the key, and read all of a large room. From ANALYZE on.
ALTER TABLE messages ALTER COLUMN room_id SET (n_distinct = -0.01);

-- Rooms that were deleted while their messages are still being removed, some at a time.
CREATE TABLE dead_rooms (
	room_id uuid PRIMARY KEY
);

-- What instances tell each other by way of the store: one row for each change of membership, room or ban, kept for an
-- hour. Read by xid (transactions that are over), because numbers of a sequence can be seen out of order.
-- origin: a number of the instance that made the change.
CREATE TABLE changes (
	xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
	no bigint GENERATED ALWAYS AS IDENTITY,
	at timestamptz NOT NULL DEFAULT now(),
	origin bigint NOT NULL,
	room_id uuid,
	user_id uuid,
	kind smallint NOT NULL
);
CREATE INDEX changes_xid ON changes (xid, no);
