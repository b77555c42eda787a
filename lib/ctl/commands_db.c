/* Rows of the table of control commands: what is done on the database itself, and probes. */
#include "lib/ctl/commands_tables.h"

const struct ctl_command ctl_db_commands[] = {
	{.group = "db",
		.verb = "status",
		.name = "db status",
		.place = CTL_LOCAL,
		.read_only = true,
		.quiet = "schema",
		.args = db_args,
		.columns = db_status_columns,
		.doc = "Show the state of the database",
		.more = "Works with chatd running or stopped, and changes nothing. Where the "
			"settings name no database it is that of the daemon which answers, else "
			"the one in /var/lib/chatd or in ./var."},
	{.group = "db",
		.verb = "plan",
		.name = "db plan",
		.place = CTL_LOCAL,
		.read_only = true,
		.list = true,
		.args = db_migrate_args,
		.columns = db_migrate_columns,
		.doc = "Show which migrations are missing",
		.more = "Works with chatd running or stopped, and changes nothing: what db migrate "
			"would do."},
	{.group = "db",
		.verb = "migrate",
		.name = "db migrate",
		.place = CTL_LOCAL,
		.list = true,
		.args = db_migrate_args,
		.columns = db_migrate_columns,
		.doc = "Bring the schema up to date",
		.more = "SQLite: chatd must be stopped; it does so itself at start unless "
			"database.auto_migrate is false. PostgreSQL: also while instances run that "
			"may serve the new schema. --dry-run shows what is missing; --wait waits "
			"until chatd, or whoever else migrates, has ended."},
	{.group = "db",
		.verb = "backup",
		.name = "db backup",
		.place = CTL_LOCAL,
		.read_only = true,
		.quiet = "bytes",
		.args = db_backup_args,
		.columns = db_backup_columns,
		.doc = "Copy the database while it is in use",
		.more = "Works with chatd running or stopped. FILE holds one state of the "
			"database; it appears whole, or not at all. PostgreSQL: an archive that "
			"pg_dump writes, in the version of the server or a newer one; it is looked "
			"for in PATH and where packages put it, or only in the folder that "
			"CHATCTL_POSTGRESQL_BIN names."},
	{.group = "db",
		.verb = "restore",
		.name = "db restore",
		.place = CTL_LOCAL,
		.quiet = "epoch",
		.args = db_restore_args,
		.columns = db_restore_columns,
		.doc = "Put a backup into the place of the database",
		.more = "chatd must be stopped, on PostgreSQL all of its instances; --wait waits "
			"until they have. SQLite: the former file stays beside the new one. "
			"PostgreSQL: chatd's tables are replaced in one transaction, what else is "
			"in the database stays, and so do owner and granted rights; FILE may also "
			"be an archive of pg_dump -Fc. A new epoch begins, which tells clients "
			"that numbers started anew. --dry-run looks at both and says what would "
			"be done.",
		.destroys = "All rooms and messages of the database will be replaced by those of "
			    "the backup"},
	{.group = "db",
		.verb = "verify",
		.name = "db verify",
		.place = CTL_LOCAL,
		.read_only = true,
		.list = true,
		.args = db_args,
		.columns = db_verify_columns,
		.doc = "Look for damage",
		.more = "Works with chatd running or stopped, and changes nothing. It reads all of "
			"the database, and exits with 1 where something is wrong. PostgreSQL: "
			"indexes are looked into where the extension amcheck is there."},
	{.group = "db",
		.verb = "new-epoch",
		.name = "db new-epoch",
		.place = CTL_LOCAL,
		.quiet = "epoch",
		.args = db_args,
		.columns = db_epoch_columns,
		.doc = "Tell clients that sequence numbers started anew",
		.more = "For after the database was set back by other means than db restore, which "
			"does it itself. SQLite: chatd must be stopped. PostgreSQL: instances that "
			"run notice it. Message ids stay what they are.",
		.destroys = "All connections will be closed, and clients will load their rooms "
			    "anew"},
	{.group = "check",
		.verb = "live",
		.name = "check live",
		.place = CTL_LOCAL,
		.read_only = true,
		.args = check_args,
		.columns = probe_columns,
		.doc = "Whether the daemon answers, as a Nagios plugin",
		.more = "Exits with 0 OK, 1 warning, 2 critical, 3 unknown; --wait asks again "
			"until it is not critical."},
	{.group = "check",
		.verb = "ready",
		.name = "check ready",
		.place = CTL_EITHER,
		.read_only = true,
		.args = check_args,
		.columns = probe_columns,
		.doc = "Whether it serves clients, by a canary through it, as a Nagios plugin",
		.more = "Exits as check live does."},
	{.group = "check",
		.verb = "database",
		.name = "check database",
		.place = CTL_LOCAL,
		.read_only = true,
		.args = check_args,
		.columns = probe_columns,
		.doc = "Whether the store is well, as a Nagios plugin",
		.more = "The time is that of the store's answer through the daemon. Also a "
			"warning: a WAL over 256 MiB (critical: 1 GiB), less than 512 MiB free "
			"(64 MiB), a daemon that is away while its file is well. Exits as check "
			"live does."},
};
const size_t ctl_db_count = sizeof(ctl_db_commands) / sizeof(ctl_db_commands[0]);
