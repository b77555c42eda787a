/* Opening SQLite files: whose they are, who has them, and what is refused without a change. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/store_help.h"

static int setup(void **state)
{
	*state = mem_zalloc(sizeof(struct store_test));
	store_test_init(*state);
	return 0;
}

static int teardown(void **state)
{
	store_test_finish(*state);
	free(*state);
	return 0;
}

static void write_file(const char *path, const void *data, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void read_file(const char *path, struct buf *ret_data)
{
	FILE *file = fopen(path, "r");
	char piece[4096];
	size_t len;

	buf_init(ret_data);
	assert_non_null(file);
	while ((len = fread(piece, 1, sizeof(piece), file)) > 0) {
		buf_append(ret_data, piece, len);
	}
	fclose(file);
}

static bool is_there(const struct store_test *t, const char *suffix)
{
	char path[128];

	snprintf(path, sizeof(path), "%s%s", t->path, suffix);
	return access(path, F_OK) == 0;
}

/* The file must stay as it is, byte for byte, and nothing may appear beside it but the lock. */
static void refused(struct store_test *t, int expected, const char *in_why)
{
	struct buf before, after;
	const char *why = NULL;
	bool had_wal = is_there(t, "-wal");

	read_file(t->path, &before);
	assert_int_equal(store_test_try_open(t, true, &why), expected);
	if (strstr(why, in_why) == NULL) {
		fail_msg("\"%s\" is not in \"%s\"", in_why, why);
	}
	read_file(t->path, &after);
	assert_true(bytes_eq(buf_bytes(&before), buf_bytes(&after)));
	assert_int_equal(is_there(t, "-wal"), had_wal);
	assert_false(is_there(t, "-journal"));
	assert_true(had_wal || !is_there(t, "-shm"));
	buf_finish(&before);
	buf_finish(&after);
}

/* ---- new files ---- */

static void a_new_file_is_private(void **state)
{
	struct store_test *t = *state;
	struct stat st;
	char lock[128];

	umask(0);
	store_test_open(t);
	assert_int_equal(stat(t->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(lock, sizeof(lock), "%s.lock", t->path);
	assert_int_equal(stat(lock, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	test_room(t, "a", 1);
	assert_true(is_there(t, "-wal"));
	store_close(&t->store);
	assert_false(is_there(t, "-wal"));
	assert_false(is_there(t, "-shm"));
	assert_false(is_there(t, ".new"));
}

static void an_empty_file_is_new(void **state)
{
	struct store_test *t = *state;

	write_file(t->path, "", 0);
	store_test_open(t);
	test_room(t, "a", 1);
}

static void what_a_crash_left_of_making_it_is_no_hindrance(void **state)
{
	struct store_test *t = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s.new", t->path);
	write_file(path, "half a page", 11);
	snprintf(path, sizeof(path), "%s.new-journal", t->path);
	write_file(path, "journal", 7);
	store_test_open(t);
	assert_false(is_there(t, ".new"));
	assert_false(is_there(t, ".new-journal"));
}

static void names_may_be_odd(void **state)
{
	struct store_test *t = *state;

	snprintf(t->path, sizeof(t->path), "%s/a b?c#d%%41e.db", t->folder);
	snprintf(t->url, sizeof(t->url), "SQLITE:%s", t->path);
	store_test_open(t);
	test_room(t, "a", 1);
	store_test_reopen(t);
	assert_true(is_there(t, ""));
	struct store_room_find find = {.ref = BYTES_LIT("a")};
	assert_int_equal(test_find(t, &find), 0);
}

static void paths_may_be_relative(void **state)
{
	struct store_test *t = *state;
	char here[4096];

	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(t->folder), 0);
	snprintf(t->url, sizeof(t->url), "sqlite:chat.db");
	store_test_open(t);
	assert_int_equal(chdir(here), 0);
	assert_true(is_there(t, ""));
	test_room(t, "a", 1);
}

static void without_migrating_nothing_is_made(void **state)
{
	struct store_test *t = *state;
	const char *why = NULL;

	assert_int_equal(store_test_try_open(t, false, &why), ERR_CONFIG);
	assert_non_null(strstr(why, "chatctl db migrate"));
	assert_false(is_there(t, ""));
	store_test_open(t);
	store_close(&t->store);
	assert_int_equal(store_test_try_open(t, false, NULL), 0);
}

/* ---- who has it ---- */

static void one_store_at_a_time(void **state)
{
	struct store_test *t = *state;
	struct store_test other = *t;
	const char *why = NULL;
	char pid[32], link_path[96];

	store_test_open(t);
	snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
	assert_int_equal(store_test_try_open(&other, true, &why), ERR_BUSY);
	assert_non_null(strstr(why, pid));
	assert_non_null(strstr(why, t->path));
	/* By another name it is the same file. */
	snprintf(link_path, sizeof(link_path), "%s/link", t->folder);
	assert_int_equal(symlink("chat.db", link_path), 0);
	snprintf(other.url, sizeof(other.url), "sqlite:%s", link_path);
	assert_int_equal(store_test_try_open(&other, true, NULL), ERR_BUSY);
	/* The refused ones have not taken the first one's locks. */
	test_room(t, "a", 1);
	store_close(&t->store);
	assert_int_equal(store_test_try_open(&other, true, NULL), 0);
	store_close(&other.store);
}

static void another_process_is_named(void **state)
{
	struct store_test *t = *state;
	int ready[2], go[2];
	const char *why = NULL;
	char byte, pid[32];

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		store_test_open(t);
		if (write(ready[1], "x", 1) != 1 || read(go[0], &byte, 1) != 1) {
			_exit(1);
		}
		_exit(0); /* without closing: as a crash would */
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(store_test_try_open(t, true, &why), ERR_BUSY);
	snprintf(pid, sizeof(pid), "process %ld", (long)child);
	assert_non_null(strstr(why, pid));
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(waitpid(child, NULL, 0), child);
	store_test_open(t);
	close(ready[0]);
	close(ready[1]);
	close(go[0]);
	close(go[1]);
}

/* ---- files that are not ours ---- */

static void files_that_are_no_database(void **state)
{
	struct store_test *t = *state;
	char text[8192];

	memset(text, 'x', sizeof(text));
	write_file(t->path, text, 10);
	refused(t, ERR_CORRUPT, "too short");
	write_file(t->path, text, sizeof(text));
	refused(t, ERR_CORRUPT, "no SQLite database");
	unlink(t->path);
	assert_int_equal(mkdir(t->path, 0700), 0);
	assert_int_equal(store_test_try_open(t, true, NULL), ERR_CONFIG);
	assert_int_equal(rmdir(t->path), 0);
	assert_int_equal(mkfifo(t->path, 0600), 0);
	assert_int_equal(store_test_try_open(t, true, NULL), ERR_CONFIG);
}

static void change_byte(const struct store_test *t, long at, int to)
{
	FILE *file = fopen(t->path, "r+");

	assert_non_null(file);
	assert_int_equal(fseek(file, at, SEEK_SET), 0);
	assert_int_equal(fputc(to, file), to);
	assert_int_equal(fclose(file), 0);
}

/* A database with some messages, closed. */
static void make_database(struct store_test *t)
{
	char key[16];

	store_test_open(t);
	struct uuid room = test_room(t, "a", 1);
	for (int i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "%d", i);
		test_send(t, room, test_user(1), key, "some text that fills a few pages of it");
	}
	store_close(&t->store);
}

static void databases_of_others(void **state)
{
	struct store_test *t = *state;

	make_database(t);
	change_byte(t, 68, 0);
	refused(t, ERR_CONFIG, "another program");
}

static void damaged_headers(void **state)
{
	struct store_test *t = *state;

	make_database(t);
	change_byte(t, 0, 's');
	refused(t, ERR_CORRUPT, "header is damaged");
	change_byte(t, 0, 'S');
	change_byte(t, 17, 1);
	refused(t, ERR_CORRUPT, "damaged");
	change_byte(t, 17, 0);
	change_byte(t, 18, 77);
	refused(t, ERR_CORRUPT, "damaged");
	change_byte(t, 18, 2);
	store_test_open(t);
}

static void damaged_pages(void **state)
{
	struct store_test *t = *state;
	struct stat st;

	make_database(t);
	assert_int_equal(stat(t->path, &st), 0);
	for (long page = 1; page < st.st_size / 4096; page++) {
		char good[64], bad[64];
		FILE *file = fopen(t->path, "r+");
		memset(bad, 0xa5, sizeof(bad));
		fseek(file, page * 4096, SEEK_SET);
		assert_int_equal(fread(good, 1, sizeof(good), file), sizeof(good));
		fseek(file, page * 4096, SEEK_SET);
		assert_int_equal(fwrite(bad, 1, sizeof(bad), file), sizeof(bad));
		fflush(file);
		refused(t, ERR_CORRUPT, "");
		fseek(file, page * 4096, SEEK_SET);
		assert_int_equal(fwrite(good, 1, sizeof(good), file), sizeof(good));
		fclose(file);
	}
	store_test_open(t);
}

static void a_file_that_was_cut(void **state)
{
	struct store_test *t = *state;
	struct stat st;

	make_database(t);
	assert_int_equal(stat(t->path, &st), 0);
	assert_int_equal(truncate(t->path, st.st_size / 2), 0);
	refused(t, ERR_CORRUPT, "");
	assert_int_equal(truncate(t->path, 4096), 0);
	refused(t, ERR_CORRUPT, "");
}

static void a_journal_without_its_database(void **state)
{
	struct store_test *t = *state;
	char path[128];
	const char *why = NULL;

	snprintf(path, sizeof(path), "%s-wal", t->path);
	write_file(path, "somebody's messages", 19);
	assert_int_equal(store_test_try_open(t, true, &why), ERR_CORRUPT);
	assert_non_null(strstr(why, "-wal"));
	assert_false(is_there(t, ""));
	assert_true(is_there(t, "-wal"));
}

/* ---- schemas ---- */

static void schemas_that_do_not_fit(void **state)
{
	struct store_test *t = *state;

	make_database(t);
	store_test_sql(t, "UPDATE schema_migrations SET checksum = x'00' WHERE no = 1;"
			  "PRAGMA wal_checkpoint(TRUNCATE);");
	refused(t, ERR_CONFIG, "0001_start was changed");
	store_test_sql(t, "DELETE FROM schema_migrations;"
			  "INSERT INTO schema_migrations VALUES (99, '0099_future', x'', 99, 0);"
			  "PRAGMA wal_checkpoint(TRUNCATE);");
	refused(t, ERR_CONFIG, "0001_start was left out");
}

static void newer_schemas(void **state)
{
	struct store_test *t = *state;

	make_database(t);
	store_test_sql(t, "INSERT INTO schema_migrations VALUES (99, '0099_future', x'', 99, 0);"
			  "PRAGMA wal_checkpoint(TRUNCATE);");
	refused(t, ERR_CONFIG, "0099_future");
	store_test_sql(t, "UPDATE schema_migrations SET oldest_program = 1;");
	store_test_open(t);
	struct store_status status = {0};
	assert_int_equal(test_status(t, &status), 0);
	assert_int_equal(status.schema, 99);
	assert_int_equal(status.messages, 200);
}

/* ---- what a file keeps ---- */

static void epochs_are_kept_by_number(void **state)
{
	struct store_test *t = *state;
	char first[17];
	uint8_t secret[32] = {0};

	make_database(t);
	store_test_open(t);
	assert_int_equal(t->store->epoch_no, 1);
	assert_memory_not_equal(t->store->fleet_secret, secret, 32);
	memcpy(first, t->store->epoch, 17);
	store_close(&t->store);
	store_test_sql(t, "INSERT INTO epochs VALUES (3, '0123456789abcdef', 0)");
	store_test_open(t);
	assert_int_equal(t->store->epoch_no, 3);
	assert_int_equal(t->store->epoch_count, 4);
	assert_string_equal(t->store->epoch, "0123456789abcdef");
	assert_string_equal(t->store->epochs[1], first);
	assert_string_equal(t->store->epochs[2], "");
	assert_string_equal(t->store->epochs[3], "0123456789abcdef");
	store_close(&t->store);
	store_test_sql(t, "INSERT INTO epochs VALUES (4000000000, 'fedcba9876543210', 0)");
	assert_int_equal(store_test_try_open(t, true, NULL), ERR_CORRUPT);
}

static void imported_messages_keep_their_ids(void **state)
{
	struct store_test *t = *state;
	struct uuid id;

	make_database(t);
	store_test_sql(t, "UPDATE messages SET id = x'000102030405060708090a0b0c0d0e0f'"
			  " WHERE seq = 7");
	store_test_open(t);
	struct store_room_find find = {.ref = BYTES_LIT("a")};
	assert_int_equal(test_find(t, &find), 0);
	struct store_page page = {.room = find.room.id, .after_seq = 5, .limit = 2};
	assert_int_equal(test_page(t, &page), 0);
	store_message_id(t->store, &page.rows[1], &id);
	assert_int_equal(id.b[15], 15);
	store_message_id(t->store, &page.rows[0], &id);
	assert_int_equal(ident_message_seq(&id), 6);
}

/* A copy made by VACUUM INTO is not in WAL mode. */
static void another_journal_mode_becomes_wal(void **state)
{
	struct store_test *t = *state;

	make_database(t);
	store_test_sql(t, "PRAGMA journal_mode = DELETE");
	store_test_open(t);
	test_room(t, "b", 1);
	assert_true(is_there(t, "-wal"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_file_is_private),
		TEST(an_empty_file_is_new),
		TEST(what_a_crash_left_of_making_it_is_no_hindrance),
		TEST(names_may_be_odd),
		TEST(paths_may_be_relative),
		TEST(without_migrating_nothing_is_made),
		TEST(one_store_at_a_time),
		TEST(another_process_is_named),
		TEST(files_that_are_no_database),
		TEST(databases_of_others),
		TEST(damaged_headers),
		TEST(damaged_pages),
		TEST(a_file_that_was_cut),
		TEST(a_journal_without_its_database),
		TEST(schemas_that_do_not_fit),
		TEST(newer_schemas),
		TEST(epochs_are_kept_by_number),
		TEST(imported_messages_keep_their_ids),
		TEST(another_journal_mode_becomes_wal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
