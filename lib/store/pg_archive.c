#include "lib/store/pg_archive.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/store/child.h"
#include "lib/store/pg_copy.h"

/* What the archive has of an object. */
enum { HAS_IT = 1, HAS_ROWS = 2 };

/* ---- what pg_restore says ---- */

int pg_archive_fail(const struct pg_archive *archive, const struct child *child, struct buf *why)
{
	static const char unsupported[] = "unsupported version";
	bool newer = child->said.len > 0 && memmem(child->said.data, child->said.len, unsupported,
						    sizeof(unsupported) - 1) != NULL;

	buf_printf(why, "%s %s: ", archive->name,
		newer ? "was made by a pg_dump that is newer than the pg_restore here"
		      : "cannot be read, it is damaged or cut off");
	pg_tools_end(child, why);
	return newer ? ERR_CONFIG : ERR_BAD_CONTENT;
}

/* ---- the table of contents ---- */

struct contents {
	struct pg_archive *archive;
	const struct pg_objects *objects;
	struct buf part; /* of a line */
	bool elsewhere; /* the tables are in another schema: which is in other */
	struct buf other;
};

/* How entries of a kind name what they belong to. */
enum entry_owner {
	OWNER_TABLE, /* the table's name */
	OWNER_INDEX,
	OWNER_FUNCTION, /* name(arguments) */
	OWNER_SEQUENCE, /* of an identity column: table_column_seq */
};

struct entry_kind {
	const char *text;
	enum entry_owner owner;
	uint8_t has;
};

/* "TABLE DATA" before "TABLE": the first that fits is taken. */
static const struct entry_kind kinds[] = {
	{"TABLE DATA ", OWNER_TABLE, HAS_ROWS},
	{"TABLE ", OWNER_TABLE, HAS_IT},
	{"CONSTRAINT ", OWNER_TABLE, 0},
	{"FK CONSTRAINT ", OWNER_TABLE, 0},
	{"CHECK CONSTRAINT ", OWNER_TABLE, 0},
	{"DEFAULT ", OWNER_TABLE, 0},
	{"INDEX ", OWNER_INDEX, HAS_IT},
	{"FUNCTION ", OWNER_FUNCTION, HAS_IT},
	{"SEQUENCE SET ", OWNER_SEQUENCE, 0},
	{"SEQUENCE OWNED BY ", OWNER_SEQUENCE, 0},
	{"SEQUENCE ", OWNER_SEQUENCE, 0},
};

static const struct pg_object *sequence_owner(const struct pg_objects *objects, struct bytes name)
{
	for (size_t i = 0; i < objects->count; i++) {
		struct bytes table = objects->rows[i].name;
		if (objects->rows[i].kind == PG_OBJECT_TABLE && name.len > table.len &&
			bytes_starts(name, table) && name.ptr[table.len] == '_') {
			return &objects->rows[i];
		}
	}
	return NULL;
}

static const struct pg_object *find_owner(
	const struct pg_objects *objects, enum entry_owner owner, struct bytes name)
{
	switch (owner) {
	case OWNER_TABLE:
		return pg_objects_find(objects, PG_OBJECT_TABLE, name);
	case OWNER_INDEX:
		return pg_objects_find(objects, PG_OBJECT_INDEX, name);
	case OWNER_FUNCTION:
		return pg_objects_find(objects, PG_OBJECT_FUNCTION, bytes_split(&name, '('));
	default:
		return sequence_owner(objects, name);
	}
}

/* What instances told each other in the last hour is of no use to anybody later. */
static bool is_wanted(const struct entry_kind *kind, const struct pg_object *object)
{
	return kind->has != HAS_ROWS || !bytes_eq(object->name, BYTES_LIT("changes"));
}

static void note(struct contents *contents, const struct entry_kind *kind, struct bytes schema,
	struct bytes name, struct bytes line)
{
	struct pg_archive *archive = contents->archive;
	const struct pg_object *object = find_owner(contents->objects, kind->owner, name);

	if (object == NULL) {
		return;
	}
	if (!bytes_eq(schema, archive->schema)) {
		if (object->no == 0 && kind->has == HAS_IT) {
			contents->elsewhere = true;
			buf_clear(&contents->other);
			buf_append_bytes(&contents->other, schema);
		}
		return;
	}
	archive->has[object - contents->objects->rows] |= kind->has;
	if (is_wanted(kind, object)) {
		buf_append_bytes(&archive->list, line);
		buf_append_char(&archive->list, '\n');
	}
}

/* "215; 1259 16385 TABLE public users chatd" */
static void read_entry(struct contents *contents, struct bytes line)
{
	struct bytes rest = line;

	if (line.len == 0 || line.ptr[0] == ';') {
		return;
	}
	for (unsigned i = 0; i < 3; i++) {
		bytes_split(&rest, ' ');
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct bytes text = bytes_str(kinds[i].text);
		if (bytes_starts(rest, text)) {
			rest = bytes_of(rest.ptr + text.len, rest.len - text.len);
			struct bytes schema = bytes_split(&rest, ' ');
			note(contents, &kinds[i], schema, bytes_split(&rest, ' '), line);
			return;
		}
	}
}

static int take_contents(void *ctx, struct bytes part)
{
	struct contents *contents = ctx;
	struct bytes line;

	buf_append_bytes(&contents->part, part);
	while (pg_copy_line(&contents->part, &line)) {
		read_entry(contents, line);
		buf_consume(&contents->part, line.len + 1);
	}
	return 0;
}

static int judge_contents(const struct contents *contents, struct buf *why)
{
	const struct pg_archive *archive = contents->archive;

	if ((archive->has[0] & HAS_IT) != 0) {
		return 0;
	}
	if (contents->elsewhere) {
		buf_printf(why,
			"the tables of %s are in the schema %.*s, those of this database belong "
			"in %.*s: name the schema with search_path in the URL "
			"(options=-csearch_path%%3D%.*s), and make it where it is not there",
			archive->name, BYTES_ARG(buf_bytes(&contents->other)),
			BYTES_ARG(archive->schema), BYTES_ARG(buf_bytes(&contents->other)));
		return ERR_CONFLICT;
	}
	buf_printf(
		why, "%s is an archive of pg_dump, but not of a database of chatd", archive->name);
	return ERR_BAD_CONTENT;
}

/* Runs pg_restore on the file. */
static int read_with(const struct pg_archive *archive, const struct pg_tools *tools,
	const char *const *more, child_take_fn take, void *ctx, struct buf *why)
{
	char *path = pg_tools_path(tools, "pg_restore");
	const char *argv[16] = {path};
	struct child child;

	for (size_t i = 0; more[i] != NULL; i++) {
		argv[i + 1] = more[i];
	}
	lseek(archive->fd, 0, SEEK_SET);
	int err = child_read(&child, argv, tools->environment, archive->fd, take, ctx, why);
	if (err == 0 && !child_went_well(&child)) {
		err = pg_archive_fail(archive, &child, why);
	}
	child_finish(&child);
	free(path);
	return err;
}

int pg_archive_list(struct pg_archive *archive, const struct pg_tools *tools,
	const struct pg_objects *objects, struct buf *why)
{
	static const char *const arguments[] = {"-l", NULL};
	struct contents contents = {.archive = archive, .objects = objects};

	archive->has = mem_zalloc(objects->count);
	int err = read_with(archive, tools, arguments, take_contents, &contents, why);
	if (err == 0) {
		err = judge_contents(&contents, why);
	}
	buf_finish(&contents.part);
	buf_finish(&contents.other);
	return err;
}

int pg_archive_check(const struct pg_archive *archive, const struct pg_objects *objects,
	uint32_t schema, struct buf *why)
{
	for (size_t i = 0; i < objects->count; i++) {
		const struct pg_object *object = &objects->rows[i];
		if (!pg_object_is_of(object, schema)) {
			continue;
		}
		if ((archive->has[i] & HAS_IT) == 0) {
			buf_printf(why, "%s lacks %.*s, which its schema %u has", archive->name,
				BYTES_ARG(object->name), (unsigned)schema);
			return ERR_BAD_CONTENT;
		}
		if (object->kind == PG_OBJECT_TABLE && (archive->has[i] & HAS_ROWS) == 0 &&
			!bytes_eq(object->name, BYTES_LIT("changes"))) {
			buf_printf(why, "%s has the table %.*s without its rows", archive->name,
				BYTES_ARG(object->name));
			return ERR_BAD_CONTENT;
		}
	}
	return 0;
}

/* ---- what the tables say ---- */

static int take_migration(void *ctx, const struct pg_copy *copy)
{
	struct pg_archive *archive = ctx;
	struct migration_applied row = {
		.no = (uint32_t)pg_copy_number(copy, "no"),
		.oldest_program = (uint32_t)pg_copy_number(copy, "oldest_program"),
	};
	struct bytes name = pg_copy_field(copy, "name");

	/* One outside a transaction that has begun: nobody knows how much of it is there. */
	if (pg_copy_field(copy, "applied_at").len == 0) {
		archive->is_half = true;
		return ERR_BAD_CONTENT;
	}
	if (row.no == 0 || !pg_copy_bytea(copy, "checksum", row.checksum, sizeof(row.checksum))) {
		return ERR_BAD_CONTENT;
	}
	if (name.len > 0) {
		memcpy(row.name, name.ptr,
			name.len < sizeof(row.name) ? name.len : sizeof(row.name) - 1);
	}
	archive->applied = mem_realloc(
		archive->applied, (archive->applied_count + 1) * sizeof(*archive->applied));
	archive->applied[archive->applied_count++] = row;
	return 0;
}

static int take_epoch(void *ctx, const struct pg_copy *copy)
{
	struct pg_archive *archive = ctx;
	uint64_t no = pg_copy_number(copy, "no");

	if (no > archive->epoch_no && no <= INT32_MAX) {
		archive->epoch_no = (uint32_t)no;
	}
	return 0;
}

static int take_room(void *ctx, const struct pg_copy *copy)
{
	struct pg_archive *archive = ctx;

	archive->rooms++;
	archive->messages += pg_copy_number(copy, "message_count");
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t left = ((const struct migration_applied *)a)->no;
	uint32_t right = ((const struct migration_applied *)b)->no;

	return (left > right) - (left < right);
}

int pg_archive_look(struct pg_archive *archive, const struct pg_tools *tools, struct buf *why)
{
	static const struct pg_copy_table tables[] = {
		{"schema_migrations", take_migration},
		{"epochs", take_epoch},
		{"rooms", take_room},
		{0},
	};
	char *schema = mem_dup_bytes(archive->schema);
	const char *const arguments[] = {"--data-only", "-n", schema, "-t", "schema_migrations",
		"-t", "epochs", "-t", "rooms", "-f", "-", NULL};
	struct pg_copy copy;

	pg_copy_init(&copy, tables, archive);
	int err = read_with(archive, tools, arguments, pg_copy_take, &copy, why);
	pg_copy_finish(&copy);
	free(schema);
	if (err == ERR_BAD_CONTENT && why->len == 0) {
		buf_printf(why, "%s %s", archive->name,
			archive->is_half ? "was made while a migration was under way"
					 : "has rows that chatd does not write");
	}
	if (err == 0 && archive->applied_count == 0) {
		buf_printf(why, "%s says of no migration that it was applied", archive->name);
		err = ERR_BAD_CONTENT;
	}
	if (err == 0) {
		qsort(archive->applied, archive->applied_count, sizeof(*archive->applied),
			by_number);
	}
	return err;
}

uint32_t pg_archive_schema(const struct pg_archive *archive)
{
	return archive->applied_count > 0 ? archive->applied[archive->applied_count - 1].no : 0;
}

void pg_archive_finish(struct pg_archive *archive)
{
	buf_finish(&archive->list);
	free(archive->has);
	free(archive->applied);
	archive->has = NULL;
	archive->applied = NULL;
}
