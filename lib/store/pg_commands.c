#include "lib/store/pg_commands.h"

#include <stdio.h>
#include <stdlib.h>

enum { FIRST_SIZE = 64 }; /* powers of two */

void pg_commands_reset(struct pg_commands *commands)
{
	commands->first = commands->count = 0;
	memset(commands->prepared, 0, sizeof(commands->prepared));
}

void pg_commands_finish(struct pg_commands *commands)
{
	free(commands->ring);
	*commands = (struct pg_commands){0};
}

bool pg_commands_unprepared(const struct pg_commands *commands, enum pg_sql sql)
{
	return !commands->prepared[sql].sent;
}

const char *pg_commands_name(
	const struct pg_commands *commands, enum pg_sql sql, char out[PG_NAME_SIZE])
{
	unsigned generation = commands->prepared[sql].generation;
	if (generation == 0) {
		return pg_sql_name(sql);
	}
	snprintf(out, PG_NAME_SIZE, "%.40s %u", pg_sql_name(sql), generation);
	return out;
}

static void grow(struct pg_commands *commands)
{
	size_t size = commands->size > 0 ? 2 * commands->size : FIRST_SIZE;
	struct pg_command *ring = mem_alloc(size * sizeof(*ring));
	for (size_t i = 0; i < commands->count; i++) {
		ring[i] = commands->ring[(commands->first + i) & (commands->size - 1)];
	}
	free(commands->ring);
	commands->ring = ring;
	commands->size = size;
	commands->first = 0;
}

void pg_commands_push(struct pg_commands *commands, enum pg_command_kind kind, enum pg_sql sql)
{
	struct pg_prepared *prepared = &commands->prepared[sql];
	if (commands->count == commands->size) {
		grow(commands);
	}
	commands->ring[(commands->first + commands->count) & (commands->size - 1)] =
		(struct pg_command){kind, sql, prepared->generation};
	commands->count++;
	prepared->sent = prepared->sent || kind == PG_COMMAND_PREPARE;
}

const struct pg_command *pg_commands_next(const struct pg_commands *commands)
{
	return commands->count > 0 ? &commands->ring[commands->first] : NULL;
}

void pg_commands_pop(struct pg_commands *commands)
{
	commands->first = (commands->first + 1) & (commands->size - 1);
	commands->count--;
}

void pg_commands_forget(struct pg_commands *commands, const struct pg_command *command)
{
	struct pg_prepared *prepared = &commands->prepared[command->sql];
	if (prepared->generation == command->generation) {
		prepared->sent = false;
		prepared->generation++;
	}
}
