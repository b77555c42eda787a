#include "tests/unit/rest_help.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/arena.h"
#include "lib/wire/target.h"

void rest_request_open(struct rest_request *request, const char *head, const char *body)
{
	struct http1_parser parser = {0};
	struct target target;
	size_t consumed;
	*request = (struct rest_request){.exchange.arena = arena_create(0)};
	for (const char *at = head; *at != '\0'; at++) {
		if (*at == '\n') {
			buf_append_char(&request->text, '\r');
		}
		buf_append_char(&request->text, *at);
	}
	buf_append_str(&request->text, "\r\n\r\n");
	struct http_exchange *exchange = &request->exchange;
	assert_int_equal(http1_request_parse(&parser, buf_bytes(&request->text),
				 &http1_limits_default, &exchange->head, &consumed),
		0);
	assert_int_equal(target_parse(exchange->head.target, exchange->arena, &target), 0);
	exchange->path = target.path;
	exchange->query = target.query;
	exchange->body = bytes_str(body);
	exchange->peer = "127.0.0.1:1";
	exchange->id = 7;
}

void rest_request_close(struct rest_request *request)
{
	arena_destroy(&request->exchange.arena);
	buf_finish(&request->text);
}
