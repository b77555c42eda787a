/* A whole request, head and body, as the REST door reads it: its path, what it accepts, its
 * conditions, and its parameters. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "chatd/rest/accept.h"
#include "chatd/rest/bind.h"
#include "chatd/rest/etag.h"
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/base/utf8.h"
#include "lib/value/json.h"
#include "lib/wire/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Both ways of reading a path agree, where no slash is hidden in it. */
static void check_path(const struct http_exchange *exchange, const struct rest_path *path)
{
	struct buf joined = {0};
	if (memchr(exchange->head.target.ptr, '%', exchange->head.target.len) != NULL) {
		return;
	}
	for (size_t i = 0; i < path->count; i++) {
		buf_append_char(&joined, '/');
		buf_append_bytes(&joined, path->segments[i]);
	}
	if (path->count == 0) {
		buf_append_char(&joined, '/');
	}
	assert(bytes_eq(buf_bytes(&joined), exchange->path));
	buf_finish(&joined);
}

/* Whatever is said is JSON that can be read. */
static void check_problem(const struct http_exchange *exchange, const struct problem *problem)
{
	struct buf body = {0};
	struct value value;
	assert(problem->err < 0);
	problem_write(&body, problem, exchange->id);
	assert(utf8_valid(buf_bytes(&body)));
	assert(json_read_unique(exchange->arena, buf_bytes(&body), &value, NULL) == 0);
	assert(value_get(&value, "detail")->text.len > 0);
	buf_finish(&body);
}

static void bind_all(struct http_exchange *exchange, const struct rest_path *path)
{
	static const enum http1_method methods[] = {
		HTTP1_GET, HTTP1_POST, HTTP1_PATCH, HTTP1_DELETE};
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		struct rest_match match;
		struct problem problem;
		rest_route_find(methods[i], path, &match);
		if (match.route == NULL) {
			continue;
		}
		struct arena *arena = arena_create(0);
		size_t params_size = match.route->op != NULL ? match.route->op->params_size : 0;
		void *params = arena_alloc(arena, params_size + 1);
		int err = rest_bind(&match, exchange, arena, params, &problem);
		arena_destroy(&arena);
		if (err != 0) {
			check_problem(exchange, &problem);
		}
	}
}

static void read_headers(const struct http1_headers *headers)
{
	uint64_t version = 0;
	char tag[ETAG_SIZE];
	etag_write(1, BYTES_LIT("x"), false, tag);
	(void)accept_takes_json(headers);
	(void)accept_takes_gzip(headers);
	(void)accept_is_json(headers);
	bool none = etag_none_match(headers, tag);
	assert(!none || http1_header(headers, "If-None-Match") != NULL);
	bool any = etag_matches(headers, tag);
	assert(any || http1_header(headers, "If-Match") != NULL);
	enum etag_demand demand = etag_read_match(headers, &version);
	assert((demand == ETAG_VERSION) == (version != 0) || demand != ETAG_VERSION);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http1_parser parser = {0};
	struct http_exchange exchange = {.peer = "", .id = 1};
	struct target target;
	struct rest_path path;
	size_t consumed;
	if (http1_request_parse(&parser, bytes_of(data, size), &http1_limits_default,
		    &exchange.head, &consumed) != 0) {
		return 0;
	}
	exchange.arena = arena_create(0);
	read_headers(&exchange.head.headers);
	if (target_parse(exchange.head.target, exchange.arena, &target) == 0) {
		exchange.path = target.path;
		exchange.query = target.query;
		exchange.body = bytes_of(data + consumed, size - consumed);
		if (rest_path_read(exchange.head.target, exchange.arena, &path) == 0) {
			check_path(&exchange, &path);
			bind_all(&exchange, &path);
		}
	}
	arena_destroy(&exchange.arena);
	return 0;
}
