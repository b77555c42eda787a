#include "lib/store/pg_tools.h"

#include <ctype.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/store/child.h"

enum { VERSION_MAX = 256, SAID_LINES = 3 };

/* A search under way. */
struct search {
	const char *program;
	unsigned least; /* the server's major version */
	struct buf folder; /* the nearest so far, "": none */
	unsigned major; /* its version */
	unsigned newest; /* of those that were too old, 0: none */
	char newest_in[PATH_MAX];
};

/* ---- versions ---- */

unsigned pg_tools_version(struct bytes text)
{
	unsigned long long major;

	for (struct bytes rest = text; rest.len > 0;) {
		struct bytes word = bytes_split(&rest, ' ');
		struct bytes digits = bytes_split(&word, '.');
		size_t len = 0;
		while (len < digits.len && isdigit((unsigned char)digits.ptr[len])) {
			len++; /* "16beta1" */
		}
		if (len > 0 && bytes_to_u64(bytes_of(digits.ptr, len), &major) == 0) {
			return major < 1000 ? (unsigned)major : 0;
		}
	}
	return 0;
}

/* What is longer than a version is not looked at. */
static int take_version(void *ctx, struct bytes part)
{
	struct buf *out = ctx;

	if (out->len < VERSION_MAX) {
		buf_append_bytes(out, part);
	}
	return 0;
}

/* 0: it does not say. */
static unsigned ask_version(const char *path)
{
	const char *const argv[] = {path, "--version", NULL};
	struct child child;
	struct buf out, why;

	buf_init(&out);
	buf_init(&why);
	int err = child_read(&child, argv, environ, -1, take_version, &out, &why);
	unsigned major =
		err == 0 && child_went_well(&child) ? pg_tools_version(buf_bytes(&out)) : 0;
	child_finish(&child);
	buf_finish(&why);
	buf_finish(&out);
	return major;
}

/* ---- where they are ---- */

/* Debian's wrapper takes a version by rules of its own, not the one that it says; what it would
 * start lies in a folder that is looked at anyway. */
static bool is_wrapper(const char *path)
{
	char *real = realpath(path, NULL);
	bool wrapper = real != NULL && strcmp(basename(real), "pg_wrapper") == 0;

	free(real);
	return wrapper;
}

static void look_in(struct search *search, struct bytes folder)
{
	char path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%.*s/%s", BYTES_ARG(folder), search->program);

	if (len >= (int)sizeof(path) || folder.len == 0 || access(path, X_OK) != 0 ||
		is_wrapper(path)) {
		return;
	}
	unsigned major = ask_version(path);
	if (major == 0) {
		return;
	}
	if (major < search->least) {
		if (major > search->newest) {
			search->newest = major;
			memcpy(search->newest_in, path, (size_t)len + 1);
		}
		return;
	}
	if (search->folder.len == 0 || major < search->major) {
		search->major = major;
		buf_clear(&search->folder);
		buf_append_bytes(&search->folder, folder);
	}
}

static void look_in_path(struct search *search)
{
	const char *path = getenv("PATH");

	for (struct bytes rest = bytes_str(path); rest.len > 0;) {
		look_in(search, bytes_split(&rest, ':'));
	}
}

static void look_in_packages(struct search *search)
{
	static const char *const patterns[] = {"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"};

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		glob_t found;
		if (glob(patterns[i], 0, NULL, &found) != 0) {
			continue;
		}
		for (size_t k = 0; k < found.gl_pathc; k++) {
			look_in(search, bytes_str(found.gl_pathv[k]));
		}
		globfree(&found);
	}
}

static int fail(const struct search *search, struct buf *why)
{
	if (search->newest > 0) {
		buf_printf(why,
			"the server is PostgreSQL %u, but the newest %s here is of "
			"version %u (%s)",
			search->least, search->program, search->newest, search->newest_in);
	} else {
		buf_printf(why, "the server is PostgreSQL %u, and there is no %s here",
			search->least, search->program);
	}
	buf_printf(why,
		": install the package postgresql-client-%u (Debian) or postgresql%u "
		"(Fedora, EL)",
		search->least, search->least);
	return ERR_CONFIG;
}

int pg_tools_find(const char *folder, const char *program, int server_version,
	const struct pg_url *url, struct pg_tools *ret_tools, struct buf *why)
{
	struct search search = {.program = program, .least = (unsigned)server_version / 10000};
	struct pg_tools tools = {0};

	buf_init(&search.folder);
	if (folder != NULL) {
		look_in(&search, bytes_str(folder));
	} else {
		look_in_path(&search);
		look_in_packages(&search);
	}
	int err = search.folder.len == 0 ? fail(&search, why) : 0;
	if (err == 0) {
		tools.folder = mem_strdup(buf_cstr(&search.folder));
		tools.major = search.major;
		err = pg_tools_use_url(&tools, url, why);
	}
	buf_finish(&search.folder);
	if (err != 0) {
		pg_tools_finish(&tools);
		return err;
	}
	*ret_tools = tools;
	return 0;
}

void pg_tools_finish(struct pg_tools *tools)
{
	for (size_t i = 0; tools->environment != NULL && tools->environment[i] != NULL; i++) {
		mem_wipe(tools->environment[i], strlen(tools->environment[i]));
		free(tools->environment[i]);
	}
	free(tools->environment);
	free(tools->folder);
	free(tools->target);
	*tools = (struct pg_tools){0};
}

char *pg_tools_path(const struct pg_tools *tools, const char *program)
{
	struct buf path;

	buf_init(&path);
	buf_printf(&path, "%s/%s", tools->folder, program);
	buf_cstr(&path);
	return path.data;
}

/* ---- what they say ---- */

/* What has a row of a table in it, and so perhaps what somebody wrote. */
static bool shows_row(struct bytes line)
{
	char *text = mem_dup_bytes(line);
	bool shows =
		strstr(text, "Failing row contains") != NULL || strncmp(text, "CONTEXT:", 8) == 0;

	free(text);
	return shows;
}

static bool speaks_of_error(struct bytes line)
{
	char *text = mem_dup_bytes(line);
	bool speaks = strstr(text, "error:") != NULL || strstr(text, "ERROR:") != NULL ||
		      strstr(text, "FATAL:") != NULL;

	free(text);
	return speaks;
}

void pg_tools_said(struct bytes said, struct buf *why)
{
	struct bytes first = BYTES_NONE, rest = said;
	unsigned lines = 0;

	while (rest.len > 0 && first.len == 0) {
		struct bytes line = bytes_trim(bytes_split(&rest, '\n'));
		first = speaks_of_error(line) ? line : BYTES_NONE;
	}
	if (first.len == 0) {
		rest = said;
	} else {
		buf_append_bytes(why, first);
		lines++;
	}
	while (rest.len > 0 && lines < SAID_LINES) {
		struct bytes line = bytes_trim(bytes_split(&rest, '\n'));
		if (line.len > 0 && !shows_row(line)) {
			buf_append_str(why, lines > 0 ? "\n" : "");
			buf_append_bytes(why, line);
			lines++;
		}
	}
	if (lines == 0) {
		buf_append_str(why, "it did not say why");
	}
}

void pg_tools_end(const struct child *child, struct buf *why)
{
	int status = child->status;

	if (child->said.len > 0) {
		pg_tools_said(buf_bytes(&child->said), why);
	} else if (WIFSIGNALED(status)) {
		buf_printf(why, "it was ended by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	} else {
		buf_printf(why, "it ended with exit code %d, and did not say why",
			WEXITSTATUS(status));
	}
}
