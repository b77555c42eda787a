/* What PostgreSQL's error codes mean, and what libpq says when it cannot connect. */
#include "lib/store/pg_fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/err.h"

static void codes(void **state)
{
	static const struct {
		const char *code;
		enum pg_fault fault;
		int err;
	} rows[] = {
		{"00000", PG_OK, 0},
		{"", PG_LOST, ERR_UNCERTAIN},
		{"08006", PG_LOST, ERR_UNCERTAIN},
		{"08P01", PG_LOST, ERR_UNCERTAIN},
		{"57P01", PG_LOST, ERR_UNCERTAIN},
		{"57P02", PG_LOST, ERR_UNCERTAIN},
		{"57P03", PG_LOST, ERR_UNCERTAIN},
		{"25P03", PG_LOST, ERR_UNCERTAIN},
		{"57014", PG_CANCELLED, ERR_UNAVAILABLE},
		{"23505", PG_TWICE, ERR_EXISTS},
		{"23514", PG_BAD_DATA, ERR_BAD_REQUEST},
		{"23503", PG_BAD_DATA, ERR_BAD_REQUEST},
		{"22021", PG_BAD_DATA, ERR_BAD_REQUEST},
		{"40001", PG_AGAIN, ERR_BUSY},
		{"40P01", PG_AGAIN, ERR_BUSY},
		{"55P03", PG_AGAIN, ERR_BUSY},
		{"26000", PG_AGAIN, ERR_BUSY},
		{"25006", PG_READ_ONLY, ERR_UNAVAILABLE},
		{"25P02", PG_OTHER, ERR_INTERNAL},
		{"53100", PG_FULL, ERR_STORAGE_FULL},
		{"53200", PG_FULL, ERR_STORAGE_FULL},
		{"54000", PG_FULL, ERR_STORAGE_FULL},
		{"53300", PG_OTHER, ERR_INTERNAL},
		{"42501", PG_DENIED, ERR_CONFIG},
		{"28P01", PG_DENIED, ERR_CONFIG},
		{"42P01", PG_SCHEMA, ERR_CONFIG},
		{"42703", PG_SCHEMA, ERR_CONFIG},
		{"42883", PG_SCHEMA, ERR_CONFIG},
		{"3F000", PG_SCHEMA, ERR_CONFIG},
		{"42601", PG_OTHER, ERR_INTERNAL},
		{"XX001", PG_DAMAGED, ERR_CORRUPT},
		{"XX002", PG_DAMAGED, ERR_CORRUPT},
		{"XX000", PG_OTHER, ERR_INTERNAL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (pg_fault_of(rows[i].code) != rows[i].fault) {
			fail_msg("%s", rows[i].code);
		}
		assert_int_equal(pg_fault_err(rows[i].fault), rows[i].err);
	}
}

#define AT "connection to server at \"db\" (10.0.0.1), port 5432 failed: "

static void connecting(void **state)
{
	static const struct {
		const char *said;
		int err;
		const char *why;
	} rows[] = {
		{AT "Connection refused\n\tIs the server running on that host and accepting TCP/IP "
		    "connections?\n",
			ERR_UNAVAILABLE, AT "Connection refused"},
		{AT "FATAL:  28P01: password authentication failed for user \"u\"\nLOCATION:  "
		    "auth_failed, auth.c:338\n",
			ERR_CONFIG, AT "FATAL:  password authentication failed for user \"u\""},
		{AT "FATAL:  28000: role \"u\" is not permitted to log in\n", ERR_CONFIG,
			AT "FATAL:  role \"u\" is not permitted to log in"},
		/* In whatever language. */
		{AT "SCHWERWIEGEND:  28P01: Passwort falsch\nORT:  auth_failed, auth.c:338\n",
			ERR_CONFIG, AT "SCHWERWIEGEND:  Passwort falsch"},
		{AT "FATAL:  53300: sorry, too many clients already\n", ERR_UNAVAILABLE,
			AT "FATAL:  sorry, too many clients already"},
		{AT "FATAL:  57P03: the database system is starting up\n", ERR_UNAVAILABLE,
			AT "FATAL:  the database system is starting up"},
		{AT "session is read-only\n", ERR_UNAVAILABLE, AT "session is read-only"},
		{AT "server does not support SSL, but SSL was required\n", ERR_CONFIG,
			AT "server does not support SSL, but SSL was required"},
		{AT "SSL error: certificate verify failed\n", ERR_CONFIG,
			AT "SSL error: certificate verify failed"},
		{AT "SSL SYSCALL error: EOF detected\n", ERR_UNAVAILABLE,
			AT "SSL SYSCALL error: EOF detected"},
		{AT "root certificate file \"/r\" does not exist\nEither provide the file or "
		    "change sslmode to disable server certificate verification.\n",
			ERR_CONFIG,
			AT "root certificate file \"/r\" does not exist; Either provide the file "
			   "or change sslmode to disable server certificate verification."},
		{AT "fe_sendauth: no password supplied\n", ERR_CONFIG,
			AT "fe_sendauth: no password supplied"},
		{"could not translate host name \"h\" to address: Name or service not known\n",
			ERR_UNAVAILABLE,
			"could not translate host name \"h\" to address: Name or service not "
			"known"},
		/* With TLS and without: once. */
		{AT "FATAL:  28P01: no\nLOCATION:  f, auth.c:1\n" AT "FATAL:  28P01: "
		    "no\nLOCATION:  f, auth.c:1\n",
			ERR_CONFIG, AT "FATAL:  no"},
		/* The last host's answer counts. */
		{AT "Connection refused\n" AT "FATAL:  28P01: no\n", ERR_CONFIG,
			AT "Connection refused; " AT "FATAL:  no"},
		{AT "FATAL:  28P01: no\n" AT "Connection refused\n", ERR_UNAVAILABLE,
			AT "FATAL:  no; " AT "Connection refused"},
		{"", ERR_UNAVAILABLE, ""},
		{"\n\n\t\n", ERR_UNAVAILABLE, ""},
		{":  28P01", ERR_UNAVAILABLE, ":  28P01"},
		{":  28P01:", ERR_CONFIG, ":  "},
	};
	struct buf why = {0};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_clear(&why);
		int err = pg_fault_of_connect(bytes_str(rows[i].said), &why);
		assert_string_equal(buf_cstr(&why), rows[i].why);
		if (err != rows[i].err) {
			fail_msg("%s", rows[i].said);
		}
	}
	buf_clear(&why);
	assert_int_equal(
		pg_fault_of_connect(
			BYTES_LIT(AT "FATAL:  3D000: database \"d\" does not exist\n"), &why),
		ERR_CONFIG);
	assert_non_null(strstr(buf_cstr(&why), "createdb"));
	buf_finish(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes),
		cmocka_unit_test(connecting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
