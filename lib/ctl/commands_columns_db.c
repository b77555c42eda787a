/* What the items of the commands on the database itself and of probes have: for the rows in
 * commands_db.c. */
#include "lib/ctl/commands_tables.h"

const struct ctl_column db_migrate_columns[] = {
	{.name = "no", .right = true, .doc = "Number of the migration."},
	{.name = "name", .doc = "Its name."},
	{.name = "applied", .doc = "Whether it was applied now."},
	{.name = "ms", .right = true, .doc = "Time it took."},
	{0},
};

const struct ctl_column db_status_columns[] = {
	{.name = "url", .doc = "The database."},
	{.name = "schema", .right = true, .doc = "Number of the last migration."},
	{.name = "missing", .doc = "Names of migrations that are not applied."},
	{.name = "oldestProgram",
		.right = true,
		.doc = "Oldest program that may serve the schema."},
	{.name = "users", .right = true, .doc = "Users."},
	{.name = "rooms", .right = true, .doc = "Rooms."},
	{.name = "messages", .right = true, .doc = "Messages."},
	{.name = "bytes", .right = true, .doc = "Size of the database."},
	{.name = "walBytes",
		.right = true,
		.doc = "SQLite: size of what is not in the main file yet."},
	{.name = "freeBytes", .right = true, .doc = "SQLite: space left where it is."},
	{.name = "epoch", .doc = "Epoch of the sequence numbers."},
	{.name = "heldBy",
		.right = true,
		.doc = "SQLite: process id of the daemon that has it open (0: not known), or "
		       "null."},
	{.name = "server", .doc = "PostgreSQL: the server's version."},
	{.name = "role", .doc = "PostgreSQL: as which chatctl is connected."},
	{.name = "connections",
		.right = true,
		.doc = "PostgreSQL: connections of chatd and other chatctl to the database."},
	{.name = "migrating", .doc = "PostgreSQL: who applies migrations now, or null."},
	{.name = "problem",
		.extra = true,
		.doc = "Why this program may not serve the schema, or null."},
	{0},
};

const struct ctl_column db_backup_columns[] = {
	{.name = "target", .doc = "File that was written."},
	{.name = "bytes", .right = true, .doc = "Its size."},
	{.name = "messages", .right = true, .doc = "Messages in it."},
	{.name = "ms", .right = true, .doc = "Time it took."},
	{0},
};

const struct ctl_column db_restore_columns[] = {
	{.name = "source", .extra = true, .doc = "The backup."},
	{.name = "database", .doc = "Where it was restored."},
	{.name = "messages", .right = true, .doc = "Messages that are there now."},
	{.name = "rooms", .right = true, .doc = "Rooms that are there now."},
	{.name = "schema", .right = true, .doc = "Number of the backup's last migration."},
	{.name = "missing", .right = true, .doc = "Migrations that db migrate would apply."},
	{.name = "epoch", .doc = "Epoch that began."},
	{.name = "formerEpoch", .doc = "The database's before, or null."},
	{.name = "kept", .doc = "SQLite: where the former database is now, or null."},
	{.name = "ms", .right = true, .doc = "Time it took."},
	{0},
};

const struct ctl_column db_epoch_columns[] = {
	{.name = "no", .right = true, .doc = "Number of the epoch."},
	{.name = "epoch", .doc = "The epoch, or null where it was only planned."},
	{.name = "former", .doc = "The one before."},
	{0},
};

const struct ctl_column db_verify_columns[] = {
	{.name = "check", .doc = "What was looked at."},
	{.name = "ok", .doc = "Whether it is in order."},
	{.name = "detail", .doc = "What was found."},
	{0},
};

const struct ctl_column probe_columns[] = {
	{.name = "check", .extra = true, .doc = "live, ready or database."},
	{.name = "status", .doc = "OK, WARNING, CRITICAL or UNKNOWN."},
	{.name = "text", .doc = "What was found, the gravest first."},
	{.name = "ms", .right = true, .doc = "Time of the daemon's answer, or null."},
	{.name = "walBytes",
		.extra = true,
		.right = true,
		.doc = "Size of the WAL (check database)."},
	{.name = "freeBytes", .extra = true, .right = true, .doc = "Space left there (likewise)."},
	{0},
};
