/* The rows of the store, as every part of the programs sees them. Text views the arena of the
 * request that brought it. */
#ifndef LIB_STORE_MODEL_H
#define LIB_STORE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/ident.h"

/* The numbers are stored: never change one. Names: model_*_name(). */
enum room_type { ROOM_GROUP = 0, ROOM_DIRECT = 1 };
enum room_visibility { ROOM_PUBLIC = 0, ROOM_PRIVATE = 1 };
enum member_role { ROLE_NONE = 0, ROLE_MEMBER = 1, ROLE_ADMIN = 2, ROLE_OWNER = 3 };
enum message_type {
	MESSAGE_TEXT = 0,
	MESSAGE_IMAGE = 1,
	MESSAGE_FILE = 2,
	MESSAGE_SYSTEM = 3,
	MESSAGE_ASSISTANT = 4,
	MESSAGE_EDIT = 5,
	MESSAGE_DELETE = 6,
};

const char *model_room_type_name(enum room_type type); /* Group, Direct */
const char *model_visibility_name(enum room_visibility visibility); /* Public, Private */
const char *model_role_name(enum member_role role); /* Member, Admin, Owner; "" for none */
const char *model_message_type_name(enum message_type type); /* Text, Image, ... */
/* Without regard to case: Member, Admin, Owner. 0 or ERR_BAD_REQUEST. */
int model_role_parse(struct bytes name, enum member_role *ret_role);
/* Exact names. 0 or ERR_BAD_REQUEST. */
int model_message_type_parse(struct bytes name, enum message_type *ret_type);

/* Alias: [a-z0-9][a-z0-9._-]{0,63}, and no UUID in its 36-character form. Folds ASCII upper case;
 * out holds 65. 0 or ERR_BAD_ROOM. */
int model_alias_fold(struct bytes text, char out[65]);

struct user_row {
	struct uuid id;
	struct bytes identity; /* the claim's text */
	struct bytes display_name;
	struct bytes avatar_url; /* len 0: none */
	int64_t created_ms;
	int64_t last_seen_ms; /* 0: never */
	int64_t banned_ms; /* 0: not banned */
	struct bytes ban_reason; /* len 0: none */
	int64_t tokens_from_ms; /* tokens issued before are refused; 0: none is */
	uint64_t version; /* raised with every change of the profile */
};

struct room_row {
	struct uuid id;
	struct bytes alias; /* len 0: none */
	struct bytes name;
	struct bytes avatar_url; /* len 0: none */
	enum room_type type;
	enum room_visibility visibility;
	bool encrypted;
	bool has_creator; /* false: the operator made it */
	struct uuid creator;
	int64_t created_ms;
	int64_t last_activity_ms;
	int64_t archived_ms; /* 0: not */
	uint64_t last_seq;
	uint64_t member_version; /* raised with every change of membership */
	uint64_t version; /* raised with every change of what is set: name, alias, picture,
			     visibility, archive */
	uint64_t member_count; /* filled where a function says so */
};

struct member_row {
	struct uuid user;
	struct bytes identity;
	struct bytes display_name;
	enum member_role role;
	int64_t joined_ms;
	int64_t last_read_ms; /* 0: never */
	uint64_t last_read_seq;
	uint64_t last_delivered_seq;
	bool muted;
};

struct message_row {
	struct uuid room;
	uint64_t seq;
	struct uuid sender;
	enum message_type type;
	uint64_t ref_seq; /* 0: none */
	int64_t sent_ms;
	uint32_t epoch_no; /* under which epoch it was inserted: part of its id */
	struct bytes client_message_id; /* len 0: the client gave none */
	struct bytes content;
	bool encrypted; /* then cipher text, nonce and tag instead of content */
	struct bytes nonce;
	struct bytes auth_tag;
	struct bytes attachment; /* JSON object as stored, len 0: none */
	struct uuid imported_id; /* nil: the id is computed (store_message_id) */
	int64_t edited_ms; /* 0: never; content is the newest text */
	int64_t deleted_ms; /* 0: not; else content is empty */
};

#endif
