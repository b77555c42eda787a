#include "chatd/rest/admit.h"

#include "chatd/auth/bars.h"
#include "chatd/auth/jwt.h"
#include "chatd/auth/principal.h"
#include "chatd/op/limits.h"
#include "chatd/rest/accept.h"
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"

#define BODY_MAX ((size_t)64 * 1024)
/* A message whose every byte is written as \u00XX, and what stands around it. */
#define ESCAPED 6
#define AROUND_CONTENT 4096
#define REALM "WWW-Authenticate: Bearer realm=\"chatd\""

/* ---- tokens ---- */

/* What follows the scheme. ERR_NOT_FOUND: no token was sent. */
static int find_token(const struct http1_headers *headers, struct bytes *ret_token)
{
	const struct bytes *header = http1_header(headers, "Authorization");
	if (header == NULL) {
		return ERR_NOT_FOUND;
	}
	struct bytes token = *header;
	struct bytes scheme = bytes_split(&token, ' ');
	if (!bytes_eq_nocase(scheme, BYTES_LIT("Bearer"))) {
		return ERR_NOT_FOUND;
	}
	*ret_token = bytes_trim(token);
	return ret_token->len > 0 ? 0 : ERR_NOT_FOUND;
}

static int refuse(struct problem *problem, int err, const char *detail, const char *headers)
{
	problem_set(problem, err, detail);
	problem->headers = headers;
	return err;
}

static bool is_flooding(struct services *sv, const struct http_exchange *exchange,
	struct bytes token, struct problem *problem)
{
	uint64_t retry_us = 0;
	int err = limits_flood(sv, exchange->peer, token, &retry_us);
	if (err == 0) {
		return false;
	}
	problem_set(problem, err,
		limits_text(exchange->arena, "too many requests from this address", retry_us));
	problem->retry_us = retry_us;
	return true;
}

/* RFC 6750 section 3.1. What is wrong with a token is nobody's business. */
static int verify(
	struct services *sv, const struct http_exchange *exchange, struct admission *admission)
{
	const struct http1_headers *headers = &exchange->head.headers;
	struct problem *problem = &admission->problem;
	struct bytes token;
	char why[JWT_WHY_SIZE];
	if (http1_header_count(headers, "Authorization") > 1) {
		return refuse(problem, ERR_BAD_REQUEST, "'Authorization' is there twice",
			REALM ", error=\"invalid_request\"\r\n");
	}
	if (find_token(headers, &token) != 0) {
		return refuse(problem, ERR_UNAUTHORIZED, "a bearer token is needed", REALM "\r\n");
	}
	if (is_flooding(sv, exchange, token, problem)) {
		return ERR_RATE_LIMITED;
	}
	if (principal_cache_verify(sv->principals, sv->verifier, token, clock_wall_ms(sv->clock),
		    &admission->principal, why) != 0) {
		admission->why = arena_strdup(exchange->arena, why);
		limits_refused(sv, exchange->peer);
		return refuse(problem, ERR_UNAUTHORIZED, "the token is not valid",
			REALM ", error=\"invalid_token\"\r\n");
	}
	return 0;
}

static int check_bars(const struct services *sv, const struct http_exchange *exchange,
	struct admission *admission)
{
	char why[BARS_WHY_SIZE];
	int err = bars_check(sv->bars, admission->principal, why);
	if (err == 0) {
		return 0;
	}
	admission->why = arena_strdup(exchange->arena, why);
	const char *headers =
		err == ERR_UNAUTHORIZED ? REALM ", error=\"invalid_token\"\r\n" : NULL;
	return refuse(&admission->problem, err, admission->why, headers);
}

static unsigned needs_of(const struct rest_route *route)
{
	return route->op != NULL ? route->op->needs : 0;
}

static int admit_principal(
	struct services *sv, const struct http_exchange *exchange, struct admission *admission)
{
	const struct rest_route *route = admission->match.route;
	struct problem *problem = &admission->problem;
	unsigned needs = needs_of(route);
	if (needs == 0 && (route->flags & REST_TOKEN_OPTIONAL) == 0) {
		return 0;
	}
	int err = verify(sv, exchange, admission);
	if (err == 0) {
		err = check_bars(sv, exchange, admission);
	}
	if (err != 0 && needs == 0) {
		principal_unref(&admission->principal);
		return 0;
	}
	if (err == 0 && (needs & OP_ADMIN) != 0 && !admission->principal->admin) {
		return refuse(problem, ERR_FORBIDDEN, "the token does not have the admin role",
			REALM ", error=\"insufficient_scope\"\r\n");
	}
	return err;
}

/* ---- the steps ---- */

int admit_caller(
	struct services *sv, const struct http_exchange *exchange, struct admission *ret_admission)
{
	struct admission *admission = ret_admission;
	struct problem *problem = &admission->problem;
	struct rest_path path;
	admission->principal = NULL;
	admission->why = NULL;
	*problem = (struct problem){0};
	admission->match.methods = 0;
	if (rest_path_read(exchange->head.target, exchange->arena, &path) == 0) {
		rest_route_find(exchange->head.method, &path, &admission->match);
	}
	if (admission->match.methods == 0) {
		return problem_set(problem, ERR_NOT_FOUND, "there is nothing at this path");
	}
	if (admission->match.route == NULL) {
		const char *allow = rest_allow_text(exchange->arena, admission->match.methods);
		return refuse(problem, ERR_METHOD,
			arena_printf(exchange->arena, "this path takes %s", allow),
			arena_printf(exchange->arena, "Allow: %s\r\n", allow));
	}
	return admit_principal(sv, exchange, admission);
}

int admit_rate(
	struct services *sv, const struct http_exchange *exchange, struct admission *admission)
{
	uint64_t retry_us = 0;
	bool named = admission->principal != NULL;
	int err = named ? limits_user(sv, admission->principal, &retry_us)
			: limits_address(sv, exchange->peer, &retry_us);
	if (err == 0) {
		return 0;
	}
	const char *what = named ? "too many calls" : "too many requests from this address";
	problem_set(&admission->problem, err, limits_text(exchange->arena, what, retry_us));
	admission->problem.retry_us = retry_us;
	return err;
}

static int check_body(const struct http_exchange *exchange, const struct rest_route *route,
	size_t body_max, struct problem *problem)
{
	const struct http1_request *head = &exchange->head;
	if (head->framing == HTTP1_BODY_NONE) {
		return 0;
	}
	if ((route->flags & REST_BODY) == 0) {
		/* One in chunks may be empty. */
		return head->framing == HTTP1_BODY_LENGTH
			       ? problem_set(problem, ERR_BAD_REQUEST, "no body is taken here")
			       : 0;
	}
	if (!accept_is_json(&head->headers)) {
		return refuse(problem, ERR_MEDIA_TYPE,
			"the body must be application/json in UTF-8, not compressed",
			"Accept: application/json\r\nAccept-Encoding: identity\r\n");
	}
	if (head->content_length > body_max) {
		return problem_set(problem, ERR_TOO_LARGE,
			arena_printf(
				exchange->arena, "the body may have %zu bytes here", body_max));
	}
	return 0;
}

int admit_form(const struct services *sv, const struct http_exchange *exchange,
	struct admission *admission, size_t *ret_body_max)
{
	const struct rest_route *route = admission->match.route;
	size_t body_max = BODY_MAX;
	if ((route->flags & REST_CONTENT) != 0) {
		size_t content_max = sv->conf->limits.max_content * ESCAPED + AROUND_CONTENT;
		body_max = content_max > body_max ? content_max : body_max;
	}
	if (!accept_takes_json(&exchange->head.headers)) {
		return problem_set(&admission->problem, ERR_NOT_ACCEPTABLE, NULL);
	}
	*ret_body_max = body_max;
	return check_body(exchange, route, body_max, &admission->problem);
}
