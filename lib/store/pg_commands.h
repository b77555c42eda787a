/* What was sent over a link and is not answered, and which statements are prepared there. Of
 * pg_link.c alone.
 *
 * A statement is prepared at its first use, within the exchange that needs it; those behind it rely
 * on that. Where it came to nothing, since something before it failed, they find the statement
 * missing (26000, PG_AGAIN), and the next one prepares it anew: under another name, so that late
 * answers about the old one do not count. */
#ifndef LIB_STORE_PG_COMMANDS_H
#define LIB_STORE_PG_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/store/pg_sql.h"

enum pg_command_kind { PG_COMMAND_PREPARE, PG_COMMAND_STATEMENT, PG_COMMAND_SYNC };

struct pg_command {
	enum pg_command_kind kind;
	enum pg_sql sql;
	unsigned generation; /* of the statement's name */
};

struct pg_prepared {
	bool sent;
	unsigned generation;
};

struct pg_commands {
	struct pg_command *ring;
	size_t size, first, count;
	struct pg_prepared prepared[PG_SQL_COUNT];
};

/* For a new connection: nothing is under way, nothing prepared. */
void pg_commands_reset(struct pg_commands *commands);
void pg_commands_finish(struct pg_commands *commands);

/* Whether the statement must be prepared before its use now. */
bool pg_commands_unprepared(const struct pg_commands *commands, enum pg_sql sql);
/* Its name on this link, in out where it is not the usual one. */
#define PG_NAME_SIZE 64
const char *pg_commands_name(
	const struct pg_commands *commands, enum pg_sql sql, char out[PG_NAME_SIZE]);
/* What was sent, in order. */
void pg_commands_push(struct pg_commands *commands, enum pg_command_kind kind, enum pg_sql sql);

/* What is answered next; NULL where nothing is under way. */
const struct pg_command *pg_commands_next(const struct pg_commands *commands);
void pg_commands_pop(struct pg_commands *commands);
/* The server does not have that statement, or not as its tables are now. */
void pg_commands_forget(struct pg_commands *commands, const struct pg_command *command);

#endif
