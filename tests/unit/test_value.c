#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/value/value.h"

static void test_building(void **state)
{
	(void)state;
	struct arena *arena = arena_create(0);
	struct value object = value_object(arena, 3);
	value_put(&object, "a", value_int(-7));
	value_put(&object, "b", value_str("text"));
	struct value array = value_array(arena, 2);
	value_add(&array, value_bool(true));
	value_add(&array, value_time(12));
	value_put(&object, "c", array);

	assert_int_equal(object.kind, VALUE_OBJECT);
	assert_int_equal(object.count, 3);
	assert_false(object.dictionary);
	assert_int_equal(value_get(&object, "a")->integer, -7);
	assert_true(bytes_eq(value_get(&object, "b")->text, BYTES_LIT("text")));
	const struct value *items = value_get(&object, "c");
	assert_int_equal(items->count, 2);
	assert_true(items->items[0].boolean);
	assert_int_equal(items->items[1].kind, VALUE_TIME);
	assert_int_equal(items->items[1].time_ms, 12);
	arena_destroy(&arena);
}

static void test_empty(void **state)
{
	(void)state;
	struct arena *arena = arena_create(0);
	struct value empty = value_object(arena, 0);
	assert_int_equal(empty.count, 0);
	assert_int_equal(empty.cap, 0);
	assert_null(value_get(&empty, "a"));
	arena_destroy(&arena);
}

static void test_get(void **state)
{
	(void)state;
	struct arena *arena = arena_create(0);
	struct value object = value_object(arena, 4);
	value_put(&object, "roomId", value_int(1));
	value_put(&object, "RoomId", value_int(2));
	value_put(&object, "ROOMID", value_int(3));
	value_put(&object, "", value_int(4));

	assert_int_equal(value_get(&object, "RoomId")->integer, 2);
	assert_null(value_get(&object, "roomid"));
	assert_null(value_get(&object, "room"));
	assert_int_equal(value_get(&object, "")->integer, 4);
	/* An exact match wins, else the last. */
	assert_int_equal(value_get_nocase(&object, "roomId")->integer, 1);
	assert_int_equal(value_get_nocase(&object, "roomid")->integer, 3);
	assert_null(value_get_nocase(&object, "roomix"));
	arena_destroy(&arena);
}

static void test_get_of_no_object(void **state)
{
	(void)state;
	struct value text = value_str("x");
	assert_null(value_get(&text, "x"));
	assert_null(value_get_nocase(&text, "x"));
	assert_null(value_get(&value_null, "x"));
	assert_int_equal(value_null.kind, VALUE_NULL);
	assert_int_equal(value_unfit.kind, VALUE_TEXT);
	assert_true(value_unfit.bad_text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_building),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_get_of_no_object),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
