#include "chatd/rest/rest.h"

#include <stdlib.h>

#include "chatd/auth/cors.h"
#include "chatd/auth/principal.h"
#include "chatd/op/door_log.h"
#include "chatd/op/op.h"
#include "chatd/rest/admit.h"
#include "chatd/rest/answer.h"
#include "chatd/rest/bind.h"
#include "chatd/rest/etag.h"
#include "chatd/rest/gzip.h"
#include "chatd/rest/openapi.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"

/* Of an operation's arena: its parameters, and most results. */
#define OP_ARENA 4096

struct rest {
	struct gzip *gzip;
	struct buf document; /* OpenAPI; empty until somebody asks */
};

/* A call under way, on its operation's arena. */
struct rest_call {
	struct op_caller caller;
	struct http_exchange *exchange;
	struct rest_match match;
};

struct rest *rest_create(void)
{
	struct rest *rest = mem_zalloc(sizeof(*rest));
	rest->gzip = gzip_create();
	return rest;
}

void rest_destroy(struct rest **rest)
{
	if (*rest != NULL) {
		gzip_destroy(&(*rest)->gzip);
		buf_finish(&(*rest)->document);
	}
	free(*rest);
	*rest = NULL;
}

/* ---- ends ---- */

/* What is our own fault is told to nobody but the log. */
static const char *public_detail(const struct op *op, int err)
{
	bool internal = err == ERR_INTERNAL || err == ERR_SYSTEM || err == ERR_CORRUPT;
	return internal && !op->sv->conf->hub.detailed_errors ? err_text(ERR_INTERNAL)
							      : op->message;
}

static void on_done(struct op_caller *caller, struct op *op, int err)
{
	struct rest_call *call = CONTAINER_OF(caller, struct rest_call, caller);
	if (err == 0) {
		answer_result(call->exchange, &call->match, op, op->sv->rest->gzip);
		return;
	}
	struct problem problem;
	problem_set(&problem, err, public_detail(op, err));
	problem.retry_us = op->retry_us;
	answer_problem(call->exchange, &problem);
}

static const struct op_caller_events call_events = {.done = on_done};

/* ---- starts ---- */

/* What If-Match and If-None-Match demand of a change. */
static int bind_conditions(const struct http_exchange *exchange, const struct rest_route *route,
	struct op *op, struct problem *problem)
{
	const struct http1_headers *headers = &exchange->head.headers;
	if (route->method == HTTP1_GET) {
		return 0;
	}
	if (http1_header(headers, "If-None-Match") != NULL) {
		return problem_set(
			problem, ERR_PRECONDITION, "'If-None-Match' is for GET and HEAD only");
	}
	enum etag_demand demand = etag_read_match(headers, &op->expect_version);
	if (demand == ETAG_ANY) {
		return 0;
	}
	if ((route->flags & REST_IF_MATCH) == 0) {
		return problem_set(problem, ERR_PRECONDITION,
			"nothing here has versions: 'If-Match' can only be *");
	}
	return demand == ETAG_VERSION ? 0 : problem_set(problem, ERR_PRECONDITION, NULL);
}

static int start(struct services *sv, struct http_exchange *exchange, struct admission *admission)
{
	const struct rest_route *route = admission->match.route;
	struct op *op = op_create(sv, route->op, arena_create(OP_ARENA));
	int err =
		rest_bind(&admission->match, exchange, op->arena, op->params, &admission->problem);
	if (err == 0) {
		err = bind_conditions(exchange, route, op, &admission->problem);
	}
	if (err != 0) {
		op_discard(&op);
		return err;
	}
	struct rest_call *call = arena_alloc(op->arena, sizeof(*call));
	call->exchange = exchange;
	call->match = admission->match;
	op_caller_init(&call->caller, &call_events);
	op->origin.door = OP_DOOR_REST;
	op->origin.request = exchange->id;
	op_start(op, &call->caller, admission->principal, NULL);
	return 0;
}

static int answer_openapi(
	struct services *sv, struct http_exchange *exchange, struct admission *admission)
{
	struct rest *rest = sv->rest;
	int err =
		rest_bind(&admission->match, exchange, exchange->arena, NULL, &admission->problem);
	if (err != 0) {
		return err;
	}
	if (rest->document.len == 0) {
		openapi_write(&rest->document);
	}
	answer_document(exchange, buf_bytes(&rest->document), rest->gzip);
	return 0;
}

void rest_options(struct services *sv, struct http_exchange *exchange, const char *methods)
{
	struct problem problem = {0};
	if (answer_options(exchange, sv->conf, methods, &problem) != 0) {
		answer_problem(exchange, &problem);
	}
}

/* OPTIONS says what a path takes, and answers browsers. "*" is the whole server. */
static int take_options(
	struct services *sv, struct http_exchange *exchange, struct admission *admission)
{
	unsigned methods = admission->match.methods;
	if (methods == 0 && bytes_eq(exchange->path, BYTES_LIT("*"))) {
		methods = 1U << HTTP1_GET | 1U << HTTP1_HEAD | 1U << HTTP1_POST |
			  1U << HTTP1_PATCH | 1U << HTTP1_DELETE | 1U << HTTP1_OPTIONS;
	}
	if (methods == 0) {
		return ERR_NOT_FOUND;
	}
	rest_options(sv, exchange, rest_allow_text(exchange->arena, methods));
	return 0;
}

static int take(struct services *sv, struct http_exchange *exchange, struct admission *admission)
{
	size_t body_max;
	int err = admit_caller(sv, exchange, admission);
	if (admission->why != NULL) {
		door_log_refused(sv, exchange, admission->why);
	}
	int limited = admit_rate(sv, exchange, admission);
	if (limited != 0) {
		return limited;
	}
	if (exchange->head.method == HTTP1_OPTIONS) {
		return take_options(sv, exchange, admission);
	}
	if (err == 0) {
		err = admit_form(sv, exchange, admission, &body_max);
	}
	if (err != 0) {
		return err;
	}
	if (admission->principal != NULL) {
		http_set_user(exchange, &admission->principal->user_id);
	}
	return admission->match.route->op != NULL ? start(sv, exchange, admission)
						  : answer_openapi(sv, exchange, admission);
}

void rest_request(struct services *sv, struct http_exchange *exchange)
{
	struct admission admission;
	if (take(sv, exchange, &admission) != 0) {
		answer_problem(exchange, &admission.problem);
	}
	principal_unref(&admission.principal);
}

enum http_decision rest_head(struct services *sv, struct http_exchange *exchange, size_t *body_max)
{
	struct admission admission;
	int err = admit_caller(sv, exchange, &admission);
	if (err == 0) {
		err = admit_form(sv, exchange, &admission, body_max);
	}
	principal_unref(&admission.principal);
	return err == 0 ? HTTP_READ_BODY : HTTP_ANSWER_NOW;
}

const char *rest_fail_body(int status, const char *text, struct buf *body)
{
	problem_write_plain(body, status, text);
	return PROBLEM_TYPE;
}
