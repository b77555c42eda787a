/* The settings of the process as typed fields. Immutable once loaded; reference-counted, and the
 * count is atomic: any thread may hold one and give it up. What each field means, its range and its
 * default stand in the table in keys.c. */
#ifndef LIB_CONF_CONF_H
#define LIB_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/log.h"

struct arena;
struct conf_origin;

/* Several texts. items has count entries; NULL where there are none. */
struct conf_list {
	const char *const *items;
	size_t count;
};

enum conf_environment { CONF_PRODUCTION, CONF_DEVELOPMENT };
/* AUTO: what the back end does by default (SQLite migrates). */
enum conf_migrate { CONF_MIGRATE_AUTO, CONF_MIGRATE_YES, CONF_MIGRATE_NO };
/* AUTO: to the journal where it reads our stderr, else text. */
enum conf_log_format { CONF_LOG_AUTO, CONF_LOG_TEXT, CONF_LOG_JSON, CONF_LOG_JOURNAL };

/* Sizes are bytes, *_us are microseconds. Texts are never NULL: "" where nothing is set. */
struct conf {
	struct {
		struct conf_list listen; /* at least one: host:port, [v6]:port, unix:PATH */
		int environment; /* enum conf_environment */
		const char *state_dir;
		uint64_t workers; /* 0: one per core */
		const char *hub_path; /* begins with '/', no '/' at its end */
		struct conf_list allowed_origins;
		uint64_t max_connections; /* 0: as many as there are descriptors for */
		uint64_t drain_spread_us;
		uint64_t drain_timeout_us;
	} server;
	struct {
		const char *url; /* may hold a password: never log it, see conf_value_text() */
		uint64_t pool_size; /* 3 to 64 */
		int auto_migrate; /* enum conf_migrate */
	} database;
	struct {
		const char *jwt_secret; /* secret */
		const char *jwt_public_key; /* the PEM text itself */
		const char *jwks_url; /* "": none */
		const char *jwks_ca; /* the PEM text itself; "": the system's authorities */
		const char *issuer;
		struct conf_list audience;
		struct conf_list algorithms; /* empty: what the key allows */
		const char *user_id_claim; /* "": the three usual ones in turn */
		const char *admin_role;
		uint64_t leeway_us;
		bool refresh_endpoint;
	} auth;
	struct {
		uint64_t keepalive_us;
		uint64_t client_timeout_us;
		uint64_t handshake_timeout_us;
		uint64_t max_message_size;
		bool create_rooms;
		uint64_t max_parallel_invocations;
		uint64_t recover_max; /* messages */
		uint64_t restore_hold_us;
		uint64_t close_timeout_us;
		uint64_t poll_timeout_us;
		bool messagepack;
		int messagepack_names; /* enum msgpack_names */
		int messagepack_lz4; /* enum msgpack_lz4 */
		bool detailed_errors;
	} hub;
	struct {
		uint64_t user_rate; /* per second; 0: no limit, as the next two */
		uint64_t room_rate;
		uint64_t address_connects;
		uint64_t send_queue;
		uint64_t send_stall_us;
		uint64_t send_memory;
		uint64_t max_content;
		uint64_t header_timeout_us;
		uint64_t connect_timeout_us; /* life of a connection token that nobody claims */
	} limits;
	struct {
		const char *socket;
		const char *read_group; /* "": none */
	} control;
	struct {
		struct conf_list listen; /* may be empty */
	} metrics;
	struct {
		int level; /* enum log_level */
		int format; /* enum conf_log_format */
		const char *journal_socket;
		uint64_t slow_us; /* 0: no operation is slow */
	} log;

	/* Not for users: load.c's own. */
	struct arena *arena; /* everything lies on it, this struct too */
	struct conf_origin *origins; /* one for each row of the table */
	unsigned references;
};

/* One more reference; answers conf. Thread-safe. */
struct conf *conf_ref(struct conf *conf);
/* Gives one up and sets *conf NULL; the last one frees, secrets are overwritten. NULL is accepted.
 * Thread-safe. */
void conf_unref(struct conf **conf);

#endif
