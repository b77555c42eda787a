/* What the loader of settings refuses, and how it is told. */
#include "tests/unit/conf_help.h"

static const char pem[] = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";

static void test_refused_names(void **state)
{
	(void)state;
	assert_refused("workers = 1\n[server]\nworkrs = 1\n[servr]\n[server]\n\nnothing\n[oops\n"
		       "workers = 1\nworkers = 2\n",
		NULL, 6, "chatd.conf:1: workers stands before the first [section]",
		"chatd.conf:3: server.workrs: there is no such setting (did you mean "
		"server.workers?)",
		"chatd.conf:4: [servr]: there is no such section (did you mean server?)",
		"chatd.conf:7: neither a [section] nor KEY = VALUE",
		"chatd.conf:8: neither a [section] nor KEY = VALUE",
		"chatd.conf:10: server.workers: it was set in line 9 already");
	const char *environment[] = {"CHATD_HUB_KEEPALIV=1s", "CHATD_hub_keepalive=1s", "CHATD_=x",
		"CHATD_CONFIG=ignored here", "CHATD_PORT=tcp://10.0.0.1:80",
		"CHATD_PORT_80_TCP=tcp://10.0.0.1:80", "CHATD_SERVICE_HOST=10.0.0.1", NULL};
	assert_refused("", environment, 3,
		"environment CHATD_HUB_KEEPALIV: there is no such setting (did you mean "
		"CHATD_HUB_KEEPALIVE?)",
		"environment CHATD_hub_keepalive: there is no such setting (did you mean "
		"CHATD_HUB_KEEPALIVE?)",
		"environment CHATD_: there is no such setting");
	const char *twice[] = {"CHATD_HUB_KEEPALIVE=1s", "CHATD_HUB_KEEPALIVE=2s", NULL};
	assert_refused("", twice, 1,
		"environment CHATD_HUB_KEEPALIVE: hub.keepalive: CHATD_HUB_KEEPALIVE sets it too");
}

/* A rate is a number, or one with /s behind it. */
static void test_refused_rates(void **state)
{
	(void)state;
	assert_refused("[limits]\nuser_rate = 50/m\nroom_rate = /s\naddress_connects = 50 /s\n"
		       "[server]\nworkers = 2/s\n",
		NULL, 4,
		"chatd.conf:2: limits.user_rate: \"50/m\" is not good (allowed: 0 to 1000000/s)",
		"chatd.conf:3: limits.room_rate: \"/s\" is not good (allowed: 0 to 1000000/s)",
		"chatd.conf:4: limits.address_connects: \"50 /s\" is not good (allowed: 0 to "
		"1000000/s)",
		"chatd.conf:6: server.workers: \"2/s\" is not good (allowed: 0 to 64)");
	assert_refused("[limits]\nuser_rate = 1000001/s\n", NULL, 1,
		"chatd.conf:2: limits.user_rate: \"1000001/s\" is not good (allowed: 0 to "
		"1000000/s)");
}

static void test_refused_values(void **state)
{
	(void)state;
	assert_refused("[server]\nworkers = 65\nlisten =\nhub_path = chathub\n"
		       "allowed_origins = example.org\nenvironment = Staging\n"
		       "[hub]\nkeepalive = 1\nmax_message_size = 1kb\ncreate_rooms = yes\n"
		       "[database]\nurl = mysql://u:geheim@h/d\n"
		       "[auth]\nalgorithms = HS256, none\nissuer = \x01\x1b[31m\n",
		NULL, 11, "chatd.conf:2: server.workers: \"65\" is not good (allowed: 0 to 64)",
		"chatd.conf:3: server.listen: \"\" is not good (allowed: host:port, [v6]:port or "
		"unix:PATH, separated by commas)",
		"chatd.conf:4: server.hub_path: \"chathub\" is not good (allowed: a path such as "
		"/chathub: '/', letters, digits, '-', '.', '_', '~', no '/' at the end)",
		"chatd.conf:5: server.allowed_origins: \"example.org\" is not good (allowed: an "
		"origin such as https://chat.example.org:8443, or *, separated by commas)",
		"chatd.conf:6: server.environment: \"Staging\" is not good (allowed: Production or "
		"Development)",
		"chatd.conf:8: hub.keepalive: \"1\" is not good (allowed: 10ms to 1h)",
		"chatd.conf:9: hub.max_message_size: \"1kb\" is not good (allowed: 1KiB to 64MiB)",
		"chatd.conf:10: hub.create_rooms: \"yes\" is not good (allowed: true or false)",
		"chatd.conf:12: database.url: the value is not good (allowed: sqlite:PATH, "
		"postgresql://..., or Npgsql's Host=...;Username=...)",
		"chatd.conf:14: auth.algorithms: \"HS256, none\" is not good (allowed: HS256, "
		"HS384, HS512, RS256, RS384, RS512 and ES256, separated by commas)",
		"chatd.conf:15: auth.issuer: \"\\x01\\x1B[31m\" is not good (allowed: text of at "
		"most 1024 bytes)");
}

static void test_refused_together(void **state)
{
	(void)state;
	assert_refused("[hub]\nkeepalive = 30s\ndetailed_errors = true\n"
		       "[limits]\nsend_queue = 2MiB\nsend_memory = 1MiB\n"
		       "[auth]\nalgorithms = RS256\n",
		NULL, 4,
		"hub.client_timeout: it must be longer than hub.keepalive, better twice as long",
		"chatd.conf:6: limits.send_memory: it must not be less than limits.send_queue",
		"chatd.conf:3: hub.detailed_errors: it is not allowed while server.environment is "
		"Production",
		"chatd.conf:8: auth.algorithms: RSA and ECDSA need auth.jwt_public_key or "
		"auth.jwks_url");
}

static void test_refused_text(void **state)
{
	const struct conf_load_params params = {.environment = NULL};
	struct conf *conf = NULL;
	struct conf_report report = {0};
	(void)state;
	assert_refused("[auth]\nissuer = \xff\n", NULL, 1, "chatd.conf:2: this is not UTF-8 text");
	assert_int_equal(conf_load_text(&params, "chatd.conf", BYTES_LIT("[auth]\nissuer = \0\n"),
				 &conf, &report),
		ERR_CONFIG);
	assert_string_equal(report.problems[0].text, "chatd.conf:2: this is not UTF-8 text");
	conf_report_finish(&report);
}

/* HMAC with the public key as its secret is the classic hole. */
static void test_public_key_alone(void **state)
{
	char text[512];
	(void)state;
	snprintf(text, sizeof(text),
		"[auth]\njwt_public_key_file = %s\nalgorithms = RS256, HS256\n",
		write_file("pem", pem));
	assert_refused(text, NULL, 1,
		"chatd.conf:3: auth.algorithms: HMAC needs auth.jwt_secret, but only a public key "
		"is set");
}

static void test_warning(void **state)
{
	const char *environment[] = {"CHATD_HUB_CLIENT_TIMEOUT=20s", NULL};
	const struct conf_load_params params = {
		.environment = (char *const *)(uintptr_t)environment,
		.default_path = "/nonexistent"};
	struct conf *conf = NULL;
	struct conf_report report = {0};
	(void)state;
	assert_int_equal(conf_load(&params, &conf, &report), 0);
	assert_int_equal(report.count, 1);
	assert_int_equal(report.errors, 0);
	assert_true(report.problems[0].warning);
	assert_non_null(strstr(report.problems[0].text, "hub.client_timeout"));
	conf_report_finish(&report);
	conf_unref(&conf);
}

static void test_short_secret(void **state)
{
	const char *environment[] = {"CHATD_AUTH_JWT_SECRET=short", NULL};
	const struct conf_load_params params = {
		.environment = (char *const *)(uintptr_t)environment,
		.default_path = "/nonexistent"};
	struct conf *conf = NULL;
	struct conf_report report = {0};
	(void)state;
	assert_int_equal(conf_load(&params, &conf, &report), ERR_CONFIG);
	assert_int_equal(report.errors, 1);
	assert_non_null(strstr(report.problems[0].text, "at least 32 bytes"));
	assert_null(strstr(report.problems[0].text, "short"));
	conf_report_finish(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_names),
		cmocka_unit_test(test_refused_values),
		cmocka_unit_test(test_refused_rates),
		cmocka_unit_test(test_refused_together),
		cmocka_unit_test(test_refused_text),
		cmocka_unit_test_setup_teardown(
			test_public_key_alone, folder_setup, folder_teardown),
		cmocka_unit_test(test_warning),
		cmocka_unit_test(test_short_secret),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
