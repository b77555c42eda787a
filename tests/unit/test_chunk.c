#include "lib/net/chunk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static int released;

static void count_release(struct chunk *chunk)
{
	(void)chunk;
	released++;
}

static void test_own_bytes(void **state)
{
	char text[] = "hello";
	struct chunk *chunk = chunk_copy(bytes_str(text));
	(void)state;
	text[0] = 'x';
	assert_int_equal(chunk->len, 5);
	assert_int_equal(chunk->refs, 1);
	assert_memory_equal(chunk->data, "hello", 5);
	assert_ptr_equal(chunk_ref(chunk), chunk);
	chunk_unref(chunk);
	assert_memory_equal(chunk->data, "hello", 5);
	chunk_unref(chunk);
	chunk = chunk_create(100000);
	memset(chunk_space(chunk), 'y', 100000);
	assert_int_equal(chunk->data[99999], 'y');
	chunk_unref(chunk);
	chunk = chunk_copy(BYTES_NONE);
	assert_int_equal(chunk->len, 0);
	chunk_unref(chunk);
}

static void test_foreign_release(void **state)
{
	struct chunk chunk = {.data = "abc", .len = 3, .refs = 1, .release = count_release};
	(void)state;
	released = 0;
	chunk_ref(&chunk);
	chunk_unref(&chunk);
	assert_int_equal(released, 0);
	chunk_unref(&chunk);
	assert_int_equal(released, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_bytes),
		cmocka_unit_test(test_foreign_release),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
