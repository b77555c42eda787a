/* Requests for messages. See store.h for what holds for all. */
#ifndef LIB_STORE_STORE_MESSAGES_H
#define LIB_STORE_STORE_MESSAGES_H

#include "lib/store/store_call.h"

enum append_outcome {
	APPEND_STORED = 0, /* seq, sent_ms, member_version are set */
	APPEND_REPEATED = 1, /* seq, sent_ms are those of the first */
	APPEND_CONFLICT = 2, /* the same key with other content; seq is the first's */
	APPEND_NOT_MEMBER = 3, /* or no such room */
	APPEND_ARCHIVED = 4,
	APPEND_FAILED = 5, /* err says why (this row alone) */
	APPEND_NO_TARGET = 6, /* Edit, Delete: ref_seq names no message that can be edited or
				 deleted (any more) */
	APPEND_FORBIDDEN = 7, /* Edit: not the sender's; Delete: neither the sender's nor is he
				 Admin or Owner */
};

struct append_item {
	/* in; validated by the caller: lengths, UTF-8, no U+0000 */
	struct uuid room, sender;
	uint8_t client_key[16]; /* store_client_key(), or a UUIDv7 where the client gave no id */
	uint8_t body_hash[8]; /* store_body_hash() */
	enum message_type type;
	uint64_t ref_seq;
	struct bytes client_message_id, content, nonce, auth_tag, attachment;
	bool encrypted;
	/* From another place: imported_id is kept as the message's id and sent_ms (in) as its time;
	 * sender need be no member (and becomes a user where he is none), the room may be archived;
	 * what ref_seq names is not looked at and not changed. Where a message of the room has the
	 * id already, also a computed one: REPEATED if it is of the same sender and content, else
	 * CONFLICT. The room's last activity moves forward only, and never beyond now. */
	bool imported;
	struct uuid imported_id;
	int64_t edited_ms, deleted_ms; /* of an imported one: as there, 0: not */
	void *owner; /* the caller's */
	/* out */
	enum append_outcome outcome; /* of Edit and Delete: membership, then the key, then the
					archive, then the target are judged */
	int err;
	uint64_t seq;
	uint32_t epoch_no; /* under which that number was given: part of the message's id */
	int64_t sent_ms;
	uint64_t member_version; /* of the room when it was stored */
};

/* Stores many messages of any rooms, in this order within each room, with one COMMIT (together with
 * other requests that wait). One of type Edit gives the message of ref_seq its content, or cipher
 * text, nonce and tag (Text, Image, File; its sender only); one of type Delete takes content and
 * attachment from it and from its Edit entries, which are marked deleted as well (its sender, Admin
 * and Owner; no Edit, no Delete); both in the same transaction.
 * Numbers have no holes. done's err is for the batch as a whole: where it is set, nothing is known
 * stored (ERR_UNCERTAIN) or nothing is stored. */
struct store_append {
	struct store_call call;
	struct append_item *items;
	size_t count;
};

/* A page of a room's messages in ascending order of seq: those with after_seq < seq < before_seq
 * (before_seq 0: no bound); newest: the limit cuts at the old end, else at the new end. Edit and
 * Delete entries are rows like the others. */
struct store_page {
	struct store_call call;
	struct uuid room;
	uint64_t after_seq, before_seq;
	uint32_t limit; /* 1 to 1000 */
	size_t max_bytes; /* no further row is read once those read weigh so much (512 bytes each,
			     and what senders decided); 0: no bound */
	bool newest;
	/* out */
	struct message_row *rows;
	size_t count;
	bool cut; /* max_bytes ended the page: there may be more rows */
	uint64_t last_seq; /* the room's head in the same snapshot; ERR_NOT_FOUND where there is no
			      room */
	uint64_t first_kept_seq; /* lowest number still stored, last_seq + 1 where none is */
};

/* One message by its id (computed or imported). ERR_NOT_FOUND. */
struct store_message_find {
	struct store_call call;
	struct uuid room, id;
	/* out */
	struct message_row row;
};

/* What one user sent, entries included, in any room that is there, in the order of (room id, seq),
 * after a place. */
struct store_sent_page {
	struct store_call call;
	struct uuid user;
	struct uuid after_room; /* in, and out: go on from here; nil and 0: from the start */
	uint64_t after_seq;
	uint32_t scan_max; /* rows that are looked at, 1 to 10000: a page may be empty */
	/* out */
	struct message_row *rows;
	size_t count;
	bool more;
};

/* Takes the content of what one user sent, as a deletion does, in the same order; no entry of type
 * Delete is made. */
struct store_sent_erase {
	struct store_call call;
	struct uuid user;
	struct uuid after_room; /* in and out; after an error as it was */
	uint64_t after_seq;
	uint32_t scan_max; /* 1 to 10000 */
	/* out */
	uint64_t erased; /* that still had it */
	bool more;
	/* The store's own. */
	struct uuid from_room; /* the place as it was given */
	uint64_t from_seq;
};

/* Removes the oldest messages of a room: those below before_seq, or sent before before_ms (the
 * first one that is not ends it); at most limit at a time. ERR_NOT_FOUND: no such room. */
struct store_purge {
	struct store_call call;
	struct uuid room;
	uint64_t before_seq; /* 0: by time */
	int64_t before_ms;
	uint32_t limit; /* 1 to 10000 */
	bool plan; /* only counts (all of them, whatever limit says), and removes nothing */
	/* out */
	uint64_t purged;
	uint64_t first_kept_seq; /* last_seq + 1 where all are gone; of a plan, as it would be */
	bool more; /* the limit alone ended it */
};

#endif
