/* Where a PostgreSQL database is, in both forms. */
#include "lib/store/pg_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "lib/base/err.h"
#include "lib/store/pg_options.h"

/* "keyword=value|keyword=value" in the order in which they were set. */
static void assert_parsed(const char *text, const char *wanted, const char *place)
{
	struct pg_url url;
	struct buf out = {0}, why = {0};
	assert_true(pg_url_is(bytes_str(text)));
	if (pg_url_parse(bytes_str(text), &url, &why) != 0) {
		fail_msg("%s: %s", text, buf_cstr(&why));
	}
	assert_int_equal(why.len, 0);
	for (size_t i = 0; i < url.count; i++) {
		buf_printf(&out, "%s%s=%s", i > 0 ? "|" : "", url.keywords[i], url.values[i]);
	}
	assert_string_equal(buf_cstr(&out), wanted);
	if (url.count > 0) {
		assert_null(url.keywords[url.count]);
		assert_null(url.values[url.count]);
	}
	if (place != NULL) {
		assert_string_equal(url.place, place);
	}
	buf_finish(&out);
	buf_finish(&why);
	pg_url_finish(&url);
	pg_url_finish(&url);
}

static void assert_refused(const char *text, const char *said)
{
	struct pg_url url = {.count = 77};
	struct buf why = {0};
	buf_append_str(&why, "here: ");
	assert_int_equal(pg_url_parse(bytes_str(text), &url, &why), ERR_CONFIG);
	assert_int_equal(url.count, 77);
	assert_true(bytes_starts(buf_bytes(&why), BYTES_LIT("here: ")));
	assert_string_equal(buf_cstr(&why) + 6, said);
	assert_null(strstr(buf_cstr(&why), "geheim"));
	buf_finish(&why);
}

/* The examples of PostgreSQL's manual among them. */
static void urls(void **state)
{
	(void)state;
	assert_parsed("postgresql://", "", "the default database on the local server");
	assert_parsed("postgresql://localhost", "host=localhost",
		"the default database on localhost:5432");
	assert_parsed("postgresql://localhost:5433", "host=localhost|port=5433",
		"the default database on localhost:5433");
	assert_parsed("postgres://localhost/mydb", "host=localhost|dbname=mydb",
		"database mydb on localhost:5432");
	assert_parsed("postgresql://user@localhost", "user=user|host=localhost", NULL);
	assert_parsed("postgresql://user:secret@localhost/",
		"user=user|password=secret|host=localhost",
		"the default database on localhost:5432");
	assert_parsed("postgresql://other@localhost/otherdb?connect_timeout=10&"
		      "application_name=myapp",
		"user=other|host=localhost|dbname=otherdb|connect_timeout=10|"
		"application_name=myapp",
		NULL);
	assert_parsed("postgresql://host1:123,host2:456/somedb?target_session_attrs=any",
		"host=host1,host2|port=123,456|dbname=somedb|target_session_attrs=any",
		"database somedb on host1:123, host2:456");
	assert_parsed("postgresql://[2001:db8::1234]/database",
		"host=2001:db8::1234|dbname=database",
		"database database on [2001:db8::1234]:5432");
	assert_parsed("postgresql:///dbname?host=/var/lib/postgresql",
		"dbname=dbname|host=/var/lib/postgresql", "database dbname on /var/lib/postgresql");
	assert_parsed("postgresql://%2Fvar%2Flib%2Fpostgresql/dbname",
		"host=/var/lib/postgresql|dbname=dbname", "database dbname on /var/lib/postgresql");
	assert_parsed("postgresql://user@localhost:5433/mydb?options=-c%20synchronous_commit%3Doff",
		"user=user|host=localhost|port=5433|dbname=mydb|options=-c synchronous_commit=off",
		NULL);
	assert_parsed("postgresql:///d?service=s", "dbname=d|service=s", "database d on service s");
	assert_parsed("postgresql:///?hostaddr=10.0.0.1&port=1", "hostaddr=10.0.0.1|port=1",
		"the default database on 10.0.0.1:1");
}

static void odd_urls(void **state)
{
	(void)state;
	assert_parsed("postgresql://us%40er:p%3Aa%2fss%25@h/d%20b",
		"user=us@er|password=p:a/ss%|host=h|dbname=d b", NULL);
	assert_parsed("postgresql://u:p?a#s;s@h", "user=u|password=p?a#s;s|host=h", NULL);
	assert_parsed("postgresql://u:@h", "user=u|host=h", NULL);
	assert_parsed("postgresql://@h", "host=h", NULL);
	assert_parsed("postgresql://u:p@h/d%40e?password=p@q",
		"user=u|password=p@q|host=h|dbname=d@e", NULL);
	assert_parsed("postgresql:///d?host=@chat,@other",
		"dbname=d|host=@chat,@other|target_session_attrs=read-write",
		"database d on @chat, @other");
	assert_parsed("postgresql://h/d?ssl=true", "host=h|dbname=d|sslmode=require", NULL);
	assert_parsed("postgresql://h/d?sslmode=allow&sslmode=verify-full",
		"host=h|dbname=d|sslmode=verify-full", NULL);
	assert_parsed(
		"postgresql://h?dbname=x&p%6Frt=7", "host=h|dbname=x|port=7", "database x on h:7");
	assert_parsed("postgresql://a,b,c:7/d",
		"host=a,b,c|port=,,7|dbname=d|target_session_attrs=read-write",
		"database d on a:5432, b:5432, c:7");
	assert_parsed("postgresql://a,b/?port=7", "host=a,b|port=7|target_session_attrs=read-write",
		"the default database on a:7, b:7");
	assert_parsed("postgresql://,[::1]:7", "host=,::1|port=,7|target_session_attrs=read-write",
		"the default database on localhost:5432, [::1]:7");
	assert_parsed("postgresql://h/d?client_encoding=utf8&",
		"host=h|dbname=d|client_encoding=utf8", NULL);
}

static void refused_urls(void **state)
{
	(void)state;
	assert_refused("postgresql://h/d?sslmod=require",
		"there is no keyword \"sslmod\" (did you mean \"sslmode\"?)");
	assert_refused("postgresql://h/d?Host=x", "there is no keyword \"Host\" (did you mean "
						  "\"host\"?)");
	assert_refused("postgresql://h/d?mysterious_thing=x&password=x&xyzzy_geheim=y",
		"there is no keyword \"mysterious_thing\"");
}

/* A password that was not escaped is not told to anybody as host, port or database. */
#define PASSWORD_SLASH \
	"behind the host there is an '@' (in a password %2F is '/', in the name of a database " \
	"%40 is '@')"
#define HOST_AT "host: no host has an '@' (in the user and the password of a URL %40 is '@')"

static void refused_values(void **state)
{
	(void)state;
	assert_refused("postgresql://h/d?password=x&xyzzy_geheim=y",
		"behind the password there is a keyword that does not exist (in a URL %26 is '&')");
	assert_refused("postgresql://h/d?geheim",
		"behind '?' there must be keyword=value, several joined by '&' (in values %26 is "
		"'&', %3D is '=')");
	assert_refused("postgresql://h/d?password=geheim=x",
		"behind '?' there must be keyword=value, several joined by '&' (in values %26 is "
		"'&', %3D is '=')");
	assert_refused("postgresql://h/d?%=x",
		"behind '?' there must be keyword=value, several joined by '&' (in values %26 is "
		"'&', %3D is '=')");
	assert_refused("postgresql://u:geheim%@h",
		"password: a '%' must be followed by two hex digits (%25 is '%')");
	assert_refused("postgresql://u:geheim%4@h",
		"password: a '%' must be followed by two hex digits (%25 is '%')");
	assert_refused("postgresql://u:geheim%00@h",
		"password: a '%' must be followed by two hex digits (%25 is '%')");
	assert_refused("postgresql://u:geheim/x@h/d", PASSWORD_SLASH);
	assert_refused("postgresql://u:geheim?a=b/x@h/d", PASSWORD_SLASH);
	assert_refused("postgresql://u:1234/geheim@h/d", PASSWORD_SLASH);
	assert_refused("postgresql://u/geheim:p@h/d", PASSWORD_SLASH);
	assert_refused("postgresql://u:p@geheim@h/d", HOST_AT);
	assert_refused("postgresql://u:p@a,geheim@h/d", HOST_AT);
	assert_refused("Host=geheim@h", HOST_AT);
	assert_refused("postgresql://[::1", "host: an address in [ ] is not whole");
	assert_refused("postgresql://[]", "host: an address in [ ] is not whole");
	assert_refused("postgresql://[::1]x", "host: an address in [ ] is not whole");
	assert_refused("postgresql://h:x/d",
		"port: \"x\" is not good (allowed: 1 to 65535, or one for each host)");
	assert_refused("postgresql://h:65536/d",
		"port: \"65536\" is not good (allowed: 1 to 65535, or one for each host)");
	assert_refused("postgresql://a:1,b:0/d",
		"port: \"1,0\" is not good (allowed: 1 to 65535, or one for each host)");
	assert_refused(
		"postgresql://a,b/?port=1,2,3", "port: there must be one, or as many as hosts");
	assert_refused("postgresql://a,b/?hostaddr=10.0.0.1", "hostaddr: there must be as many as "
							      "hosts");
	assert_refused("postgresql://h/d?sslmode=on",
		"sslmode: \"on\" is not good (allowed: disable, allow, prefer, require, verify-ca "
		"or verify-full)");
	assert_refused("postgresql://h/d?target_session_attrs=standby",
		"target_session_attrs: \"standby\" is not good (allowed: any, read-write or "
		"primary: chatd writes)");
	assert_refused("postgresql://h/d?target_session_attrs=prefer-standby",
		"target_session_attrs: \"prefer-standby\" is not good (allowed: any, read-write or "
		"primary: chatd writes)");
	assert_refused("postgresql://h/d?client_encoding=LATIN1",
		"client_encoding: \"LATIN1\" is not good (allowed: UTF8)");
	assert_refused("postgresql://h/d?replication=true",
		"replication: chatd needs an ordinary connection");
	assert_refused("host=a dbname=b",
		"host: \"a dbname=b\" is not good (allowed: names, addresses and directories, "
		"without blanks and '=')");
	assert_refused("mysql://u:geheim@h/d",
		"the database's URL is neither postgresql://... nor Npgsql's "
		"Host=...;Username=...");
	struct pg_url url;
	struct buf why = {0};
	assert_int_equal(pg_url_parse(bytes_of("postgresql://h\0x", 16), &url, &why), ERR_CONFIG);
	assert_string_equal(buf_cstr(&why), "the database's URL is no text");
	buf_finish(&why);
}

static void npgsql(void **state)
{
	(void)state;
	assert_parsed("Host=h", "host=h", "the default database on h:5432");
	assert_parsed("Host=db.example;Port=5433;Database=chat;Username=u;Password=p",
		"host=db.example|port=5433|dbname=chat|user=u|password=p",
		"database chat on db.example:5433");
	assert_parsed("server=h;user id=u;pwd=p;DB=d;", "host=h|user=u|password=p|dbname=d", NULL);
	assert_parsed(
		"SERVER = h ; UserId= u ;;  PSW =p; User Name=v", "host=h|user=v|password=p", NULL);
	assert_parsed("Host=a:1,b:2,c;Port=7",
		"host=a,b,c|port=1,2,7|target_session_attrs=read-write",
		"the default database on a:1, b:2, c:7");
	assert_parsed("Port=7;Host=a, b", "port=7|host=a,b|target_session_attrs=read-write",
		"the default database on a:7, b:7");
	assert_parsed("Host=a:1,b", "host=a,b|port=1,|target_session_attrs=read-write",
		"the default database on a:1, b:5432");
	assert_parsed("Host=::1", "host=::1", "the default database on [::1]:5432");
	assert_parsed("Host=[::1]:6", "host=::1|port=6", "the default database on [::1]:6");
	assert_parsed("Host=/run/postgresql;Database=d", "host=/run/postgresql|dbname=d",
		"database d on /run/postgresql");
	assert_parsed("Host=h;Password='a;b''c\"'", "host=h|password=a;b'c\"", NULL);
	assert_parsed("Host=h;Password= \"a;=b\"\"c'\" ;Database=d",
		"host=h|password=a;=b\"c'|dbname=d", NULL);
	assert_parsed("Host=h;Password=a'b=c\"", "host=h|password=a'b=c\"", NULL);
	assert_parsed("Host=h;Password=''", "host=h", NULL);
	assert_parsed("Host=h;Password=", "host=h", NULL);
	assert_parsed("Host=h;Timeout=5;Keepalive=30;Tcp Keepalive Time=0;TcpKeepaliveInterval=9",
		"host=h|connect_timeout=5|keepalives_idle=30|keepalives_interval=9", NULL);
	assert_parsed("Host=h;Application Name=x;Passfile=/p;SSL Certificate=/c;SslKey=/k;"
		      "SSL Password=q;RootCertificate=/r",
		"host=h|application_name=x|passfile=/p|sslcert=/c|sslkey=/k|sslpassword=q|"
		"sslrootcert=/r",
		NULL);
	assert_parsed("Host=h;Options=-c a=b;Search Path=my schema,x\\y",
		"host=h|options=-c a=b -c search_path=my\\ schema,x\\\\y", NULL);
	assert_parsed("Host=h;Search Path=s", "host=h|options=-c search_path=s", NULL);
}

static void words_of_npgsql(void **state)
{
	static const char *const modes[][2] = {
		{"Disable", "disable"},
		{"allow", "allow"},
		{"PREFER", "prefer"},
		{"Require", "require"},
		{"VerifyCA", "verify-ca"},
		{"verify-full", "verify-full"},
		{"Verify Full", "verify-full"},
	};
	static const char *const attributes[][2] = {
		{"any", "any"},
		{"primary", "primary"},
		{"PreferPrimary", "primary"},
		{"prefer-primary", "primary"},
		{"ReadWrite", "read-write"},
		{"read-write", "read-write"},
	};
	char text[200], wanted[200];
	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		snprintf(text, sizeof(text), "Host=h;SSL Mode=%s;Root Certificate=/r", modes[i][0]);
		snprintf(wanted, sizeof(wanted), "host=h|sslmode=%s|sslrootcert=/r", modes[i][1]);
		assert_parsed(text, wanted, NULL);
	}
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		snprintf(text, sizeof(text), "Host=h;Target Session Attributes=%s",
			attributes[i][0]);
		snprintf(
			wanted, sizeof(wanted), "host=h|target_session_attrs=%s", attributes[i][1]);
		assert_parsed(text, wanted, NULL);
	}
}

static void left_out_of_npgsql(void **state)
{
	(void)state;
	assert_parsed("Host=h;Pooling=true;Minimum Pool Size=1;MaxPoolSize=100;Connection Idle "
		      "Lifetime=3;No Reset On Close=true;Include Error Detail=true;Enlist=false;"
		      "Multiplexing=true;Max Auto Prepare=20;Load Balance Hosts=true;Encoding=UTF8;"
		      "Timezone=UTC;Command Timeout=30;Trust Server Certificate=true;"
		      "Persist Security Info=true;Check Certificate Revocation=false",
		"host=h", NULL);
}

static void refused_npgsql(void **state)
{
	(void)state;
	assert_refused("Database=d", "Host is missing");
	assert_refused("Host=", "Host is missing");
	assert_refused("Hots=h", "there is no keyword \"Hots\" (did you mean \"Host\"?)");
	assert_refused("Host=h;sslmod=Require",
		"there is no keyword \"sslmod\" (did you mean \"SSL Mode\"?)");
	assert_refused("Host=h;Password=x;xyzzy geheim=y",
		"behind the password there is a keyword that does not exist (a password that holds "
		"';' must stand in quotes)");
	assert_refused("Host=h;Password=x;geheim", "there is a part without '=' (a value that "
						   "holds ';' must stand in quotes)");
	assert_refused(
		"Host=h;Password='geheim", "Password: the quotes around the value do not end it");
	assert_refused(
		"Host=h;Password='geheim'x", "Password: the quotes around the value do not end it");
	assert_refused(
		"Host=h;Password='geheim''", "Password: the quotes around the value do not end it");
	assert_refused("Host=h;SSL Mode=yes",
		"SSL Mode: \"yes\" is not good (allowed: Disable, Allow, Prefer, Require, VerifyCA "
		"or VerifyFull)");
	assert_refused("Host=h;Target Session Attributes=standby",
		"Target Session Attributes: \"standby\" is not good (allowed: any, primary, "
		"prefer-primary or read-write: chatd writes)");
	assert_refused(
		"Host=h;Timeout=1s", "Timeout: \"1s\" is not good (allowed: seconds, 0 to 86400)");
	assert_refused("Host=h;Check Certificate Revocation=True",
		"Check Certificate Revocation: \"True\" is not good (allowed: false)");
	assert_refused("Host=h;Port=x",
		"port: \"x\" is not good (allowed: 1 to 65535, or one for each host)");
	assert_refused("Host=a b",
		"host: \"a b\" is not good (allowed: names, addresses and directories, without "
		"blanks and '=')");
}

static void which_form(void **state)
{
	(void)state;
	assert_true(pg_url_is(BYTES_LIT("postgres://")));
	assert_true(pg_url_is(BYTES_LIT("User Id=")));
	assert_true(pg_url_is(BYTES_LIT("Hots=x")));
	assert_false(pg_url_is(BYTES_LIT("")));
	assert_false(pg_url_is(BYTES_LIT("=x")));
	assert_false(pg_url_is(BYTES_LIT("Host")));
	assert_false(pg_url_is(BYTES_LIT("sqlite:/a=b")));
	assert_false(pg_url_is(BYTES_LIT("mysql://a=b")));
	assert_false(pg_url_is(BYTES_LIT("postgresql:")));
}

static void another_database(void **state)
{
	struct pg_url url, other;
	struct buf why = {0};
	(void)state;
	assert_int_equal(
		pg_url_parse(BYTES_LIT("postgresql://u@h/d?sslmode=require"), &url, &why), 0);
	assert_int_equal(pg_url_with_database(&url, "x", &other), 0);
	assert_string_equal(url.place, "database d on h:5432");
	assert_string_equal(other.place, "database x on h:5432");
	assert_int_equal(other.count, url.count);
	pg_url_finish(&url);
	pg_url_finish(&other);
	assert_int_equal(pg_url_parse(BYTES_LIT("postgresql://"), &url, &why), 0);
	assert_int_equal(pg_url_with_database(&url, "x", &other), 0);
	assert_string_equal(other.place, "database x on the local server");
	pg_url_finish(&url);
	pg_url_finish(&other);
}

/* ---- what libpq is given ---- */

/* libpq takes the last of several. */
static const char *option(const struct pg_options *options, const char *keyword)
{
	const char *value = NULL;
	for (size_t i = 0; options->keywords[i] != NULL; i++) {
		if (strcmp(options->keywords[i], keyword) == 0) {
			value = options->values[i];
		}
	}
	return value;
}

static void assert_first(const char *text, size_t first, const char *hosts, const char *ports)
{
	struct pg_url url;
	struct pg_options options;
	struct buf why = {0};
	assert_int_equal(pg_url_parse(bytes_str(text), &url, &why), 0);
	pg_options_init(&options, &url, first);
	assert_string_equal(option(&options, "host"), hosts);
	assert_string_equal(option(&options, "port"), ports);
	pg_options_finish(&options);
	pg_url_finish(&url);
}

static void hosts_in_turn(void **state)
{
	(void)state;
	assert_first("postgresql://a:1,b:2,c:3", 0, "a,b,c", "1,2,3");
	assert_first("postgresql://a:1,b:2,c:3", 1, "b,c,a", "2,3,1");
	assert_first("postgresql://a:1,b:2,c:3", 2, "c,a,b", "3,1,2");
	assert_first("postgresql://a:1,b:2,c:3", 3, "a,b,c", "1,2,3");
	assert_first("postgresql://a:1,b", 1, "b,a", ",1");
	assert_first("postgresql://a,b?port=7", 5, "b,a", "7");
	assert_first("postgresql://a:1", 1, "a", "1");
}

static void defaults(void **state)
{
	struct pg_url url;
	struct pg_options options;
	struct buf why = {0};
	(void)state;
	assert_int_equal(pg_url_parse(BYTES_LIT("postgresql://a,b?keepalives_idle=99&"
						"application_name=x&client_encoding=auto"),
				 &url, &why),
		0);
	assert_int_equal(pg_options_hosts(&url), 2);
	pg_options_init(&options, &url, 0);
	assert_string_equal(option(&options, "fallback_application_name"), "chatd");
	assert_string_equal(option(&options, "application_name"), "x");
	assert_string_equal(option(&options, "keepalives_idle"), "99");
	assert_string_equal(option(&options, "keepalives_interval"), "5");
	assert_string_equal(option(&options, "keepalives_count"), "3");
	assert_string_equal(option(&options, "tcp_user_timeout"), "10000");
	assert_string_equal(option(&options, "gssencmode"), "disable");
	assert_string_equal(option(&options, "client_encoding"), "UTF8");
	pg_options_finish(&options);
	pg_url_finish(&url);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls),
		cmocka_unit_test(odd_urls),
		cmocka_unit_test(refused_urls),
		cmocka_unit_test(refused_values),
		cmocka_unit_test(npgsql),
		cmocka_unit_test(words_of_npgsql),
		cmocka_unit_test(left_out_of_npgsql),
		cmocka_unit_test(refused_npgsql),
		cmocka_unit_test(which_form),
		cmocka_unit_test(another_database),
		cmocka_unit_test(hosts_in_turn),
		cmocka_unit_test(defaults),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
