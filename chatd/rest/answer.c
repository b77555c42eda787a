#include "chatd/rest/answer.h"

#include "chatd/auth/cors.h"
#include "chatd/op/limits.h"
#include "chatd/rest/accept.h"
#include "chatd/rest/etag.h"
#include "chatd/rest/gzip.h"
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/value/json.h"
#include "lib/wire/target.h"

/* Shorter bodies are not worth compressing. */
#define GZIP_LEAST 1024
/* What most bodies fit into. */
#define BODY_FIRST 1024
#define VARY "Vary: Authorization, Origin, Accept-Encoding\r\n"
#define PREFLIGHT_VARY \
	"Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
#define NO_STORE "Cache-Control: no-store\r\n" VARY
#define REVALIDATE "Cache-Control: private, no-cache\r\n" VARY

/* One answer being put together. */
struct answer {
	struct http_exchange *exchange;
	int status;
	struct buf head; /* header lines */
	struct buf body;
};

static void respond(struct answer *answer, const char *type)
{
	http_respond(answer->exchange, answer->status, type, buf_cstr(&answer->head),
		buf_bytes(&answer->body));
	buf_finish(&answer->head);
	buf_finish(&answer->body);
}

void answer_problem(struct http_exchange *exchange, const struct problem *problem)
{
	struct answer answer = {
		.exchange = exchange,
		.status = err_http_status(problem->err),
	};
	buf_append_str(&answer.head, NO_STORE);
	if (problem->headers != NULL) {
		buf_append_str(&answer.head, problem->headers);
	}
	if (problem->retry_us != 0) {
		http1_write_header_u64(
			&answer.head, "Retry-After", limits_retry_s(problem->retry_us));
	}
	problem_write(&answer.body, problem, exchange->id);
	respond(&answer, PROBLEM_TYPE);
}

/* ---- places ---- */

/* What a name in braces stands for: a member of the result, or a parameter of the path. */
static struct bytes lookup(struct bytes name, const struct rest_match *match, const struct op *op)
{
	for (uint32_t i = 0; i < op->result.count; i++) {
		const struct value_member *member = &op->result.members[i];
		if (member->value.kind == VALUE_TEXT && bytes_eq(member->name, name)) {
			return member->value.text;
		}
	}
	const struct rest_params *in_path = &match->route->in_path;
	for (size_t i = 0; i < in_path->count; i++) {
		if (bytes_eq(bytes_str(in_path->table[i].name), name)) {
			return match->args[i];
		}
	}
	return BYTES_NONE;
}

static void write_location(struct buf *head, const struct rest_match *match, const struct op *op)
{
	struct bytes pattern = bytes_str(match->route->location);
	buf_append_str(head, "Location: ");
	while (pattern.len > 0) {
		buf_append_bytes(head, bytes_split(&pattern, '{'));
		struct bytes name = bytes_split(&pattern, '}');
		if (name.len > 0) {
			target_encode(head, lookup(name, match, op));
		}
	}
	buf_append_str(head, "\r\n");
}

/* The members of a page that say where the next one begins, and the parameters that take them. */
static const struct {
	const char *member, *param;
} nexts[] = {
	{"nextCursor", "cursor"},
	{"nextBefore", "before"},
	{"nextAfter", "after"},
};

static bool is_place(struct bytes name)
{
	for (size_t i = 0; i < sizeof(nexts) / sizeof(nexts[0]); i++) {
		if (bytes_eq_nocase(name, bytes_str(nexts[i].param))) {
			return true;
		}
	}
	return false;
}

/* The request's own target with another place in it (RFC 8288). The query was bound, so nothing in
 * it needs quoting that came without. */
static void write_link(struct buf *head, const struct http_exchange *exchange, const char *param,
	struct bytes place)
{
	struct bytes query = exchange->query;
	struct bytes target = exchange->head.target;
	struct bytes name, value;
	buf_append_str(head, "Link: <");
	buf_append_bytes(head, bytes_split(&target, '?'));
	buf_append_char(head, '?');
	while (target_query_next(&query, &name, &value) == 0) {
		if (!is_place(target_query_decode(name, exchange->arena))) {
			buf_append_bytes(head, name);
			buf_append_char(head, '=');
			buf_append_bytes(head, value);
			buf_append_char(head, '&');
		}
	}
	buf_append_str(head, param);
	buf_append_char(head, '=');
	target_encode(head, place);
	buf_append_str(head, ">; rel=\"next\"\r\n");
}

static void write_next(struct answer *answer, const struct value *result)
{
	for (size_t i = 0; i < sizeof(nexts) / sizeof(nexts[0]); i++) {
		const struct value *place = value_get(result, nexts[i].member);
		if (place == NULL || (place->kind != VALUE_TEXT && place->kind != VALUE_INT)) {
			continue;
		}
		struct bytes text = place->text;
		if (place->kind == VALUE_INT) {
			text = bytes_str(arena_printf(
				answer->exchange->arena, "%lld", (long long)place->integer));
		}
		write_link(&answer->head, answer->exchange, nexts[i].param, text);
	}
}

/* ---- bodies ---- */

static void pack(struct answer *answer, struct gzip *gzip)
{
	struct buf packed = {0};
	if (gzip_pack(gzip, buf_bytes(&answer->body), &packed) == 0) {
		buf_finish(&answer->body);
		answer->body = packed;
		buf_append_str(&answer->head, "Content-Encoding: gzip\r\n");
	} else {
		buf_finish(&packed);
	}
}

/* A 200 to GET that clients may keep and ask again for. version 0: it has none. */
static void respond_kept(struct answer *answer, uint64_t version, struct gzip *gzip)
{
	const struct http1_headers *headers = &answer->exchange->head.headers;
	bool packed = answer->body.len > GZIP_LEAST && accept_takes_gzip(headers);
	char tag[ETAG_SIZE];
	etag_write(version, buf_bytes(&answer->body), packed, tag);
	if (!etag_matches(headers, tag)) {
		struct problem problem;
		problem_set(&problem, ERR_PRECONDITION, NULL);
		answer_problem(answer->exchange, &problem);
		buf_finish(&answer->head);
		buf_finish(&answer->body);
		return;
	}
	buf_append_str(&answer->head, REVALIDATE);
	http1_write_header(&answer->head, "ETag", bytes_str(tag));
	if (etag_none_match(headers, tag)) {
		answer->status = 304;
		respond(answer, NULL);
		return;
	}
	if (packed) {
		pack(answer, gzip);
	}
	respond(answer, "application/json");
}

/* What only holds for this moment. */
static void respond_once(struct answer *answer, const struct op *op, struct gzip *gzip)
{
	const struct http1_headers *headers = &answer->exchange->head.headers;
	buf_append_str(&answer->head, NO_STORE);
	if (op->version != 0) {
		char tag[ETAG_SIZE];
		etag_write(op->version, buf_bytes(&answer->body), false, tag);
		http1_write_header(&answer->head, "ETag", bytes_str(tag));
	}
	if (answer->body.len > GZIP_LEAST && accept_takes_gzip(headers)) {
		pack(answer, gzip);
	}
	respond(answer, "application/json");
}

void answer_result(struct http_exchange *exchange, const struct rest_match *match,
	const struct op *op, struct gzip *gzip)
{
	bool created = op->created && match->route->location != NULL;
	struct answer answer = {.exchange = exchange, .status = created ? 201 : 200};
	if (created) {
		write_location(&answer.head, match, op);
	}
	if (op->result.kind == VALUE_NULL) {
		answer.status = 204;
		buf_append_str(&answer.head, NO_STORE);
		respond(&answer, NULL);
		return;
	}
	buf_reserve(&answer.body, BODY_FIRST);
	json_write(&answer.body, &op->result);
	if (match->route->method == HTTP1_GET && (match->route->flags & REST_MOMENT) == 0) {
		write_next(&answer, &op->result);
		respond_kept(&answer, op->version, gzip);
	} else {
		respond_once(&answer, op, gzip);
	}
}

void answer_document(struct http_exchange *exchange, struct bytes body, struct gzip *gzip)
{
	struct answer answer = {.exchange = exchange, .status = 200};
	buf_append_bytes(&answer.body, body);
	respond_kept(&answer, 0, gzip);
}

int answer_options(struct http_exchange *exchange, const struct conf *conf, const char *methods,
	struct problem *ret_problem)
{
	struct answer answer = {.exchange = exchange, .status = 204};
	if (!cors_is_preflight(&exchange->head)) {
		buf_append_str(&answer.head, NO_STORE);
		http1_write_header(&answer.head, "Allow", bytes_str(methods));
		respond(&answer, NULL);
		return 0;
	}
	int err = cors_write_preflight(conf, &exchange->head.headers, methods, &answer.head);
	if (err != 0) {
		buf_finish(&answer.head);
		return problem_set(ret_problem, err,
			"pages of this origin may not call (server.allowed_origins)");
	}
	buf_append_str(&answer.head, PREFLIGHT_VARY);
	respond(&answer, NULL);
	return 0;
}
