/* How a link to PostgreSQL ends, or does not come about; and what its owner may do meanwhile. */
#include "tests/unit/pg_link_help.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- servers that are none ---- */

static int listen_anywhere(unsigned *ret_port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

/* Where nobody listens. */
static unsigned dead_port(void)
{
	unsigned port = 0;
	close(listen_anywhere(&port));
	return port;
}

/* The server that the tests have, behind others of the same host. */
static char *url_behind(unsigned port)
{
	struct pg_url url;
	struct buf out = {0}, why = {0};
	const char *host = "127.0.0.1", *real_port = "5432", *user = "", *password = "", *name = "";
	assert_int_equal(pg_url_parse(bytes_str(getenv("CHATD_TEST_POSTGRES")), &url, &why), 0);
	for (size_t i = 0; i < url.count; i++) {
		const char *keyword = url.keywords[i], *value = url.values[i];
		host = strcmp(keyword, "host") == 0 ? value : host;
		real_port = strcmp(keyword, "port") == 0 ? value : real_port;
		user = strcmp(keyword, "user") == 0 ? value : user;
		password = strcmp(keyword, "password") == 0 ? value : password;
		name = strcmp(keyword, "dbname") == 0 ? value : name;
	}
	buf_printf(&out, "Host=127.0.0.1:%u,%s:%s;Username=%s;Password='%s';Database=%s", port,
		host, real_port, user, password, name);
	buf_cstr(&out);
	pg_url_finish(&url);
	buf_finish(&why);
	return out.data;
}

/* ---- connecting ---- */

static void nobody_listens(void **state)
{
	struct side side;
	char url[100];
	(void)state;
	snprintf(url, sizeof(url), "postgresql://u:geheim@127.0.0.1:%u/d", dead_port());
	side_init(&side, url);
	side_open(&side, 5 * SECOND, NULL);
	assert_int_equal(side.closed, 1);
	assert_int_equal(side.err, ERR_UNAVAILABLE);
	assert_non_null(strstr(side.why, "Connection refused"));
	assert_null(strstr(side.why, "geheim"));
	/* And again. */
	side_open(&side, 5 * SECOND, NULL);
	assert_int_equal(side.closed, 2);
	side_finish(&side);
}

static void a_silent_host(void **state)
{
	struct side side;
	char url[100];
	unsigned port = 0;
	(void)state;
	int fd = listen_anywhere(&port);
	snprintf(url, sizeof(url), "postgresql://u@127.0.0.1:%u/d", port);
	side_init(&side, url);
	uint64_t start = clock_mono_us(&clock_system);
	side_open(&side, SECOND / 5, NULL);
	uint64_t took = clock_mono_us(&clock_system) - start;
	assert_int_equal(side.err, ERR_UNAVAILABLE);
	assert_non_null(strstr(side.why, "in time"));
	assert_in_range(took, SECOND / 6, 3 * SECOND);
	side_finish(&side);
	close(fd);
}

/* One that refuses and one that is silent stand before the right one. */
static void the_second_host(void **state)
{
	struct side side;
	unsigned port = 0;
	(void)state;
	char *url = url_behind(dead_port());
	side_init(&side, url);
	side_open(&side, 10 * SECOND, NULL);
	assert_int_equal(side.ready, 1);
	assert_one(&side, ADD_ONE, 1, 2);
	side_finish(&side);
	free(url);

	int fd = listen_anywhere(&port);
	url = url_behind(port);
	side_init(&side, url);
	uint64_t start = clock_mono_us(&clock_system);
	side_open(&side, 2 * SECOND, NULL);
	assert_int_equal(side.ready, 1);
	assert_true(clock_mono_us(&clock_system) - start >= SECOND * 9 / 10);
	assert_one(&side, ADD_ONE, 1, 2);
	/* Which host is good is known from then on. */
	pg_link_close(side.link);
	start = clock_mono_us(&clock_system);
	side_open(&side, 2 * SECOND, NULL);
	assert_int_equal(side.ready, 2);
	assert_true(clock_mono_us(&clock_system) - start < SECOND * 9 / 10);
	side_finish(&side);
	free(url);
	close(fd);
}

static void assert_refused(const char *keyword, const char *value, const char *said)
{
	struct side side;
	struct pg_url url;
	side_init(&side, getenv("CHATD_TEST_POSTGRES"));
	if (strcmp(keyword, "dbname") == 0) {
		assert_int_equal(pg_url_with_database(&side.url, value, &url), 0);
		pg_url_finish(&side.url);
		side.url = url;
	} else {
		for (size_t i = 0; i < side.url.count; i++) {
			if (strcmp(side.url.keywords[i], keyword) == 0) {
				free(side.url.values[i]);
				side.url.values[i] = mem_strdup(value);
			}
		}
	}
	side_open(&side, 10 * SECOND, NULL);
	assert_int_equal(side.ready, 0);
	assert_int_equal(side.err, ERR_CONFIG);
	if (strstr(side.why, said) == NULL) {
		fail_msg("%s", side.why);
	}
	assert_null(strstr(side.why, "LOCATION"));
	side_finish(&side);
}

static void refused_by_the_server(void **state)
{
	(void)state;
	assert_refused("dbname", "no_such_database", "no_such_database");
	assert_refused("user", "no_such_role", "no_such_role");
}

/* Asks for a password in clear, and says in German that it is wrong. */
static void serve_refusal(int fd)
{
	static const char question[] = {'R', 0, 0, 0, 8, 0, 0, 0, 3};
	static const char refusal[] =
		"E\0\0\0\x6dSFATAL\0VFATAL\0C28P01\0MPasswort-Authentifizierung f\xc3\xbcr "
		"Benutzer \xc2\xbbu\xc2\xab fehlgeschlagen\0Fauth.c\0L1\0Rf\0";
	char data[512];
	int peer = accept(fd, NULL, NULL);
	ssize_t n = read(peer, data, sizeof(data));
	if (n == 8) { /* whether there is TLS */
		n = write(peer, "N", 1) == 1 ? read(peer, data, sizeof(data)) : -1;
	}
	char *answer = mem_alloc(sizeof(refusal));
	memcpy(answer, refusal, sizeof(refusal));
	answer[4] = (char)(sizeof(refusal) - 1);
	bool good = n > 0 && write(peer, question, sizeof(question)) == sizeof(question) &&
		    read(peer, data, sizeof(data)) > 0 &&
		    write(peer, answer, sizeof(refusal)) == sizeof(refusal);
	free(answer);
	close(peer);
	_exit(good ? 0 : 1);
}

static void a_wrong_password(void **state)
{
	struct side side;
	char url[100];
	unsigned port = 0;
	int status = -1;
	(void)state;
	int fd = listen_anywhere(&port);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		serve_refusal(fd);
	}
	close(fd);
	snprintf(url, sizeof(url), "postgresql://u:geheim@127.0.0.1:%u/d", port);
	side_init(&side, url);
	side_open(&side, 5 * SECOND, NULL);
	assert_int_equal(side.err, ERR_CONFIG);
	assert_non_null(strstr(side.why, "Passwort-Authentifizierung"));
	assert_null(strstr(side.why, "geheim"));
	assert_null(strstr(side.why, "28P01"));
	assert_null(strstr(side.why, "auth.c"));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	side_finish(&side);
}

static void a_setup_that_fails(void **state)
{
	struct side side;
	(void)state;
	side_init(&side, getenv("CHATD_TEST_POSTGRES"));
	side_open(&side, 10 * SECOND, "SELECT 1; SELECT * FROM no_such_table");
	assert_int_equal(side.ready, 0);
	assert_int_equal(side.err, ERR_CONFIG);
	assert_non_null(strstr(side.why, "no_such_table"));
	side_open(&side, SECOND / 5, "SELECT pg_sleep(10)");
	assert_int_equal(side.err, ERR_UNAVAILABLE);
	assert_non_null(strstr(side.why, "in time"));
	side_open(&side, 10 * SECOND, "SET application_name = 'tests'");
	assert_int_equal(side.ready, 1);
	side_finish(&side);
}

/* ---- losing ---- */

static int64_t pid_of(struct side *side)
{
	struct ask ask = {0};
	ask_one(&ask, side, MY_PID, 0);
	assert_int_equal(ask.fault, PG_OK);
	return ask.first[0];
}

static void terminated(void **state)
{
	struct side side, other;
	struct ask done = {0}, slow = {0}, behind = {0};
	(void)state;
	side_connect(&side, NULL);
	side_connect(&other, NULL);
	int64_t pid = pid_of(&side);
	ask_begin(&done, &side);
	ask_add(&done, ADD_ONE, 1);
	ask_end(&done);
	ask_begin(&slow, &side);
	ask_add(&slow, ADD_ONE, 1);
	ask_add(&slow, SLEEP, 20);
	ask_end(&slow);
	ask_begin(&behind, &side);
	ask_add(&behind, ADD_ONE, 1);
	ask_end(&behind);
	ask_wait(&done);
	assert_int_equal(done.fault, PG_OK);
	assert_one(&other, KILL, pid, 1);
	ask_wait(&slow);
	ask_wait(&behind);
	assert_int_equal(slow.fault, PG_LOST);
	assert_int_equal(slow.count, 0);
	assert_string_equal(slow.sqlstate, "57P01");
	assert_true(slow.why[0] != '\0');
	assert_int_equal(behind.fault, PG_LOST);
	assert_string_equal(behind.why, slow.why);
	assert_int_equal(slow.number + 1, behind.number);
	assert_int_equal(side.closed, 1);
	assert_int_equal(side.err, ERR_UNAVAILABLE);
	assert_string_equal(side.why, slow.why);
	/* And back: nothing of the old connection is relied on. */
	side_open(&side, 10 * SECOND, NULL);
	assert_int_equal(side.ready, 2);
	assert_one(&side, ADD_ONE, 1, 2);

	/* While nothing is under way. */
	assert_one(&other, KILL, pid_of(&side), 1);
	while (side.closed == 1) {
		loop_turn(loop, 1000);
	}
	assert_int_equal(side.err, ERR_UNAVAILABLE);
	assert_non_null(strstr(side.why, "administrator"));
	side_finish(&side);
	side_finish(&other);
}

/* Before the loop sees it: what is sent into the dead connection is lost. */
static void sent_to_the_dead(void **state)
{
	struct side side, other;
	struct ask asks[3] = {0};
	(void)state;
	side_connect(&side, NULL);
	side_connect(&other, NULL);
	int64_t pid = pid_of(&side);
	ask_begin(&asks[0], &other);
	ask_add(&asks[0], KILL, pid);
	ask_end(&asks[0]);
	while (asks[0].calls == 0) {
		pg_link_pump(other.link, 1000);
	}
	usleep(50000);
	for (int i = 1; i < 3; i++) {
		ask_begin(&asks[i], &side);
		ask_add(&asks[i], ADD_ONE, 1);
		ask_end(&asks[i]);
	}
	ask_wait(&asks[2]);
	assert_int_equal(asks[1].fault, PG_LOST);
	assert_int_equal(asks[2].fault, PG_LOST);
	assert_int_equal(side.closed, 1);
	side_finish(&side);
	side_finish(&other);
}

static void beyond_the_deadline(void **state)
{
	struct side side;
	struct ask slow = {0}, early = {0};
	(void)state;
	side_connect(&side, NULL);
	uint64_t start = clock_mono_us(&clock_system);
	ask_begin(&slow, &side);
	ask_add(&slow, SLEEP, 30);
	ask_end(&slow);
	/* Behind one with a later deadline. */
	pg_link_begin(side.link, &early.exchange, SECOND / 4, on_done);
	early.side = &side;
	ask_add(&early, ADD_ONE, 1);
	ask_end(&early);
	ask_wait(&early);
	uint64_t took = clock_mono_us(&clock_system) - start;
	assert_in_range(took, SECOND / 5, 3 * SECOND);
	assert_int_equal(early.fault, PG_LOST);
	assert_int_equal(slow.fault, PG_LOST);
	assert_string_equal(slow.sqlstate, "");
	assert_non_null(strstr(slow.why, "deadline"));
	assert_int_equal(side.closed, 1);
	assert_int_equal(side.err, ERR_UNAVAILABLE);
	side_finish(&side);
}

/* What was answered in time does not hurt later. */
static void within_the_deadline(void **state)
{
	struct side side;
	struct ask ask = {0};
	(void)state;
	side_connect(&side, NULL);
	for (int i = 0; i < 3; i++) {
		ask = (struct ask){.side = &side};
		pg_link_begin(side.link, &ask.exchange, SECOND / 3, on_done);
		ask_add(&ask, ADD_ONE, 1);
		ask_end(&ask);
		ask_wait(&ask);
		assert_int_equal(ask.fault, PG_OK);
		uint64_t until = clock_mono_us(&clock_system) + SECOND / 5;
		while (clock_mono_us(&clock_system) < until) {
			loop_turn(loop, 20);
		}
	}
	side_finish(&side);
}

static void a_server_that_does_not_write(void **state)
{
	struct side side;
	struct ask ask = {0}, behind = {0};
	(void)state;
	side_connect(&side, NULL);
	ask_begin(&ask, &side);
	ask_add(&ask, BEGIN_READING, 0);
	ask_add(&ask, ADD_ONE, 1);
	ask_add(&ask, WRITE, 0);
	ask_end(&ask);
	ask_begin(&behind, &side);
	ask_add(&behind, ADD_ONE, 1);
	ask_end(&behind);
	ask_wait(&ask);
	assert_int_equal(ask.fault, PG_READ_ONLY);
	assert_string_equal(ask.sqlstate, "25006");
	assert_int_equal(ask.failed, 2);
	assert_int_equal(ask.first[1], 2);
	assert_false(pg_link_ready(side.link));
	ask_wait(&behind);
	assert_int_equal(behind.fault, PG_LOST);
	assert_int_equal(side.closed, 1);
	assert_int_equal(side.err, ERR_UNAVAILABLE);
	side_finish(&side);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, loop_setup, loop_teardown)
	const struct CMUnitTest alone[] = {
		TEST(nobody_listens),
		TEST(a_silent_host),
		TEST(a_wrong_password),
	};
	const struct CMUnitTest tests[] = {
		TEST(the_second_host),
		TEST(refused_by_the_server),
		TEST(a_setup_that_fails),
		TEST(terminated),
		TEST(sent_to_the_dead),
		TEST(beyond_the_deadline),
		TEST(within_the_deadline),
		TEST(a_server_that_does_not_write),
	};
#undef TEST
	int failed = cmocka_run_group_tests(alone, NULL, NULL);
	return failed + (have_server() ? cmocka_run_group_tests(tests, NULL, NULL) : 0);
}
