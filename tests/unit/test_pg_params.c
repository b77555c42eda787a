/* Parameters in PostgreSQL's binary formats. The bytes are those that the server's own *_send()
 * functions give, as in: SELECT encode(array_send(ARRAY[1,NULL]::int8[]), 'hex'). */
#include "lib/store/pg_params.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct uuid id = {{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x10, 0x32, 0x54,
	0x76, 0x98, 0xba, 0xdc, 0xfe}};
#define ID_HEX "0123456789abcdef1032547698badcfe"

static struct buf hex_of(const void *data, size_t len)
{
	struct buf out = {0};
	for (size_t i = 0; i < len; i++) {
		buf_printf(&out, "%02x", ((const uint8_t *)data)[i]);
	}
	buf_cstr(&out);
	return out;
}

/* The last parameter. */
static void assert_param(const struct pg_params *params, const char *wanted)
{
	int last = params->count - 1;
	assert_non_null(params->values[last]);
	struct buf hex = hex_of(params->values[last], (size_t)params->lengths[last]);
	assert_string_equal(buf_cstr(&hex), wanted);
	buf_finish(&hex);
}

static void assert_null_param(const struct pg_params *params)
{
	assert_null(params->values[params->count - 1]);
}

static void single_values(void **state)
{
	struct pg_params params = {0};
	const char blob[] = {0x00, 0x01, (char)0xff};
	(void)state;
	pg_param_null(&params);
	assert_null_param(&params);
	pg_param_id(&params, &id);
	assert_param(&params, ID_HEX);
	pg_param_key(&params, id.b);
	assert_param(&params, ID_HEX);
	pg_param_int(&params, INT64_C(0x0102030405060708));
	assert_param(&params, "0102030405060708");
	pg_param_int(&params, INT64_MIN);
	assert_param(&params, "8000000000000000");
	pg_param_int4(&params, -2);
	assert_param(&params, "fffffffe");
	pg_param_int2(&params, 258);
	assert_param(&params, "0102");
	pg_param_bool(&params, true);
	assert_param(&params, "01");
	pg_param_bool(&params, false);
	assert_param(&params, "00");
	pg_param_text(&params, BYTES_LIT("gr\xc3\xbc\xc3\x9f"));
	assert_param(&params, "6772c3bcc39f");
	pg_param_blob(&params, bytes_of(blob, sizeof(blob)));
	assert_param(&params, "0001ff");
	assert_int_equal(params.count, 11);
	/* None of them moved another. */
	assert_memory_equal(params.values[1], id.b, 16);
	assert_memory_equal(params.values[3], "\1\2\3\4\5\6\7\10", 8);
}

static void empty_and_null(void **state)
{
	struct pg_params params = {0};
	(void)state;
	pg_param_text(&params, BYTES_NONE);
	assert_param(&params, "");
	pg_param_blob(&params, BYTES_NONE);
	assert_param(&params, "");
	pg_param_text_or_null(&params, BYTES_LIT(""));
	assert_null_param(&params);
	pg_param_text_or_null(&params, BYTES_LIT("x"));
	assert_param(&params, "78");
	pg_param_blob_or_null(&params, BYTES_NONE);
	assert_null_param(&params);
	pg_param_blob_or_null(&params, BYTES_LIT("y"));
	assert_param(&params, "79");
	pg_param_time_or_null(&params, 0);
	assert_null_param(&params);
}

static void times(void **state)
{
	struct pg_params params = {0};
	(void)state;
	/* SELECT encode(timestamptz_send('2024-01-02 03:04:05.678Z'), 'hex') */
	pg_param_time(&params, INT64_C(1704164645678));
	assert_param(&params, "0002b0ec85204bb0");
	pg_param_time_or_null(&params, INT64_C(1704164645678));
	assert_param(&params, "0002b0ec85204bb0");
	/* '2000-01-01Z', '1970-01-01Z' */
	pg_param_time(&params, INT64_C(946684800000));
	assert_param(&params, "0000000000000000");
	pg_param_time(&params, 0);
	assert_param(&params, "fffca2fec4c82000");

	assert_int_equal(pg_time_to_ms(0), INT64_C(946684800000));
	assert_int_equal(pg_time_to_ms(999), INT64_C(946684800000));
	assert_int_equal(pg_time_to_ms(1000), INT64_C(946684800001));
	assert_int_equal(pg_time_to_ms(-1), INT64_C(946684799999));
	assert_int_equal(pg_time_to_ms(-1000), INT64_C(946684799999));
	assert_int_equal(pg_time_to_ms(-1001), INT64_C(946684799998));
	for (int64_t ms = -5000000000000; ms < 5000000000000; ms += 777777777777) {
		assert_int_equal(pg_time_to_ms(pg_time_of_ms(ms)), ms);
	}
	/* Beyond what can be told, but not the server's infinities. */
	assert_int_equal(pg_time_of_ms(INT64_MAX), INT64_MAX - 1);
	assert_int_equal(pg_time_of_ms(INT64_MIN), INT64_MIN + 1);
	assert_true(pg_time_of_ms(INT64_MAX / 1000) < INT64_MAX - 1);
	assert_true(pg_time_to_ms(INT64_MAX) > 0);
	assert_true(pg_time_to_ms(INT64_MIN) < 0);
}

static void assert_array(struct pg_array *array, const char *wanted)
{
	struct pg_params params = {0};
	pg_param_array(&params, array);
	assert_param(&params, wanted);
}

static void arrays(void **state)
{
	struct pg_array array = {0};
	(void)state;
	pg_array_begin(&array, PG_INT8);
	pg_array_int8(&array, 1);
	pg_array_int8(&array, -1);
	assert_array(&array, "00000001000000000000001400000002000000010000000800000000000000010000"
			     "0008ffffffffffffffff");
	/* Adding it again changes nothing. */
	assert_array(&array, "00000001000000000000001400000002000000010000000800000000000000010000"
			     "0008ffffffffffffffff");
	pg_array_begin(&array, PG_INT8);
	pg_array_int8(&array, 1);
	pg_array_null(&array);
	assert_array(&array, "0000000100000001000000140000000200000001000000080000000000000001ffff"
			     "ffff");
	pg_array_begin(&array, PG_UUID);
	pg_array_id(&array, &id);
	pg_array_bytes(&array, uuid_bytes(&id));
	assert_array(&array,
		"000000010000000000000b86000000020000000100000010" ID_HEX "00000010" ID_HEX);
	pg_array_begin(&array, PG_TEXT);
	pg_array_bytes(&array, BYTES_LIT("ab"));
	pg_array_bytes(&array, BYTES_NONE);
	pg_array_bytes_or_null(&array, BYTES_NONE);
	pg_array_bytes_or_null(&array, BYTES_LIT("c"));
	assert_array(&array, "0000000100000001000000190000000400000001000000026162"
			     "00000000ffffffff0000000163");
	pg_array_begin(&array, PG_INT4);
	pg_array_int4(&array, 7);
	assert_array(&array, "000000010000000000000017000000010000000100000004"
			     "00000007");
	pg_array_begin(&array, PG_INT2);
	pg_array_int2(&array, -3);
	assert_array(&array, "000000010000000000000015000000010000000100000002fffd");
	pg_array_begin(&array, PG_BOOL);
	pg_array_bool(&array, true);
	pg_array_bool(&array, false);
	assert_array(&array, "00000001000000000000001000000002000000010000000101"
			     "0000000100");
	pg_array_begin(&array, PG_TIMESTAMPTZ);
	pg_array_time_or_null(&array, INT64_C(1704164645678));
	pg_array_time_or_null(&array, 0);
	assert_array(&array, "0000000100000001000004a00000000200000001000000080002b0ec85204bb0"
			     "ffffffff");
	pg_array_begin(&array, PG_BYTEA);
	assert_array(&array, "000000000000000000000011");
	pg_array_bytes(&array, BYTES_LIT("\x80"));
	assert_array(&array, "00000001000000000000001100000001000000010000000180");
	pg_array_finish(&array);
}

/* One too many is a fault of the program, and ends it. */
static void too_many(void **state)
{
	int status = 0;
	(void)state;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct pg_params params = {0};
		fclose(stderr);
		for (int i = 0; i < PG_PARAMS_MAX; i++) {
			pg_param_int2(&params, 1);
		}
		signal(SIGABRT, SIG_DFL);
		pg_param_int2(&params, 1);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_values),
		cmocka_unit_test(empty_and_null),
		cmocka_unit_test(times),
		cmocka_unit_test(arrays),
		cmocka_unit_test(too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
