/* history import: a file of JSON lines, sent to the daemon in batches. Numbers are given anew
 * there; what an edit or deletion refers to is followed from the old numbers to the new ones. */
#include "chatctl/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "chatctl/progress.h"
#include "chatctl/remote.h"
#include "chatctl/text.h"
#include "lib/base/err.h"
#include "lib/value/json.h"

#define BATCH_ROWS 200
#define BATCH_BYTES ((size_t)384 * 1024)
/* Lines that are named; more are only counted. */
#define TOLD_MAX 20

/* A number there, and the one it has here. */
struct renumbered {
	int64_t old, now;
};

struct import {
	struct cmd *cmd;
	struct locate locate;
	FILE *file;
	const char *name;
	struct progress progress;
	char *line;
	size_t line_cap;
	uint64_t line_no;
	/* The batch. */
	struct arena *arena;
	struct value rows; /* array of BATCH_ROWS */
	size_t bytes;
	uint64_t lines[BATCH_ROWS];
	int64_t old_seqs[BATCH_ROWS]; /* 0: the line has none */
	/* All that was stored so far, by old number. */
	struct renumbered *map;
	size_t map_count, map_cap;
	bool unsorted;
	uint64_t imported, repeated, failed;
	bool asked; /* the daemon: once at least, so that no line in no room is not called done */
};

/* ---- numbers ---- */

static int compare_old(const void *a, const void *b)
{
	int64_t x = ((const struct renumbered *)a)->old, y = ((const struct renumbered *)b)->old;
	return x < y ? -1 : x > y;
}

static void remember(struct import *import, int64_t old, int64_t now)
{
	if (old == 0) {
		return;
	}
	if (import->map_count == import->map_cap) {
		import->map_cap = import->map_cap == 0 ? 1024 : import->map_cap * 2;
		import->map = mem_realloc(import->map, import->map_cap * sizeof(*import->map));
	}
	import->map[import->map_count++] = (struct renumbered){old, now};
	/* Exports are in order; anything else is put in order when it is looked at. */
	size_t n = import->map_count;
	import->unsorted = import->unsorted || (n > 1 && import->map[n - 2].old > old);
}

/* 0: not known. */
static int64_t now_of(struct import *import, int64_t old)
{
	if (import->unsorted) {
		qsort(import->map, import->map_count, sizeof(*import->map), compare_old);
		import->unsorted = false;
	}
	struct renumbered key = {.old = old};
	const struct renumbered *found = import->map_count == 0
						 ? NULL
						 : bsearch(&key, import->map, import->map_count,
							   sizeof(*import->map), compare_old);
	return found != NULL ? found->now : 0;
}

/* ---- batches ---- */

static void batch_begin(struct import *import)
{
	arena_destroy(&import->arena);
	import->arena = arena_create(65536);
	import->rows = value_array(import->arena, BATCH_ROWS);
	import->bytes = 0;
}

static void tell_failed(struct import *import, uint64_t line, const char *why)
{
	if (++import->failed <= TOLD_MAX) {
		progress_finish(&import->progress);
		fprintf(stderr, "chatctl: %s:%llu: %s\n", import->name, (unsigned long long)line,
			why);
	}
}

static int64_t number_of(const struct value *object, const char *name)
{
	const struct value *value = value_get(object, name);
	return value != NULL && value->kind == VALUE_INT ? value->integer : 0;
}

static void take_errors(struct import *import, const struct value *errors)
{
	for (uint32_t i = 0; errors != NULL && i < errors->count; i++) {
		const struct value *error = &errors->items[i];
		int64_t index = number_of(error, "index");
		const struct value *message = value_get(error, "message");
		if (index < 0 || index >= import->rows.count) {
			continue;
		}
		char *text = message != NULL && message->kind == VALUE_TEXT
				     ? mem_dup_bytes(message->text)
				     : mem_strdup("not stored");
		tell_failed(import, import->lines[index], text);
		free(text);
	}
}

static int on_answer(void *ctx, const struct value *item)
{
	struct import *import = ctx;
	const struct value *seqs = value_get(item, "seqs");
	import->imported += (uint64_t)number_of(item, "imported");
	import->repeated += (uint64_t)number_of(item, "repeated");
	take_errors(import, value_get(item, "errors"));
	for (uint32_t i = 0; seqs != NULL && i < seqs->count && i < import->rows.count; i++) {
		if (seqs->items[i].kind == VALUE_INT) {
			remember(import, import->old_seqs[i], seqs->items[i].integer);
		}
	}
	return 0;
}

static int batch_send(struct import *import)
{
	const struct invocation *invocation = import->cmd->invocation;
	bool empty = import->rows.count == 0 && import->asked;
	if (empty || invocation->options.dry_run) {
		import->imported += invocation->options.dry_run ? import->rows.count : 0;
		batch_begin(import);
		return 0;
	}
	struct value args = value_object(import->arena, 2);
	value_put(&args, "room", value_text(ctl_args_text(&invocation->args, "room")));
	value_put(&args, "messages", import->rows);
	const struct remote_call call = {.locate = &import->locate,
		.command = "history import",
		.args = &args,
		.timeout_us = invocation->options.timeout_us,
		.item = on_answer,
		.ctx = import};
	import->asked = true;
	int err = remote_call(&call, import->cmd->failure);
	progress_update(&import->progress, import->imported + import->repeated, 0);
	batch_begin(import);
	return err;
}

/* ---- lines ---- */

/* What it refers to must be stored before it can be named: a batch ends there. */
static int follow_reference(struct import *import, struct value *row)
{
	int64_t ref = number_of(row, "refSeq");
	if (ref == 0 || import->cmd->invocation->options.dry_run) {
		return 0;
	}
	int64_t now = now_of(import, ref);
	if (now == 0) {
		return ERR_NOT_FOUND;
	}
	for (uint32_t i = 0; i < row->count; i++) {
		if (bytes_eq(row->members[i].name, BYTES_LIT("refSeq"))) {
			row->members[i].value = value_int(now);
		}
	}
	return 0;
}

static bool refers_to_batch(const struct import *import, int64_t ref)
{
	for (uint32_t i = 0; ref != 0 && i < import->rows.count; i++) {
		if (import->old_seqs[i] == ref) {
			return true;
		}
	}
	return false;
}

static int take_line(struct import *import, struct bytes text)
{
	struct value row;
	const char *why = NULL;
	if (json_read(import->arena, text, &row, &why) != 0 || row.kind != VALUE_OBJECT) {
		tell_failed(import, import->line_no, why != NULL ? why : "this is no JSON object");
		return 0;
	}
	bool full = import->rows.count == BATCH_ROWS || import->bytes + text.len > BATCH_BYTES;
	if (full || refers_to_batch(import, number_of(&row, "refSeq"))) {
		int err = batch_send(import);
		if (err != 0) {
			return err;
		}
		return take_line(import, text); /* its values lay on the old batch's arena */
	}
	if (follow_reference(import, &row) != 0) {
		tell_failed(import, import->line_no, "refSeq names no message of this file");
		return 0;
	}
	uint32_t place = import->rows.count;
	import->lines[place] = import->line_no;
	import->old_seqs[place] = number_of(&row, "seq");
	value_add(&import->rows, row);
	import->bytes += text.len;
	return 0;
}

static int take_lines(struct import *import)
{
	ssize_t len;
	errno = 0;
	while ((len = getline(&import->line, &import->line_cap, import->file)) >= 0) {
		import->line_no++;
		struct bytes text = text_trim(bytes_of(import->line, (size_t)len));
		int err = 0;
		if (text.len > BATCH_BYTES) {
			tell_failed(import, import->line_no, "the line is too long");
		} else if (text.len > 0) {
			err = take_line(import, text);
		}
		if (err != 0) {
			return err;
		}
	}
	if (ferror(import->file)) {
		return failure_set(import->cmd->failure, ERR_SYSTEM, NULL, "cannot read %s: %s",
			import->name, strerror(errno));
	}
	return batch_send(import);
}

/* ---- the command ---- */

static int open_file(struct import *import)
{
	struct bytes name = ctl_args_text(&import->cmd->invocation->args, "file");
	if (name.len == 0 || bytes_eq(name, BYTES_LIT("-"))) {
		import->name = "stdin";
		import->file = stdin;
		return 0;
	}
	import->name = arena_printf(import->cmd->failure->arena, "%.*s", BYTES_ARG(name));
	import->file = fopen(import->name, "re");
	return import->file != NULL ? 0
				    : failure_set(import->cmd->failure, ERR_SYSTEM, NULL,
					      "cannot open %s: %s", import->name, strerror(errno));
}

static int report(struct import *import)
{
	struct cmd *cmd = import->cmd;
	struct value item = value_object(import->arena, 3);
	value_put(&item, "imported", value_int((int64_t)import->imported));
	value_put(&item, "repeated", value_int((int64_t)import->repeated));
	value_put(&item, "failed", value_int((int64_t)import->failed));
	int err = output_item(cmd->output, &item);
	if (err == 0 && import->failed > 0) {
		err = failure_set(cmd->failure, ERR_PARTIAL, "mend what is wrong and import again",
			"%llu line%s not stored", (unsigned long long)import->failed,
			import->failed == 1 ? " was" : "s were");
	}
	return err;
}

int cmd_history_import(struct cmd *cmd)
{
	struct import *import = mem_zalloc(sizeof(*import));
	import->cmd = cmd;
	int err = locate_socket(&import->locate, &cmd->invocation->options, cmd->failure);
	err = err < 0 ? err : open_file(import);
	if (err == 0) {
		progress_init(&import->progress, &cmd->invocation->options, "import");
		batch_begin(import);
		err = take_lines(import);
		progress_finish(&import->progress);
	}
	if (err == 0) {
		err = report(import);
	} else if (import->imported > 0) {
		fprintf(stderr, "chatctl: %llu messages were imported before\n",
			(unsigned long long)import->imported);
	}
	if (import->file != NULL && import->file != stdin) {
		fclose(import->file);
	}
	arena_destroy(&import->arena);
	free(import->line);
	free(import->map);
	free(import);
	return err;
}
