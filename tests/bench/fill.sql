-- Rooms and messages of the benchmark, quickly, into a database that has chatd's schema and that nobody else uses
-- meanwhile (psql -v rooms=N -v each=N -v bytes=N): so many rooms, those that are missing, and so many more messages in each,
-- with texts of so many bytes. Room after room gets a message, so that a page of one room lies on as many pages of the
-- heap as it has messages, as it does where rooms are busy at the same time. tests/bench/bench_fill.c knows the ids.
-- Where many rows come the indexes are dropped and made anew.
\set ON_ERROR_STOP on
SET client_min_messages = error;
SET synchronous_commit = off;
SET maintenance_work_mem = '512MB';
SET max_parallel_workers_per_gather = 0;
SET jit = off;

BEGIN;

CREATE TEMPORARY TABLE member ON COMMIT DROP AS
	SELECT substr(encode(sha256('user'), 'hex'), 1, 32)::uuid AS id;
CREATE TEMPORARY TABLE filled ON COMMIT DROP AS
	SELECT n, substr(encode(sha256(('room ' || n)::bytea), 'hex'), 1, 32)::uuid AS id, 0::bigint AS last_seq
	FROM generate_series(1, :rooms) n;
UPDATE filled f SET last_seq = r.last_seq FROM rooms r WHERE r.id = f.id;

INSERT INTO users (id, identity, display_name, opened) SELECT id, 'user', 'user', true FROM member ON CONFLICT DO NOTHING;
INSERT INTO rooms (id, name, type, visibility)
	SELECT id, 'Room ' || n, 0, 1 FROM filled ORDER BY id ON CONFLICT DO NOTHING;
INSERT INTO participants (room_id, user_id, role)
	SELECT f.id, m.id, 1 FROM filled f, member m ORDER BY f.id ON CONFLICT DO NOTHING;
-- Others who never say anything: as many as rooms, each in ten of them.
INSERT INTO users (id, identity, display_name)
	SELECT substr(encode(sha256(('user ' || n)::bytea), 'hex'), 1, 32)::uuid, 'user ' || n, 'User ' || n
	FROM filled ORDER BY id ON CONFLICT DO NOTHING;
INSERT INTO participants (room_id, user_id, role)
	SELECT f.id, substr(encode(sha256(('user ' || (f.n + k * k) % :rooms + 1)::bytea), 'hex'), 1, 32)::uuid, 1
	FROM filled f, generate_series(1, 10) k ON CONFLICT DO NOTHING;

-- What a large fill is quicker without.
SELECT :each::bigint * :rooms > 100000 AS large \gset
\if :large
	ALTER TABLE messages DROP CONSTRAINT messages_pkey;
	DROP INDEX messages_once, messages_ref, messages_imported;
\endif

INSERT INTO messages (room_id, seq, sent_at, sender_id, client_key, body_hash, epoch_no, type, content)
	SELECT f.id, f.last_seq + s, chat_now(), m.id, gen_random_uuid(), s, e.no, 0, repeat('x', :bytes)
	FROM generate_series(1, :each::bigint) s, filled f, member m, (SELECT max(no) AS no FROM epochs) e;

\if :large
	ALTER TABLE messages ADD CONSTRAINT messages_pkey PRIMARY KEY (room_id, seq);
	CREATE UNIQUE INDEX messages_once ON messages (room_id, client_key);
	CREATE UNIQUE INDEX messages_imported ON messages (room_id, id) WHERE id IS NOT NULL;
	CREATE INDEX messages_ref ON messages (room_id, ref_seq) WHERE ref_seq IS NOT NULL;
\endif

UPDATE rooms SET last_seq = f.last_seq + :each, message_count = message_count + :each,
	member_count = (SELECT count(*) FROM participants p WHERE p.room_id = rooms.id)
	FROM filled f WHERE rooms.id = f.id;

COMMIT;

VACUUM ANALYZE;
CHECKPOINT;
