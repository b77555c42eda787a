/* Readers of what comes from outside, where there is no memory for it: they say so, and leave
 * their input alone. Lengths are true here: what lies about its length is refused before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/hubproto/codec.h"
#include "lib/hubproto/codec_msgpack.h"
#include "lib/value/lz4.h"
#include "lib/value/msgpack.h"
#include "lib/wire/sse.h"

#define MIB ((size_t)1024 * 1024)
#define LARGE (72 * MIB) /* more than may be allocated at once */
#define ITEMS ((size_t)3 * 1024 * 1024) /* bytes, whose values are so large */

#ifdef __SANITIZE_ADDRESS__
/* Its shadow needs all of the address space: it refuses by itself. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1:max_allocation_size_mb=64";
}

static void limit_memory(bool on)
{
	(void)on;
}
#else
/* 64 MiB more than there are now. */
static void limit_memory(bool on)
{
	struct rlimit limit;
	unsigned long pages;
	FILE *file = fopen("/proc/self/statm", "re");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu", &pages), 1);
	fclose(file);
	assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
	size_t now = pages * (size_t)sysconf(_SC_PAGESIZE);
	limit.rlim_cur = on ? now + 64 * MIB : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
}
#endif

/* ---- inputs, which no allocator holds ---- */

struct input {
	char *data;
	size_t len;
};

static struct input input_of(struct bytes head, size_t body, struct bytes tail)
{
	struct input input = {.len = head.len + body + tail.len};
	input.data =
		mmap(NULL, input.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(input.data, MAP_FAILED);
	memcpy(input.data, head.ptr, head.len);
	if (tail.len > 0) {
		memcpy(input.data + head.len + body, tail.ptr, tail.len);
	}
	return input;
}

static void input_drop(struct input *input)
{
	munmap(input->data, input->len);
}

/* Heads of many things; each head ends with a length of four bytes, which is set. */
static struct input input_with(struct bytes head, uint32_t count, size_t body, struct bytes tail)
{
	struct input input = input_of(head, body, tail);
	for (size_t i = 0; i < 4; i++) {
		input.data[head.len - 1 - i] = (char)(count >> (8 * i));
	}
	return input;
}

/* ---- MessagePack ---- */

static void check_value(struct input input)
{
	struct arena *arena = arena_create(0);
	struct bytes rest = bytes_of(input.data, input.len);
	struct value value;
	limit_memory(true);
	assert_int_equal(msgpack_read(arena, &rest, 4, &value), ERR_NOMEM);
	limit_memory(false);
	assert_ptr_equal(rest.ptr, input.data);
	assert_int_equal(rest.len, input.len);
	arena_destroy(&arena);
	input_drop(&input);
}

static void test_msgpack(void **state)
{
	(void)state;
	check_value(input_with(BYTES_LIT("\xdd...."), ITEMS, ITEMS, BYTES_NONE));
	check_value(input_with(BYTES_LIT("\x92\x01\xdd...."), ITEMS, ITEMS, BYTES_NONE));
	check_value(input_with(BYTES_LIT("\xdf...."), ITEMS, 2 * ITEMS, BYTES_NONE));
	check_value(input_with(BYTES_LIT("\xc6...."), LARGE, LARGE, BYTES_NONE));
	check_value(input_with(BYTES_LIT("\xdb...."), LARGE, LARGE, BYTES_NONE));
}

/* An ext 99 that stands for more than there is memory for. */
static void test_lz4(void **state)
{
	(void)state;
	const size_t block = LARGE / 255 + 1, payload = 5 + block;
	char head[11] = {'\xc9', (char)(payload >> 24), (char)(payload >> 16), (char)(payload >> 8),
		(char)payload, 99, '\xd2'};
	struct input input = input_with(bytes_of(head, sizeof(head)), LARGE, block, BYTES_NONE);
	struct arena *arena = arena_create(0);
	struct bytes rest = bytes_of(input.data, input.len);
	size_t plain_left = 2 * LARGE;
	struct value value;
	limit_memory(true);
	assert_int_equal(lz4_read_value(arena, &rest, 4, &plain_left, &value), ERR_NOMEM);
	limit_memory(false);
	assert_int_equal(plain_left, 2 * LARGE);
	arena_destroy(&arena);
	input_drop(&input);
}

static void check_message(struct input input)
{
	struct arena *arena = arena_create(0);
	struct hub_message message;
	const char *why = NULL;
	limit_memory(true);
	assert_int_equal(codec_msgpack_read(arena, bytes_of(input.data, input.len), HUB_PLAIN_MAX,
				 &message, &why),
		ERR_NOMEM);
	limit_memory(false);
	assert_string_equal(why, "out of memory");
	arena_destroy(&arena);
	input_drop(&input);
}

static void test_messages(void **state)
{
	(void)state;
	/* Arguments, what is in one of them, an item, and ids of streams */
	check_message(input_with(
		BYTES_LIT("\x96\x01\x80\xc0\xa1t\xdd...."), ITEMS, ITEMS, BYTES_LIT("\x90")));
	check_message(input_with(
		BYTES_LIT("\x96\x01\x80\xc0\xa1t\x91\xdd...."), ITEMS, ITEMS, BYTES_LIT("\x90")));
	check_message(input_with(BYTES_LIT("\x94\x02\x80\xa1s\xdd...."), ITEMS, ITEMS, BYTES_NONE));
	check_message(input_with(
		BYTES_LIT("\x96\x01\x80\xc0\xa1t\x90\xdd...."), 2 * ITEMS, 2 * ITEMS, BYTES_NONE));
}

/* ---- events ---- */

static void check_event(struct input input)
{
	struct sse_reader reader;
	struct sse_event event;
	struct bytes rest = bytes_of(input.data, input.len);
	memset(input.data + 6, 'x', input.len - 8);
	sse_reader_init(&reader, 2 * LARGE);
	limit_memory(true);
	assert_int_equal(sse_reader_next(&reader, &rest, &event), ERR_TOO_LARGE);
	limit_memory(false);
	sse_reader_finish(&reader);
	input_drop(&input);
}

static void test_events(void **state)
{
	(void)state;
	check_event(input_of(BYTES_LIT("data: "), LARGE, BYTES_LIT("xx"))); /* no end of the line */
	check_event(input_of(BYTES_LIT("data: "), LARGE, BYTES_LIT("\n\n")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_msgpack),
		cmocka_unit_test(test_lz4),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_events),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
