#include "lib/base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdalign.h>
#include <string.h>

static void test_alloc(void **state)
{
	static const size_t firsts[] = {0, 1, 64, 4096, 1000000};
	(void)state;
	for (size_t f = 0; f < sizeof(firsts) / sizeof(firsts[0]); f++) {
		struct arena *arena = arena_create(firsts[f]);
		unsigned char *pieces[300];
		for (size_t i = 0; i < 300; i++) {
			size_t size = i % 7 == 0 ? i * 40 : i;
			pieces[i] = arena_alloc(arena, size);
			assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
			for (size_t k = 0; k < size; k++) {
				assert_int_equal(pieces[i][k], 0);
			}
			memset(pieces[i], (int)(i % 251 + 1), size);
		}
		/* No piece lies upon another. */
		for (size_t i = 0; i < 300; i++) {
			size_t size = i % 7 == 0 ? i * 40 : i;
			for (size_t k = 0; k < size; k++) {
				assert_int_equal(pieces[i][k], i % 251 + 1);
			}
		}
		arena_destroy(&arena);
		assert_null(arena);
	}
}

static void test_one_allocation(void **state)
{
	struct arena *arena = arena_create(4096);
	(void)state;
	assert_int_equal(arena_size(arena), 4096);
	for (int i = 0; i < 30; i++) {
		arena_alloc(arena, 100);
	}
	assert_int_equal(arena_size(arena), 4096);
	arena_alloc(arena, 5000);
	assert_true(arena_size(arena) >= 9096);
	/* A large piece did not waste what was free. */
	size_t size = arena_size(arena);
	arena_alloc(arena, 100);
	assert_int_equal(arena_size(arena), size);
	arena_destroy(&arena);
	arena_destroy(&arena);
}

static void test_reset(void **state)
{
	struct arena *arena = arena_create(512);
	(void)state;
	char *first = arena_alloc(arena, 16);
	memset(first, 'x', 16);
	for (int i = 0; i < 100; i++) {
		arena_alloc(arena, 1000);
	}
	arena_reset(arena);
	assert_int_equal(arena_size(arena), 512);
	char *again = arena_alloc(arena, 16);
	assert_ptr_equal(again, first);
	assert_int_equal(again[0], 0);
	arena_destroy(&arena);
}

static void test_text(void **state)
{
	struct arena *arena = arena_create(0);
	struct bytes copy = arena_dup(arena, BYTES_LIT("a\0b"));
	(void)state;
	assert_int_equal(copy.len, 3);
	assert_memory_equal(copy.ptr, "a\0b", 4);
	copy = arena_dup(arena, BYTES_NONE);
	assert_int_equal(copy.len, 0);
	assert_string_equal(copy.ptr, "");
	assert_string_equal(arena_strdup(arena, "hello"), "hello");
	assert_string_equal(arena_strdup(arena, ""), "");
	assert_string_equal(arena_printf(arena, "%s-%d", "room", 7), "room-7");
	char *padded = arena_printf(arena, "%5000d", 1);
	assert_int_equal(strlen(padded), 5000);
	arena_destroy(&arena);
}

static void test_exhaustion(void **state)
{
	struct arena *arena = arena_create(0);
	(void)state;
	assert_null(arena_try_alloc(arena, SIZE_MAX));
	assert_null(arena_try_alloc(arena, SIZE_MAX - 15));
	assert_null(arena_try_alloc(arena, (size_t)PTRDIFF_MAX));
	/* It is whole afterwards. */
	assert_non_null(arena_try_alloc(arena, 10));
	assert_non_null(arena_try_alloc(arena, 0));
	arena_destroy(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alloc),
		cmocka_unit_test(test_one_allocation),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_exhaustion),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
