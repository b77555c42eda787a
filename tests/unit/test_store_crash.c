/* What acknowledged means: kills, disks that are full or fail, damage that is met while running. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/store_help.h"

/* ---- system calls that fail when told to; SQLite calls these instead of libc's ---- */

static atomic_int write_errno; /* 0: writing works */
static atomic_int sync_errno;
static atomic_int sync_count;

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	int error = atomic_load(&write_errno);

	if (error != 0) {
		errno = error;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, data, len, at);
}

int fdatasync(int fd)
{
	int error = atomic_load(&sync_errno);

	atomic_fetch_add(&sync_count, 1);
	if (error != 0) {
		errno = error;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static int setup(void **state)
{
	*state = mem_zalloc(sizeof(struct store_test));
	store_test_init(*state);
	return 0;
}

static int teardown(void **state)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_FSIZE, &limit);
	atomic_store(&write_errno, 0);
	atomic_store(&sync_errno, 0);
	store_test_finish(*state);
	free(*state);
	return 0;
}

/* ---- killed ---- */

struct answered {
	uint32_t key;
	uint64_t seq;
};

/* Sends until it is killed and reports each answer. */
static void child_sends(struct store_test *t, struct uuid room, uint32_t first_key, int report)
{
	struct append_item items[5];
	char keys[5][16];

	store_test_open(t);
	for (uint32_t key = first_key;; key += 5) {
		for (uint32_t i = 0; i < 5; i++) {
			snprintf(keys[i], sizeof(keys[i]), "%u", key + i);
			items[i] = test_item(room, test_user(1), keys[i], "text");
		}
		if (test_append(t, items, 5) != 0) {
			_exit(1);
		}
		for (uint32_t i = 0; i < 5; i++) {
			struct answered a = {key + i, items[i].seq};
			if (write(report, &a, sizeof(a)) != sizeof(a)) {
				_exit(1);
			}
		}
	}
}

/* Reads what was reported until the child is gone; the last answer that came is in *ret_last. */
static size_t run_and_kill(struct store_test *t, struct uuid room, uint32_t first_key,
	useconds_t delay, struct answered *answers, size_t max)
{
	int fds[2], status;
	size_t count = 0;

	assert_int_equal(pipe(fds), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(fds[0]);
		child_sends(t, room, first_key, fds[1]);
	}
	close(fds[1]);
	while (read(fds[0], &answers[count], sizeof(*answers)) == sizeof(*answers)) {
		if (count++ == 0) {
			usleep(delay);
			kill(child, SIGKILL);
		}
		assert_true(count < max);
	}
	close(fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return count;
}

/* Every answered message is there with its number, and a repeat is answered with it. */
static void check_answers(
	struct store_test *t, struct uuid room, const struct answered *answers, size_t count)
{
	char key[16];

	for (size_t i = 0; i < count; i++) {
		snprintf(key, sizeof(key), "%u", answers[i].key);
		struct append_item item = test_item(room, test_user(1), key, "text");
		assert_int_equal(test_append(t, &item, 1), 0);
		assert_int_equal(item.outcome, APPEND_REPEATED);
		assert_int_equal(item.seq, answers[i].seq);
		arena_reset(t->arena);
	}
}

static uint64_t check_numbers(struct store_test *t, struct uuid room)
{
	struct store_page page = {.room = room, .limit = 1000};
	uint64_t next = 1;

	do {
		page.after_seq = next - 1;
		assert_int_equal(test_page(t, &page), 0);
		for (size_t i = 0; i < page.count; i++) {
			assert_int_equal(page.rows[i].seq, next++);
		}
		arena_reset(t->arena);
	} while (page.count > 0);
	assert_int_equal(page.last_seq, next - 1);
	return next - 1;
}

static void what_was_answered_survives_kills(void **state)
{
	struct store_test *t = *state;
	enum { ROUNDS = 8, MAX = 200000 };
	struct answered *answers = mem_alloc(MAX * sizeof(*answers));
	uint64_t stored = 0;

	store_test_open(t);
	struct uuid room = test_room(t, "a", 1);
	store_close(&t->store);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		size_t count = run_and_kill(
			t, room, round * 1000000, 1000 + round * 7919 % 40000, answers, MAX);
		assert_true(count > 0);
		store_test_open(t);
		check_answers(t, room, answers, count);
		uint64_t now = check_numbers(t, room);
		/* At most the one batch that was under way is there without an answer. */
		assert_true(now >= stored + count && now <= stored + count + 5);
		stored = now;
		store_close(&t->store);
	}
	free(answers);
}

/* ---- full ---- */

static int try_send(
	struct store_test *t, struct uuid room, const char *key, struct append_item *item)
{
	*item = test_item(room, test_user(1), key, "text");
	return test_append(t, item, 1);
}

/* Refused with the error, nothing stored, other requests too; and all is well afterwards. */
static void fails_and_recovers(struct store_test *t, atomic_int *fault, int error, int expected)
{
	struct append_item item;

	store_test_open(t);
	struct uuid room = test_room(t, "a", 1);
	assert_int_equal(test_send(t, room, test_user(1), "1", "text"), 1);
	for (int i = 0; i < 3; i++) {
		atomic_store(fault, error);
		assert_int_equal(try_send(t, room, "2", &item), expected);
		assert_int_equal(item.outcome, APPEND_FAILED);
		assert_int_equal(item.err, expected);
		struct store_member_add add = {.room = room, .user = test_user(2)};
		assert_int_equal(test_add(t, &add), expected);
		assert_non_null(add.call.why);
		/* Reading goes on, and shows nothing of it. */
		assert_int_equal(check_numbers(t, room), (uint64_t)i + 1);
		atomic_store(fault, 0);
		assert_int_equal(test_send(t, room, test_user(1),
					 i == 0	  ? "3"
					 : i == 1 ? "4"
						  : "5",
					 "text"),
			(uint64_t)i + 2);
	}
	assert_int_equal(try_send(t, room, "2", &item), 0);
	assert_int_equal(item.outcome, APPEND_STORED);
	store_test_reopen(t);
	assert_int_equal(check_numbers(t, room), 5);
}

static void a_full_disk_is_told(void **state)
{
	fails_and_recovers(*state, &write_errno, ENOSPC, ERR_STORAGE_FULL);
}

static void a_quota_is_a_full_disk(void **state)
{
	fails_and_recovers(*state, &write_errno, EDQUOT, ERR_STORAGE_FULL);
}

static void a_disk_that_fails_is_told(void **state)
{
	fails_and_recovers(*state, &write_errno, EIO, ERR_UNAVAILABLE);
}

/* The frames are written, but whether they are on the disk nobody knows. */
static void a_failed_sync_is_uncertain(void **state)
{
	fails_and_recovers(*state, &sync_errno, EIO, ERR_UNCERTAIN);
}

static void the_limit_of_file_size_is_a_full_disk(void **state)
{
	struct store_test *t = *state;
	struct rlimit old, low;
	struct stat st;
	char wal[128], key[16];
	int err = 0, sent = 0;

	signal(SIGXFSZ, SIG_IGN);
	store_test_open(t);
	struct uuid room = test_room(t, "a", 1);
	snprintf(wal, sizeof(wal), "%s-wal", t->path);
	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	low = old;
	low.rlim_cur = (rlim_t)st.st_size + 100000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	while (err == 0 && sent < 1000) {
		struct append_item item;
		snprintf(key, sizeof(key), "%d", sent);
		err = try_send(t, room, key, &item);
		sent += err == 0;
	}
	assert_int_equal(err, ERR_STORAGE_FULL);
	assert_int_equal(check_numbers(t, room), (uint64_t)sent);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(test_send(t, room, test_user(1), key, "text"), (uint64_t)sent + 1);
	signal(SIGXFSZ, SIG_DFL);
}

static void opening_on_a_full_disk(void **state)
{
	struct store_test *t = *state;
	const char *why = NULL;

	atomic_store(&write_errno, ENOSPC);
	assert_int_equal(store_test_try_open(t, true, &why), ERR_STORAGE_FULL);
	atomic_store(&write_errno, 0);
	store_test_open(t);
	test_room(t, "a", 1);
}

/* Many requests, one COMMIT. */
static void requests_that_wait_share_a_commit(void **state)
{
	struct store_test *t = *state;
	enum { SENDS = 500 };
	struct store_append *reqs = mem_zalloc(SENDS * sizeof(*reqs));
	struct append_item *items = mem_zalloc(SENDS * sizeof(*items));
	char(*keys)[16] = mem_zalloc(SENDS * sizeof(*keys));

	store_test_open(t);
	struct uuid room = test_room(t, "a", 1);
	int before = atomic_load(&sync_count);
	for (int i = 0; i < SENDS; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%d", i);
		items[i] = test_item(room, test_user(1), keys[i], "text");
		reqs[i] = (struct store_append){.items = &items[i], .count = 1};
		store_test_call(t, &reqs[i].call);
		assert_int_equal(store_append(t->store, &reqs[i]), 0);
	}
	for (int i = 0; i < SENDS; i++) {
		assert_int_equal(store_test_wait(t, &reqs[i].call, 0), 0);
		assert_int_equal(items[i].seq, (uint64_t)i + 1);
	}
	int syncs = atomic_load(&sync_count) - before;
	assert_true(syncs >= 1);
	assert_true(syncs < SENDS / 4);
	free(keys);
	free(items);
	free(reqs);
}

/* ---- damaged ---- */

static void copy_file(const char *from, const char *to)
{
	char command[512];

	snprintf(command, sizeof(command), "cp '%s' '%s'", from, to);
	assert_int_equal(system(command), 0);
}

static void assert_same(const char *a, const char *b)
{
	char command[512];

	snprintf(command, sizeof(command), "cmp '%s' '%s'", a, b);
	assert_int_equal(system(command), 0);
}

/* As a crash leaves it: file and WAL. Page 2 of the file is damaged, and no copy is in the WAL. */
static void damage_after_a_crash_is_refused_unchanged(void **state)
{
	struct store_test *t = *state;
	struct store_test other = *t;
	char wal[128], other_wal[128], kept[128], kept_wal[128], junk[4096];

	store_test_open(t);
	struct uuid room = test_room(t, "a", 1);
	store_test_reopen(t);
	test_send(t, room, test_user(1), "1", "text");
	snprintf(other.path, sizeof(other.path), "%s/b.db", t->folder);
	snprintf(other.url, sizeof(other.url), "sqlite:%s", other.path);
	snprintf(wal, sizeof(wal), "%s-wal", t->path);
	snprintf(other_wal, sizeof(other_wal), "%s-wal", other.path);
	snprintf(kept, sizeof(kept), "%s/kept", t->folder);
	snprintf(kept_wal, sizeof(kept_wal), "%s/kept-wal", t->folder);
	copy_file(wal, other_wal);
	store_close(&t->store); /* now the file may be read without harm */
	copy_file(t->path, other.path);

	memset(junk, 0xa5, sizeof(junk));
	FILE *file = fopen(other.path, "r+");
	fseek(file, 4096, SEEK_SET);
	assert_int_equal(fwrite(junk, 1, sizeof(junk), file), sizeof(junk));
	fclose(file);
	copy_file(other.path, kept);
	copy_file(other_wal, kept_wal);
	assert_int_equal(store_test_try_open(&other, true, NULL), ERR_CORRUPT);
	assert_same(other.path, kept);
	assert_same(other_wal, kept_wal);

	copy_file(t->path, other.path);
	store_test_open(&other);
	assert_int_equal(check_numbers(&other, room), 1);
	store_close(&other.store);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_answered_survives_kills),
		TEST(a_full_disk_is_told),
		TEST(a_quota_is_a_full_disk),
		TEST(a_disk_that_fails_is_told),
		TEST(a_failed_sync_is_uncertain),
		TEST(the_limit_of_file_size_is_a_full_disk),
		TEST(opening_on_a_full_disk),
		TEST(requests_that_wait_share_a_commit),
		TEST(damage_after_a_crash_is_refused_unchanged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
