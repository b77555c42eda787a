-- oldest-program: 1

-- banned_at: the user is refused, and told ban_reason. tokens_from: tokens issued before are refused.
-- erased_at: nothing of him is left but the row, which his former tokens must not bring back to life.
-- version: raised with every change of the profile.
ALTER TABLE users ADD COLUMN banned_at INTEGER;
ALTER TABLE users ADD COLUMN ban_reason TEXT;
ALTER TABLE users ADD COLUMN tokens_from INTEGER;
ALTER TABLE users ADD COLUMN erased_at INTEGER;
ALTER TABLE users ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
CREATE INDEX users_identity ON users (identity, id);
CREATE INDEX users_banned ON users (identity, id) WHERE banned_at IS NOT NULL;
CREATE INDEX users_barred ON users (id) WHERE banned_at IS NOT NULL OR tokens_from IS NOT NULL;

-- version: raised with every change of what is set (name, alias, picture, visibility, archive).
ALTER TABLE rooms ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
CREATE INDEX rooms_public ON rooms (name, id) WHERE visibility = 0;

-- Edits and deletions are entries of their own that name the message by ref_seq; the message itself
-- then has the new text, or none.
ALTER TABLE messages ADD COLUMN edited_at INTEGER;
ALTER TABLE messages ADD COLUMN deleted_at INTEGER;
CREATE INDEX messages_ref ON messages (room_id, ref_seq) WHERE ref_seq IS NOT NULL;

-- Rooms that were deleted while their messages are still being removed, some at a time.
CREATE TABLE dead_rooms (
	room_id BLOB PRIMARY KEY NOT NULL
) WITHOUT ROWID;
