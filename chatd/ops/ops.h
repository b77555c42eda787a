/* The verbs of the product: each a table of steps in a file of its own. What each takes is bound by the doors into its struct here. */
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

#endif
