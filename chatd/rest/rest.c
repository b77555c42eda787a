#include "chatd/rest/rest.h"

#include <stdlib.h>

#include "chatd/rest/routes.h"
#include "lib/base/err.h"
#include "lib/value/json.h"

struct rest_call {
	struct op_caller caller;
	struct http_exchange *exchange;
};

static void respond_problem(struct http_exchange *exchange, int status, const char *extra,
	const char *code, const char *detail)
{
	struct buf body = {0};
	buf_append_str(&body, "{");
	json_write_member_text(&body, "title", bytes_str(http1_status_text(status)));
	json_write_member_int(&body, "status", status);
	json_write_member_text(&body, "code", bytes_str(code));
	json_write_member_text(&body, "detail", bytes_str(detail));
	buf_append_str(&body, "}");
	http_respond(exchange, status, "application/problem+json", extra, buf_bytes(&body));
	buf_finish(&body);
}

static void on_done(struct op_caller *caller, struct op *op, int err)
{
	struct rest_call *call = CONTAINER_OF(caller, struct rest_call, caller);
	if (err != 0) {
		respond_problem(
			call->exchange, err_http_status(err), NULL, err_code(err), op->message);
	} else {
		struct buf body = {0};
		json_write(&body, &op->result);
		http_respond(call->exchange, 200, "application/json", "Cache-Control: no-store\r\n",
			buf_bytes(&body));
		buf_finish(&body);
	}
	free(call);
}

static const struct op_caller_events rest_caller_events = {.done = on_done};

static void refuse(struct http_exchange *exchange, const char *allow)
{
	if (allow == NULL) {
		respond_problem(exchange, 404, NULL, "not_found", "there is nothing at this path");
		return;
	}
	const char *extra = arena_printf(exchange->arena, "Allow: %s\r\n", allow);
	respond_problem(
		exchange, 405, extra, "method_not_allowed", "this path does not take this method");
}

void rest_request(struct services *sv, struct http_exchange *exchange)
{
	const char *allow;
	const struct rest_route *route =
		rest_route_find(exchange->head.method, exchange->path, &allow);
	if (route == NULL) {
		refuse(exchange, allow);
		return;
	}
	struct rest_call *call = mem_zalloc(sizeof(*call));
	call->exchange = exchange;
	op_caller_init(&call->caller, &rest_caller_events);
	op_start(op_create(sv, route->op, NULL), &call->caller, NULL, NULL);
}
