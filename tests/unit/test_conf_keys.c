/* The table of settings: that its rows are sound, and what is printed from them. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/conf/load.h"
#include "lib/conf/print.h"

static char *const no_environment[] = {NULL};
static const struct conf_load_params nothing = {.environment = no_environment};

static struct conf *load(const char *text)
{
	struct conf *conf = NULL;
	struct conf_report report = {0};
	int err = conf_load_text(&nothing, "x", bytes_str(text), &conf, &report);
	if (err < 0) {
		fail_msg("%s", report.problems[0].text);
	}
	conf_report_finish(&report);
	return conf;
}

/* Each default is within its own range, and names are such that CHATD_SECTION_KEY is unambiguous.
 */
static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_key *key = &conf_keys[i];
		assert_null(strchr(key->section, '_'));
		assert_non_null(key->default_text);
		assert_true(strlen(key->doc) > 10 && key->doc[strlen(key->doc) - 1] == '.');
		for (const char *p = key->key; *p != '\0'; p++) {
			assert_true(islower((unsigned char)*p) || *p == '_' ||
				    (p > key->key && isdigit((unsigned char)*p)));
		}
		assert_ptr_equal(conf_key_find(bytes_str(key->section), bytes_str(key->key)), key);
		assert_true((key->type == CONF_ENUM) <= (key->choices != NULL));
		char text[1024];
		snprintf(text, sizeof(text), "[%s]\n%s = %s\n", key->section, key->key,
			key->default_text);
		struct conf *conf = load(text);
		assert_int_equal(conf_origin_of(conf, key)->kind, CONF_FROM_FILE);
		conf_unref(&conf);
	}
	assert_null(conf_key_find(BYTES_LIT("hub"), BYTES_LIT("listen")));
}

static void test_nearest(void **state)
{
	struct arena *arena = arena_create(0);
	(void)state;
	assert_string_equal(conf_key_nearest(arena, BYTES_LIT("server"), BYTES_LIT("keepalive")),
		"hub.keepalive");
	assert_string_equal(conf_key_nearest(arena, BYTES_LIT("server"), BYTES_LIT("workrs")),
		"server.workers");
	assert_string_equal(conf_key_nearest(arena, BYTES_LIT("servr"), BYTES_LIT("Workers")),
		"server.workers");
	assert_null(conf_key_nearest(arena, BYTES_LIT("quite"), BYTES_LIT("another_thing")));
	arena_destroy(&arena);
}

static void assert_range(const char *section, const char *name, const char *wanted)
{
	struct buf out = {0};
	conf_key_range(conf_key_find(bytes_str(section), bytes_str(name)), &out);
	assert_string_equal(buf_cstr(&out), wanted);
	buf_finish(&out);
}

static void test_ranges(void **state)
{
	(void)state;
	assert_range("server", "workers", "0 to 64");
	assert_range("limits", "user_rate", "0 to 1000000/s");
	assert_range("hub", "keepalive", "10ms to 1h");
	assert_range("hub", "max_message_size", "1KiB to 64MiB");
	assert_range("hub", "create_rooms", "true or false");
	assert_range("server", "environment", "Production or Development");
	assert_range("server", "listen", "host:port, [v6]:port or unix:PATH, separated by commas");
	assert_range("database", "url",
		"sqlite:PATH, postgresql://..., or Npgsql's Host=...;Username=...");
	assert_range("database", "pool_size", "3 to 64");
	assert_range("control", "socket", "a path of at most 107 bytes");
}

/* The sample file is all defaults: as it is, and with every line taken out of its comment. */
static void test_sample(void **state)
{
	struct buf sample = {0}, bare = {0};
	(void)state;
	conf_print_sample(&sample);
	struct conf *as_is = load(buf_cstr(&sample));
	struct bytes rest = buf_bytes(&sample);
	size_t keys = 0;
	while (rest.len > 0) {
		struct bytes line = bytes_split(&rest, '\n');
		assert_true(line.len <= 80);
		if (line.len > 1 && line.ptr[0] == '#' && line.ptr[1] != ' ') {
			line = bytes_of(line.ptr + 1, line.len - 1);
			keys++;
		}
		buf_append_bytes(&bare, line);
		buf_append_char(&bare, '\n');
	}
	assert_int_equal(keys, conf_key_count);
	struct conf *taken = load(buf_cstr(&bare));
	for (size_t i = 0; i < conf_key_count; i++) {
		assert_true(conf_same(as_is, taken, &conf_keys[i]));
		assert_int_equal(conf_origin_of(as_is, &conf_keys[i])->kind, CONF_FROM_DEFAULT);
		assert_int_equal(conf_origin_of(taken, &conf_keys[i])->kind, CONF_FROM_FILE);
	}
	conf_unref(&as_is);
	conf_unref(&taken);
	buf_finish(&sample);
	buf_finish(&bare);
}

static void test_effective(void **state)
{
	struct buf out = {0};
	(void)state;
	struct conf *conf =
		load("[auth]\njwt_secret = do-not-show-me-do-not-show-me-do\naudience = a , b\n"
		     "[hub]\nkeepalive = 1500ms\nmax_message_size = 65536\n"
		     "[limits]\nuser_rate = 7\nroom_rate = 8/s\n");
	conf_print_effective(conf, &out);
	const char *text = buf_cstr(&out);
	assert_null(strstr(text, "do-not-show-me"));
	assert_non_null(strstr(text, "auth.jwt_secret = (set)  # x:2\n"));
	assert_non_null(strstr(text, "auth.audience = a, b  # x:3\n"));
	assert_non_null(strstr(text, "hub.keepalive = 1500ms  # x:5\n"));
	assert_non_null(strstr(text, "hub.max_message_size = 64KiB  # x:6\n"));
	assert_non_null(strstr(text, "limits.user_rate = 7/s  # x:8\n"));
	assert_non_null(strstr(text, "limits.room_rate = 8/s  # x:9\n"));
	assert_non_null(strstr(text, "server.environment = Production  # default\n"));
	assert_non_null(strstr(text, "auth.issuer =   # default\n"));
	conf_unref(&conf);
	buf_finish(&out);
}

/* Passwords in URLs, in every way that they are written. */
static void test_urls(void **state)
{
	static const char *const rows[][2] = {
		{"sqlite:/var/lib/chatd/chatd.db", "sqlite:/var/lib/chatd/chatd.db"},
		{"postgresql://user:secret@host/db", "postgresql://user:***@host/db"},
		{"postgres://user:se@cr:et@host:5432/db", "postgres://user:***@host:5432/db"},
		{"postgresql://user:s?e#cret@host/db", "postgresql://user:***@host/db"},
		{"postgresql://user:sec/ret@host/db", "postgresql://user:***@host/db"},
		{"postgresql://user:@host/db", "postgresql://user:***@host/db"},
		{"postgresql://user:secret@a:1,b:2/db", "postgresql://user:***@a:1,b:2/db"},
		{"postgresql://user@host/a:b@c", "postgresql://user@host/a:b@c"},
		{"postgresql://host:5432/db?options=a@b", "postgresql://host:5432/db?options=a@b"},
		{"postgresql://host:5432/db?password=sec;ret&x=1",
			"postgresql://host:5432/db?password=***&x=1"},
		{"postgresql:///db?x=1&p%61ssw%4Frd=secret",
			"postgresql:///db?x=1&p%61ssw%4Frd=***"},
		{"postgresql:///db?sslpassword=secret", "postgresql:///db?sslpassword=***"},
		{"postgresql://", "postgresql://"},
		{"Host=h;Password=secret;X=1", "Host=h;Password=***;X=1"},
		{"Host=h;PWD = secret;X=1", "Host=h;PWD =***;X=1"},
		{"Host=h;Pass_Wo rd=secret", "Host=h;Pass_Wo rd=***"},
		{"host=h;psw=secret", "host=h;psw=***"},
		{"Host=h;SSL Password=secret;X=1", "Host=h;SSL Password=***;X=1"},
		{"Host=h;Password='se;cr\"et';X=1", "Host=h;Password=***;X=1"},
		{"Host=h;Password= \"se;\"\"cr;et\";X=1", "Host=h;Password=***;X=1"},
		{"Host=h;Password='secret;X=1", "Host=h;Password=***"},
		{"Password=a://b:c@d;Host=h", "Password=***;Host=h"},
		{"sqlite:Host=h;Password=secret;X=1", "sqlite:Host=h;Password=***;X=1"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[256];
		struct buf out = {0};
		snprintf(text, sizeof(text), "[database]\nurl = %s\n", rows[i][0]);
		struct conf *conf = load(text);
		assert_string_equal(conf->database.url, rows[i][0]);
		conf_value_text(conf, conf_key_find(BYTES_LIT("database"), BYTES_LIT("url")), &out);
		assert_string_equal(buf_cstr(&out), rows[i][1]);
		buf_finish(&out);
		conf_unref(&conf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_effective),
		cmocka_unit_test(test_urls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
