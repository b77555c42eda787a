/* The verbs of the product: each a table of steps in a file of its own. What each takes is bound by
 * the doors into its struct here. */
#ifndef CHATD_OPS_OPS_H
#define CHATD_OPS_OPS_H

#include "chatd/op/op.h"
#include "lib/value/params.h"

/* ---- of hub connections ---- */

/* The user is read, or made, and his rooms are restored. No parameters. Result: null. */
extern const struct op_def op_connect;

struct join_room_params {
	struct bytes room;
	int64_t last_seq;
	enum param_given last_seq_given;
	struct bytes epoch;
};
extern const struct op_def op_join_room;

struct leave_room_params {
	struct bytes room;
};
extern const struct op_def op_leave_room;

struct post_message_params {
	struct bytes room; /* first: calls to one room may be under way together */
	struct bytes content;
	struct bytes client_message_id;
	enum param_given client_message_id_given;
	int type; /* index into post_message_types */
	enum param_given type_given;
	const struct value *attachment;
	const struct value *message; /* the form with one object, or a text */
};
extern const char *const post_message_types[];
extern const struct op_def op_post_message;

struct get_history_params {
	struct bytes room;
	int64_t before;
	enum param_given before_given;
	int64_t after;
	enum param_given after_given;
	int64_t limit;
	enum param_given limit_given;
};
/* Result: an array of messages, newest last. */
extern const struct op_def op_get_history;

struct sync_params {
	const struct value *rooms;
};
extern const struct op_def op_sync;

struct refresh_token_params {
	struct bytes token;
};
extern const struct op_def op_refresh_token;

/* ---- health; no parameters ---- */

/* Result: {status}. */
extern const struct op_def op_health, op_health_live, op_health_ready;

/* ---- of the operator ---- */

struct room_create_params {
	struct bytes name;
	struct bytes alias; /* len 0: made from the name where that is possible */
	struct bytes owner;
	const struct value *members; /* array of texts, or NULL */
	bool is_private, is_direct, is_encrypted;
};
/* Result: the room. */
extern const struct op_def op_room_create;

struct room_ref_params {
	struct bytes room;
};
/* Result: the room, with its participants. */
extern const struct op_def op_room_show;
/* Items: rooms. No parameters. */
extern const struct op_def op_room_list;

struct history_params {
	struct bytes room;
	int64_t limit; /* 0: all */
	int64_t before, after; /* 0: no bound */
};
/* Items: messages, oldest first. limit counts from the new end, unless after is given.
 * op_history_show differs in that no limit means 50. */
extern const struct op_def op_history, op_history_show;

struct token_mint_params {
	struct bytes user;
	int64_t ttl_ms;
	const struct value *roles; /* array of texts, or NULL */
	const struct value *claims; /* object of texts, or NULL */
};
/* Result: {token}. */
extern const struct op_def op_token_mint;

struct token_verify_params {
	struct bytes token;
};
extern const struct op_def op_token_verify;

/* No parameters. */
extern const struct op_def op_ping, op_status, op_config_show, op_node_stop;

#endif
