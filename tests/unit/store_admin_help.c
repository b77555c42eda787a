#include "tests/unit/store_admin_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/err.h"

int admin_setup(void **state)
{
	struct admin_test *t = mem_zalloc(sizeof(*t));

	store_test_init(&t->store);
	snprintf(t->target, sizeof(t->target), "%s/backup.db", t->store.folder);
	*state = t;
	return 0;
}

int admin_teardown(void **state)
{
	struct admin_test *t = *state;

	store_test_finish(&t->store);
	buf_finish(&t->why);
	buf_finish(&t->seen);
	free(t);
	return 0;
}

/* A database with two rooms, of which one has messages. */
void admin_fill(struct admin_test *t)
{
	store_test_open(&t->store);
	struct uuid room = test_room(&t->store, "full", 3);
	test_room(&t->store, "empty", 2);
	for (unsigned i = 0; i < ADMIN_MESSAGES; i++) {
		char key[16];
		snprintf(key, sizeof(key), "k%u", i);
		test_send(&t->store, room, test_user(1), key, "some text of some length");
	}
}

void admin_fill_and_close(struct admin_test *t)
{
	admin_fill(t);
	store_close(&t->store.store);
}

static struct bytes url_of(struct admin_test *t)
{
	return bytes_str(t->store.url);
}

void assert_why(struct admin_test *t, const char *part)
{
	if (t->why.len == 0 || strstr(buf_cstr(&t->why), part) == NULL) {
		fail_msg("\"%s\" is not in \"%s\"", part, t->why.len > 0 ? buf_cstr(&t->why) : "");
	}
	buf_clear(&t->why);
}

void assert_seen(struct admin_test *t, const char *part)
{
	buf_append_str(&t->seen, "");
	if (strstr(buf_cstr(&t->seen), part) == NULL) {
		fail_msg("\"%s\" is not in \"%s\"", part, buf_cstr(&t->seen));
	}
}

bool admin_is_there(const char *path, const char *suffix)
{
	char name[160];

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return access(name, F_OK) == 0;
}

unsigned admin_files(const struct admin_test *t)
{
	char command[160];

	snprintf(command, sizeof(command), "ls -A %s | wc -l", t->store.folder);
	FILE *pipe = popen(command, "r");
	unsigned count = 0;
	assert_non_null(pipe);
	assert_int_equal(fscanf(pipe, "%u", &count), 1);
	pclose(pipe);
	return count;
}

int admin_status(struct admin_test *t, struct store_admin_status *ret_status)
{
	return store_admin_status(url_of(t), t->store.arena, ret_status, &t->why);
}

static void on_step(void *ctx, const struct store_admin_step *step)
{
	struct admin_test *t = ctx;

	buf_printf(&t->seen, "%u %s %s\n", (unsigned)step->no, step->name,
		step->applied ? "applied" : "planned");
}

int admin_migrate(struct admin_test *t, uint32_t to, bool plan)
{
	buf_clear(&t->seen);
	return store_admin_migrate(url_of(t), to, plan, on_step, t, &t->why);
}

static int on_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	struct admin_test *t = ctx;

	assert_non_null(what);
	assert_true(total == 0 || done <= total);
	t->calls++;
	return t->stop_after != 0 && t->calls >= t->stop_after ? ERR_CANCELLED : 0;
}

int admin_backup(
	struct admin_test *t, const char *target, bool force, struct store_admin_backup *ret_backup)
{
	*ret_backup = (struct store_admin_backup){
		.target = target, .force = force, .progress = on_progress, .ctx = t};
	t->calls = 0;
	return store_admin_backup(url_of(t), ret_backup, &t->why);
}

static int on_finding(void *ctx, const struct store_admin_finding *finding)
{
	struct admin_test *t = ctx;

	buf_printf(&t->seen, "%s %s: %s\n", finding->check, finding->ok ? "ok" : "bad",
		finding->detail);
	return 0;
}

int admin_verify(struct admin_test *t, uint64_t *ret_bad)
{
	struct store_admin_verify request = {
		.finding = on_finding, .progress = on_progress, .ctx = t, .bad = 99};

	buf_clear(&t->seen);
	int err = store_admin_verify(url_of(t), &request, &t->why);
	*ret_bad = request.bad;
	return err;
}

void admin_write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

int admin_in_child(struct admin_test *t, int (*fn)(struct admin_test *t))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		_exit(fn(t));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

void admin_use_target(struct admin_test *t)
{
	memcpy(t->store.path, t->target, sizeof(t->store.path));
	snprintf(t->store.url, sizeof(t->store.url), "sqlite:%s", t->target);
}
