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
	struct bytes name; /* len 0 only of Direct rooms */
	struct bytes alias; /* len 0: made from the name where that is possible */
	struct bytes avatar_url;
	struct bytes owner; /* of the operator; else the caller is it */
	const struct value *members; /* array of texts, or NULL */
	bool is_private, is_direct, is_encrypted;
	int type, visibility; /* enum room_type, room_visibility: as REST says it; the flags above
				 win */
};
/* Result: the room; op->created where it is new. */
extern const struct op_def op_room_create;
extern const char *const room_type_choices[], *const room_visibility_choices[];

struct room_ref_params {
	struct bytes room;
};
/* Result: the room; for a user also his role, or null. op->version is set. */
extern const struct op_def op_room_show;
/* Items: rooms. No parameters. */
extern const struct op_def op_room_list;

struct room_page_params {
	int64_t limit; /* 0: 50 */
	struct bytes cursor;
	int type;
	enum param_given type_given;
	int scope; /* index into room_scope_choices */
};
extern const char *const room_scope_choices[]; /* mine, public */
/* Result: {items: rooms with role, unreadCount, lastMessage; nextCursor}. */
extern const struct op_def op_room_page;

struct room_update_params {
	struct bytes room;
	struct bytes name, alias, avatar_url; /* NULL given: taken away */
	enum param_given name_given, alias_given, avatar_given;
	int visibility;
	enum param_given visibility_given;
	bool archived;
	enum param_given archived_given;
	bool make_public, make_private; /* as the operator says it */
};
/* Result: the room. op_room_archive archives, and with undo takes out again. */
extern const struct op_def op_room_update;
struct room_archive_params {
	struct bytes room;
	bool undo;
};
extern const struct op_def op_room_archive;
/* struct room_ref_params. Result: null. */
extern const struct op_def op_room_delete;
/* What deleted rooms left is removed, until nothing is left or the node drains. No parameters. */
extern const struct op_def op_room_sweep;

struct member_page_params {
	struct bytes room;
	int64_t limit; /* 0: 50 */
	struct bytes cursor;
};
/* Result: {items, nextCursor}. */
extern const struct op_def op_member_page;
/* Items: participants, by role. struct room_ref_params. */
extern const struct op_def op_member_list;

struct member_params {
	struct bytes room;
	struct bytes user; /* id or identity */
	int role; /* index into member_role_choices */
	enum param_given role_given;
};
extern const char *const member_role_choices[]; /* Member, Admin, Owner */
/* Result: the participant; of op_member_remove null. op->created where he is new. */
extern const struct op_def op_member_show, op_member_add, op_member_role, op_member_remove;

struct message_page_params {
	struct bytes room;
	int64_t before, after;
	enum param_given before_given, after_given;
	int64_t limit; /* 0: 50 */
};
/* Result: {items, lastSeq, epoch, nextBefore|nextAfter, gap}, items in ascending order. */
extern const struct op_def op_message_page;

struct message_params {
	struct bytes room;
	struct bytes message; /* id */
	struct bytes content; /* of op_message_edit */
	struct bytes client_message_id;
	enum param_given client_message_id_given;
};
/* Result: the message. */
extern const struct op_def op_message_show;
/* Result: {id, seq, sentAt} of the entry. */
extern const struct op_def op_message_edit, op_message_delete;

/* ---- users ---- */

struct user_params {
	struct bytes user; /* id or identity; len 0: the caller */
	struct bytes reason; /* of op_user_ban */
};
/* Result: the user: {id, displayName, avatarUrl, status, lastSeenAt}; of himself, and for the
 * operator, also identity and more. */
extern const struct op_def op_user_show, op_user_me;
/* Result: the user as the operator sees him. */
extern const struct op_def op_user_ban, op_user_unban, op_user_revoke_tokens;
/* Result: {id, roomsLeft, messagesErased}. */
extern const struct op_def op_user_erase;
/* Items: {kind, data}. */
extern const struct op_def op_user_export;

struct user_update_params {
	struct bytes display_name, avatar_url;
	enum param_given name_given, avatar_given;
};
/* Result: the user himself. */
extern const struct op_def op_user_update;

struct user_list_params {
	bool banned;
};
/* Items: users. */
extern const struct op_def op_user_list;

/* ---- connections, pushes ---- */

struct push_params {
	struct bytes target; /* user, room or connection */
	struct bytes method;
	const struct value *arguments; /* array, or NULL: none */
};
/* Result: {connections}: how many it was queued for; of a room null. */
extern const struct op_def op_push_user, op_push_room, op_push_connection;

struct conn_list_params {
	struct bytes user; /* len 0: all */
};
/* Items: connections. */
extern const struct op_def op_conn_list;

struct conn_params {
	struct bytes connection; /* len 0: by user */
	struct bytes user;
	struct bytes reason;
	bool reconnect;
};
/* Result: the connection; {closed}. */
extern const struct op_def op_conn_show, op_conn_kick;

struct notify_params {
	struct bytes text;
};
/* Result: {connections}. */
extern const struct op_def op_notify_send;

/* ---- history, for the operator ---- */

struct history_replay_params {
	struct bytes room;
	int64_t from, to; /* to 0: the head */
	struct bytes connection; /* len 0: the members */
};
/* Result: {sent, from, to}. */
extern const struct op_def op_history_replay;

struct history_import_params {
	struct bytes room;
	const struct value *messages; /* array */
};
/* Result: {imported, repeated, failed, errors: [{index, code, message}]}. */
extern const struct op_def op_history_import;

struct history_purge_params {
	struct bytes room;
	int64_t before; /* 0: by time */
	int64_t older_than_ms;
	bool plan;
};
/* Result: {purged, firstKept}. */
extern const struct op_def op_history_purge;

struct history_params {
	struct bytes room;
	int64_t limit; /* 0: all */
	int64_t before, after; /* 0: no bound */
	enum param_given after_given;
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

struct node_drain_params {
	int64_t spread_ms;
	enum param_given spread_given;
};
/* Result: {draining, connections}. */
extern const struct op_def op_node_drain, op_node_undrain;

/* Items: {key, old, new, applied}; {key, running, configured, reloadable}. No parameters. */
extern const struct op_def op_config_reload, op_config_diff;

struct log_level_params {
	int level; /* enum log_level */
	enum param_given level_given; /* it is only shown without */
	int64_t for_ms; /* 0: until the settings are read anew */
};
/* Result: {level, configured, until}. */
extern const struct op_def op_log_level;

struct log_tail_params {
	int64_t lines;
	enum param_given lines_given; /* 20 without it */
	int level; /* enum log_level: debug without it */
	bool follow;
};
/* Items: {time, level, event, thread, fields}. */
extern const struct op_def op_log_tail;

/* No parameters. */
extern const struct op_def op_ping, op_status, op_config_show, op_node_stop;

#endif
