#include "lib/store/pg_objects.h"

#include <stdlib.h>

#include "lib/store/migrate.h"

/* What the runner of migrations makes for itself. */
static const struct pg_object own = {
	.kind = PG_OBJECT_TABLE,
	.name = {"schema_migrations", sizeof("schema_migrations") - 1},
};

static void add(struct pg_objects *objects, const struct pg_object *object)
{
	objects->rows = mem_realloc(objects->rows, (objects->count + 1) * sizeof(*object));
	objects->rows[objects->count++] = *object;
}

static struct pg_object *find(
	const struct pg_objects *objects, enum pg_object_kind kind, struct bytes name)
{
	for (size_t i = 0; i < objects->count; i++) {
		if (objects->rows[i].kind == kind && bytes_eq(objects->rows[i].name, name)) {
			return &objects->rows[i];
		}
	}
	return NULL;
}

/* Cuts a word of a statement off: up to a blank, "(" or ";". */
static struct bytes take_word(struct bytes *line)
{
	size_t len = 0;

	*line = bytes_trim(*line);
	while (len < line->len && strchr(" \t(;,", line->ptr[len]) == NULL) {
		len++;
	}
	struct bytes word = bytes_of(line->ptr, len);
	*line = bytes_of(line->ptr + len, line->len - len);
	return word;
}

/* Cuts the word off where it is the next one. */
static bool skip_word(struct bytes *line, const char *word)
{
	struct bytes rest = *line;

	if (!bytes_eq_nocase(take_word(&rest), bytes_str(word))) {
		return false;
	}
	*line = rest;
	return true;
}

static bool take_kind(struct bytes *line, enum pg_object_kind *ret_kind)
{
	static const char *const words[] = {
		[PG_OBJECT_TABLE] = "TABLE",
		[PG_OBJECT_INDEX] = "INDEX",
		[PG_OBJECT_FUNCTION] = "FUNCTION",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (skip_word(line, words[i])) {
			*ret_kind = (enum pg_object_kind)i;
			return true;
		}
	}
	return false;
}

static struct bytes take_name(struct bytes *line)
{
	static const char *const before[] = {"CONCURRENTLY", "IF", "NOT", "EXISTS"};

	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		skip_word(line, before[i]);
	}
	return take_word(line);
}

static void read_create(struct pg_objects *objects, struct bytes line, uint32_t no)
{
	struct pg_object object = {.no = no};

	if (skip_word(&line, "OR")) {
		skip_word(&line, "REPLACE");
	}
	skip_word(&line, "UNIQUE");
	if (take_kind(&line, &object.kind)) {
		object.name = take_name(&line);
		struct pg_object *known = find(objects, object.kind, object.name);
		if (known == NULL) {
			add(objects, &object);
		} else {
			known->dropped = 0;
		}
	}
}

static void read_drop(struct pg_objects *objects, struct bytes line, uint32_t no)
{
	enum pg_object_kind kind;

	if (!take_kind(&line, &kind)) {
		return;
	}
	struct pg_object *object = find(objects, kind, take_name(&line));
	if (object != NULL) {
		object->dropped = no;
	}
}

static void read_migration(struct pg_objects *objects, const struct migration *migration)
{
	for (struct bytes rest = migration_text(migration); rest.len > 0;) {
		struct bytes line = bytes_split(&rest, '\n');
		if (line.len == 0 || line.ptr[0] == ' ' || line.ptr[0] == '\t') {
			continue; /* inside a statement */
		}
		if (skip_word(&line, "CREATE")) {
			read_create(objects, line, migration->no);
		} else if (skip_word(&line, "DROP")) {
			read_drop(objects, line, migration->no);
		}
	}
}

void pg_objects_list(const struct migration_set *set, struct pg_objects *ret_objects)
{
	struct pg_objects objects = {0};

	add(&objects, &own);
	for (size_t i = 0; i < set->count; i++) {
		read_migration(&objects, &set->rows[i]);
	}
	*ret_objects = objects;
}

void pg_objects_finish(struct pg_objects *objects)
{
	free(objects->rows);
	*objects = (struct pg_objects){0};
}

const struct pg_object *pg_objects_find(
	const struct pg_objects *objects, enum pg_object_kind kind, struct bytes name)
{
	return find(objects, kind, name);
}
