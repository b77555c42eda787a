/* Loading settings: what wins, and sharing the result. */
#include <pthread.h>

#include "lib/value/lz4.h"
#include "tests/unit/conf_help.h"

static void test_defaults(void **state)
{
	(void)state;
	struct conf *conf = load_good("", NULL);
	assert_int_equal(conf->server.listen.count, 1);
	assert_string_equal(conf->server.listen.items[0], "127.0.0.1:5000");
	assert_int_equal(conf->server.environment, CONF_PRODUCTION);
	assert_string_equal(conf->server.state_dir, "/var/lib/chatd");
	assert_string_equal(conf->server.hub_path, "/chathub");
	assert_int_equal(conf->server.allowed_origins.count, 0);
	assert_string_equal(conf->database.url, "sqlite:/var/lib/chatd/chatd.db");
	assert_int_equal(conf->database.auto_migrate, CONF_MIGRATE_AUTO);
	assert_string_equal(conf->auth.jwt_secret, "");
	assert_int_equal(conf->hub.keepalive_us, 15000000);
	assert_int_equal(conf->hub.client_timeout_us, 30000000);
	assert_int_equal(conf->hub.handshake_timeout_us, 15000000);
	assert_int_equal(conf->hub.max_message_size, 131072);
	assert_false(conf->hub.create_rooms);
	assert_true(conf->hub.messagepack);
	assert_int_equal(conf->hub.messagepack_names, MSGPACK_NAMES_PASCAL);
	assert_int_equal(conf->hub.messagepack_lz4, MSGPACK_LZ4_NONE);
	assert_int_equal(conf->hub.recover_max, 1000);
	assert_int_equal(conf->limits.user_rate, 50);
	assert_int_equal(conf->limits.room_rate, 500);
	assert_int_equal(conf->limits.address_connects, 100);
	assert_int_equal(conf->limits.send_queue, 1048576);
	assert_int_equal(conf->limits.send_memory, 268435456);
	assert_int_equal(conf->limits.max_content, 65536);
	assert_string_equal(conf->control.socket, "/run/chatd/control.sock");
	assert_int_equal(conf->log.level, LOG_INFO);
	assert_int_equal(conf->log.format, CONF_LOG_AUTO);
	assert_origin(conf, "control", "socket", "default");
	conf_unref(&conf);
	assert_null(conf);
}

/* The choices stand in the order of enums that lib/conf does not see. */
static void test_choices_of_others(void **state)
{
	(void)state;
	struct conf *conf = load_good("[hub]\nmessagepack_names = camel\n"
				      "messagepack_lz4 = block\n",
		NULL);
	assert_int_equal(conf->hub.messagepack_names, MSGPACK_NAMES_CAMEL);
	assert_int_equal(conf->hub.messagepack_lz4, MSGPACK_LZ4_BLOCK);
	conf_unref(&conf);
	conf = load_good("[hub]\nmessagepack = false\nmessagepack_names = pascal\n"
			 "messagepack_lz4 = block_array\n",
		NULL);
	assert_false(conf->hub.messagepack);
	assert_int_equal(conf->hub.messagepack_names, MSGPACK_NAMES_PASCAL);
	assert_int_equal(conf->hub.messagepack_lz4, MSGPACK_LZ4_BLOCK_ARRAY);
	conf_unref(&conf);
}

static void test_derived(void **state)
{
	const char *environment[] = {
		"STATE_DIRECTORY=/a:/b", "RUNTIME_DIRECTORY=/r", "OTHER=x", "NONSENSE", NULL};
	(void)state;
	struct conf *conf = load_good("", environment);
	assert_string_equal(conf->server.state_dir, "/a");
	assert_string_equal(conf->database.url, "sqlite:/a/chatd.db");
	assert_string_equal(conf->control.socket, "/r/control.sock");
	conf_unref(&conf);
	conf = load_good("[server]\nstate_dir = /c\n", environment);
	assert_string_equal(conf->database.url, "sqlite:/c/chatd.db");
	assert_origin(conf, "database", "url", "default");
	conf_unref(&conf);
}

/* default < established < file < credential < CHATD_*. */
static void test_order(void **state)
{
	char credentials[128];
	(void)state;
	snprintf(credentials, sizeof(credentials), "CREDENTIALS_DIRECTORY=%s", folder);
	const char *environment[] = {"DATABASE_URL=sqlite:/established",
		"ASPNETCORE_ENVIRONMENT=development", "CHATD_HUB_RECOVER_MAX=7", credentials, NULL};
	struct conf *conf = load_good("", environment);
	assert_string_equal(conf->database.url, "sqlite:/established");
	assert_int_equal(conf->server.environment, CONF_DEVELOPMENT);
	assert_origin(conf, "database", "url", "environment DATABASE_URL");
	assert_origin(conf, "hub", "recover_max", "environment CHATD_HUB_RECOVER_MAX");
	conf_unref(&conf);

	const char *file = "[database]\nurl = sqlite:/file\n[hub]\nrecover_max = 5\n"
			   "[auth]\njwt_secret = from the file, which is long enough\n";
	conf = load_good(file, environment);
	assert_string_equal(conf->database.url, "sqlite:/file");
	assert_int_equal(conf->hub.recover_max, 7);
	assert_string_equal(conf->auth.jwt_secret, "from the file, which is long enough");
	assert_origin(conf, "database", "url", "chatd.conf:2");
	conf_unref(&conf);

	write_file("auth_jwt_secret", "from the credential, long enough too\r\n");
	conf = load_good(file, environment);
	assert_string_equal(conf->auth.jwt_secret, "from the credential, long enough too");
	assert_origin(conf, "auth", "jwt_secret", "credential auth_jwt_secret");
	conf_unref(&conf);

	environment[0] = "CHATD_AUTH_JWT_SECRET=from the environment, thirty-two bytes";
	conf = load_good(file, environment);
	assert_string_equal(conf->auth.jwt_secret, "from the environment, thirty-two bytes");
	assert_origin(conf, "auth", "jwt_secret", "environment CHATD_AUTH_JWT_SECRET");
	conf_unref(&conf);
}

static void test_values(void **state)
{
	(void)state;
	struct conf *conf = load_good(
		"\xef\xbb\xbf; a comment\n# another\r\n\r\n"
		"[server]\r\n"
		"  listen = [::1]:0 , unix:/x ; and a comment\r\n"
		"\tworkers: 3\n"
		"environment = DEVELOPMENT\n"
		"allowed_origins = https://a.example, *,\n"
		"[auth]\nissuer = a ; b\nuser_id_claim=\n"
		"algorithms = hs256,HS512\njwt_secret = 0123456789abcdef0123456789abcdef\n"
		"[hub]\ndetailed_errors = TRUE\nkeepalive=20ms\nclient_timeout=50ms",
		NULL);
	assert_int_equal(conf->server.listen.count, 2);
	assert_string_equal(conf->server.listen.items[0], "[::1]:0");
	assert_string_equal(conf->server.listen.items[1], "unix:/x");
	assert_int_equal(conf->server.workers, 3);
	assert_int_equal(conf->server.allowed_origins.count, 2);
	assert_string_equal(conf->auth.issuer, "a");
	assert_string_equal(conf->auth.user_id_claim, "");
	assert_string_equal(conf->auth.algorithms.items[0], "HS256");
	assert_true(conf->hub.detailed_errors);
	assert_int_equal(conf->hub.client_timeout_us, 50000);
	assert_origin(conf, "hub", "client_timeout", "chatd.conf:17");
	conf_unref(&conf);
}

/* inih's line buffer holds 200 bytes in some builds; values do not. */
static void test_long_values(void **state)
{
	(void)state;
	for (size_t len = 150; len < 1000; len += 7) {
		struct buf text = {0};
		buf_append_str(&text, "[auth]\n  jwt_secret  =  ");
		for (size_t i = 0; i < len; i++) {
			buf_append_char(&text, (char)('a' + i % 26));
		}
		buf_append_str(&text, " \t; comment\nissuer = me\n; ");
		for (size_t i = 0; i < len; i++) {
			buf_append_char(&text, '=');
		}
		buf_append_str(&text, "\naudience = you");
		struct conf *conf = load_good(buf_cstr(&text), NULL);
		assert_int_equal(strlen(conf->auth.jwt_secret), len);
		assert_int_equal(conf->auth.jwt_secret[len - 1], 'a' + (len - 1) % 26);
		assert_string_equal(conf->auth.issuer, "me");
		assert_string_equal(conf->auth.audience.items[0], "you");
		conf_unref(&conf);
		buf_finish(&text);
	}
}

static const char pem[] = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";

/* A URL holds a password, so it may come from where secrets come from. */
static void test_url_files(void **state)
{
	char text[400], variable[400];
	struct buf shown = {0};
	(void)state;
	const char *file = write_file("url", "postgresql://u:geheim@h/d\n");
	snprintf(text, sizeof(text), "[database]\nurl_file = %s\n", file);
	struct conf *conf = load_good(text, NULL);
	assert_string_equal(conf->database.url, "postgresql://u:geheim@h/d");
	conf_value_text(conf, key_of("database", "url"), &shown);
	assert_string_equal(buf_cstr(&shown), "postgresql://u:***@h/d");
	assert_origin(conf, "database", "url", "chatd.conf:2");
	conf_unref(&conf);

	snprintf(variable, sizeof(variable), "CHATD_DATABASE_URL_FILE=%s", file);
	const char *environment[] = {variable, "DATABASE_URL=sqlite:/other", NULL};
	conf = load_good("", environment);
	assert_string_equal(conf->database.url, "postgresql://u:geheim@h/d");
	buf_clear(&shown);
	conf_print_effective(conf, &shown);
	assert_null(strstr(buf_cstr(&shown), "geheim"));
	conf_unref(&conf);

	write_file("database_url", "Host=h;Password=geheim\r\n");
	snprintf(variable, sizeof(variable), "CREDENTIALS_DIRECTORY=%s", folder);
	environment[1] = NULL;
	conf = load_good("", environment);
	assert_string_equal(conf->database.url, "Host=h;Password=geheim");
	assert_origin(conf, "database", "url", "credential database_url");
	/* Nothing but the value itself has it, and that is wiped with the last reference. */
	assert_string_equal(conf_origin_of(conf, key_of("database", "url"))->text, "");
	conf_unref(&conf);
	buf_finish(&shown);
	write_file("url", "oracle:geheim\n");
	assert_refused(text, NULL, 1,
		"chatd.conf:2: database.url: the value is not good (allowed: sqlite:PATH, "
		"postgresql://..., or Npgsql's Host=...;Username=...)");
}

static void test_secret_files(void **state)
{
	char text[512], variable[300];
	(void)state;
	const char *secret = write_file("secret", "the secret in a file is long enough\n");
	const char *key = write_file("pem", pem);
	snprintf(text, sizeof(text), "[auth]\njwt_secret_file = %s\njwt_public_key = %s\n", secret,
		key);
	struct conf *conf = load_good(text, NULL);
	struct buf shown = {0};
	assert_string_equal(conf->auth.jwt_secret, "the secret in a file is long enough");
	assert_memory_equal(conf->auth.jwt_public_key, pem, sizeof(pem) - 2);
	conf_value_text(conf, key_of("auth", "jwt_public_key"), &shown);
	assert_string_equal(buf_cstr(&shown), key);
	buf_finish(&shown);
	conf_unref(&conf);

	snprintf(variable, sizeof(variable), "CHATD_AUTH_JWT_SECRET_FILE=%s", secret);
	const char *environment[] = {
		variable, "CHATD_AUTH_JWT_PUBLIC_KEY=-----BEGIN X-----\nY", NULL};
	conf = load_good(
		"[auth]\njwt_secret = what the variable outdoes, of course\n", environment);
	assert_string_equal(conf->auth.jwt_secret, "the secret in a file is long enough");
	conf_value_text(conf, key_of("auth", "jwt_public_key"), &shown);
	assert_string_equal(buf_cstr(&shown), "(PEM text)");
	buf_finish(&shown);
	conf_unref(&conf);

	assert_refused("[auth]\njwt_secret = xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\njwt_secret_file = "
		       "y\nissuer_file = z\n",
		NULL, 2, "chatd.conf:3: auth.jwt_secret_file: it was set in line 2 already",
		"chatd.conf:4: auth.issuer_file: there is no such setting (did you mean "
		"auth.issuer?)");
	assert_refused("[auth]\njwt_secret_file = /nonexistent/secret\n"
		       "jwt_public_key = /nonexistent/key\n",
		NULL, 2,
		"chatd.conf:2: auth.jwt_secret: /nonexistent/secret cannot be read: No such file "
		"or "
		"directory",
		"chatd.conf:3: auth.jwt_public_key: /nonexistent/key cannot be read: No such file "
		"or directory");
	snprintf(text, sizeof(text), "[auth]\njwt_public_key = %s\n", secret);
	assert_refused(text, NULL, 1,
		"chatd.conf:2: auth.jwt_public_key: the value is not good (allowed: a PEM file)");
}

static int load_path(const char *path, const char *default_path, const char *const *environment,
	struct conf **ret_conf, struct conf_report *report)
{
	const struct conf_load_params params = {.path = path,
		.default_path = default_path,
		.environment = (char *const *)(uintptr_t)environment};
	return conf_load(&params, ret_conf, report);
}

static void test_paths(void **state)
{
	char variable[300];
	struct conf *conf = NULL;
	struct conf_report report = {0};
	(void)state;
	const char *path = write_file("chatd.conf", "[server]\nworkers = 5\n");
	snprintf(variable, sizeof(variable), "CHATD_CONFIG=%s", path);
	const char *environment[] = {variable, "CHATD_X=1", NULL};

	assert_int_equal(load_path(path, "/nonexistent", NULL, &conf, &report), 0);
	assert_int_equal(conf->server.workers, 5);
	conf_unref(&conf);
	assert_int_equal(load_path(NULL, path, NULL, &conf, &report), 0);
	assert_int_equal(conf->server.workers, 5);
	conf_unref(&conf);
	assert_int_equal(load_path(NULL, "/nonexistent/chatd.conf", NULL, &conf, &report), 0);
	assert_int_equal(conf->server.workers, 0);
	conf_unref(&conf);
	environment[1] = NULL;
	assert_int_equal(load_path(NULL, "/nonexistent", environment, &conf, &report), 0);
	assert_int_equal(conf->server.workers, 5);
	conf_unref(&conf);

	/* A file that was named must be there; the rest is looked at all the same. */
	environment[0] = "CHATD_X=1";
	assert_int_equal(load_path("/nonexistent", path, environment, &conf, &report), ERR_CONFIG);
	assert_int_equal(report.errors, 2);
	assert_string_equal(report.problems[0].text,
		"/nonexistent: the file cannot be read: No such file or directory");
	conf_report_finish(&report);
	/* So must a usual one that is there and cannot be read. */
	assert_int_equal(load_path(NULL, folder, NULL, &conf, &report), ERR_CONFIG);
	assert_non_null(strstr(report.problems[0].text, "Is a directory"));
	conf_report_finish(&report);
}

static void test_same(void **state)
{
	(void)state;
	struct conf *a = load_good("[server]\nallowed_origins = https://a\n[hub]\nkeepalive = 60s\n"
				   "client_timeout = 5m\n",
		NULL);
	struct conf *b = load_good("[server]\nallowed_origins = https://b\n[hub]\nkeepalive = 1m\n"
				   "client_timeout = 6m\ncreate_rooms = true\n"
				   "[log]\nlevel = debug\nformat = json\n[auth]\nissuer = x\n",
		NULL);
	assert_true(conf_same(a, b, key_of("hub", "keepalive")));
	assert_true(conf_same(a, b, key_of("server", "listen")));
	assert_true(conf_same(a, b, key_of("auth", "jwt_secret")));
	assert_false(conf_same(a, b, key_of("server", "allowed_origins")));
	assert_false(conf_same(a, b, key_of("hub", "client_timeout")));
	assert_false(conf_same(a, b, key_of("hub", "create_rooms")));
	assert_false(conf_same(a, b, key_of("log", "level")));
	assert_false(conf_same(a, b, key_of("auth", "issuer")));
	assert_int_equal(b->log.level, LOG_DEBUG);
	assert_int_equal(b->log.format, CONF_LOG_JSON);
	conf_unref(&a);
	conf_unref(&b);
	conf_unref(&b);
}

/* What a reload may not change stays, and outlives the settings that it came from. */
static void test_keep(void **state)
{
	(void)state;
	struct conf *old = load_good("[server]\nhub_path = /old\nlisten = 127.0.0.1:1,unix:/a\n"
				     "environment = Development\n",
		NULL);
	struct conf *fresh = load_good("[server]\nhub_path = /new\nworkers = 3\n", NULL);
	const char *const keys[] = {"hub_path", "listen", "environment", "workers"};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct conf_key *key = key_of("server", keys[i]);
		assert_false(conf_same(old, fresh, key));
		conf_keep(fresh, old, key);
		assert_true(conf_same(old, fresh, key));
	}
	conf_unref(&old);
	assert_string_equal(fresh->server.hub_path, "/old");
	assert_int_equal(fresh->server.listen.count, 2);
	assert_string_equal(fresh->server.listen.items[1], "unix:/a");
	assert_int_equal(fresh->server.environment, CONF_DEVELOPMENT);
	assert_int_equal(fresh->server.workers, 0);
	assert_int_equal(
		conf_origin_of(fresh, key_of("server", "workers"))->kind, CONF_FROM_DEFAULT);
	assert_int_equal(conf_origin_of(fresh, key_of("server", "hub_path"))->line, 2);
	conf_unref(&fresh);
}

static void *hold_and_drop(void *arg)
{
	struct conf *shared = arg;
	for (int i = 0; i < 10000; i++) {
		struct conf *mine = conf_ref(shared);
		conf_unref(&mine);
	}
	conf_unref(&shared);
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[4];
	(void)state;
	struct conf *conf =
		load_good("[auth]\njwt_secret = 0123456789abcdef0123456789abcdef\n", NULL);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(
			pthread_create(&threads[i], NULL, hold_and_drop, conf_ref(conf)), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	assert_int_equal(conf->references, 1);
	conf_unref(&conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_choices_of_others),
		cmocka_unit_test(test_derived),
		cmocka_unit_test_setup_teardown(test_order, folder_setup, folder_teardown),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_long_values),
		cmocka_unit_test_setup_teardown(test_secret_files, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_url_files, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_paths, folder_setup, folder_teardown),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
