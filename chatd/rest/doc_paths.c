#include <string.h>

#include "chatd/rest/doc.h"
#include "chatd/rest/routes.h"

static void parameter(struct buf *out, const char *place, const struct param *param)
{
	doc_separate(out);
	buf_append_char(out, '{');
	doc_text(out, "name", param->name);
	doc_text(out, "in", place);
	doc_text(out, "description", param->doc);
	if (strcmp(place, "path") == 0 || (param->flags & PARAM_OPTIONAL) == 0) {
		doc_true(out, "required");
	}
	doc_open(out, "schema");
	doc_param(out, param, false);
	doc_shut(out);
	doc_shut(out);
}

static void parameters(struct buf *out, const struct rest_route *route)
{
	doc_name(out, "parameters");
	buf_append_char(out, '[');
	for (size_t i = 0; i < route->in_path.count; i++) {
		parameter(out, "path", &route->in_path.table[i]);
	}
	for (size_t i = 0; i < route->in_query.count; i++) {
		parameter(out, "query", &route->in_query.table[i]);
	}
	static const struct {
		unsigned flag;
		const char *name;
	} shared[] = {
		{REST_IDEMPOTENT, "IdempotencyKey"},
		{REST_IF_MATCH, "IfMatch"},
	};
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
		if ((route->flags & shared[i].flag) != 0) {
			doc_separate(out);
			buf_append_char(out, '{');
			doc_reference(out, "parameters", shared[i].name);
			doc_shut(out);
		}
	}
	buf_append_char(out, ']');
}

static void required(struct buf *out, const struct rest_params *body)
{
	bool any = false;
	for (size_t i = 0; i < body->count; i++) {
		if ((body->table[i].flags & PARAM_OPTIONAL) == 0) {
			doc_required(out, &any, body->table[i].name);
		}
	}
	doc_required_end(out, any);
}

static void request_body(struct buf *out, const struct rest_route *route)
{
	if ((route->flags & REST_BODY) == 0) {
		return;
	}
	doc_open(out, "requestBody");
	doc_true(out, "required");
	doc_open(out, "content");
	doc_open(out, "application/json");
	doc_open(out, "schema");
	doc_text(out, "type", "object");
	required(out, &route->in_body);
	doc_name(out, "additionalProperties");
	buf_append_str(out, "false");
	doc_open(out, "properties");
	for (size_t i = 0; i < route->in_body.count; i++) {
		doc_open(out, route->in_body.table[i].name);
		doc_param(out, &route->in_body.table[i], true);
		doc_shut(out);
	}
	doc_shut(out);
	doc_shut(out);
	doc_shut(out);
	doc_shut(out);
	doc_shut(out);
}

static bool is_page(const struct rest_route *route)
{
	return route->schema != NULL && strstr(route->schema, "Page") != NULL;
}

static void success(struct buf *out, const struct rest_route *route, const char *status)
{
	bool kept = route->method == HTTP1_GET && (route->flags & REST_MOMENT) == 0;
	bool created = strcmp(status, "201") == 0;
	doc_open(out, status);
	doc_text(out, "description", route->success);
	if (kept || created) {
		doc_open(out, "headers");
		if (kept) {
			doc_header(
				out, "ETag", "Names this state, for If-None-Match and If-Match.");
		}
		if (is_page(route)) {
			doc_header(out, "Link", "rel=next: where the next page is.");
		}
		if (created) {
			doc_header(out, "Location", "Where it is.");
		}
		doc_shut(out);
	}
	if (route->schema != NULL) {
		doc_content(out, "application/json", route->schema);
	} else if (route->op == NULL) {
		buf_append_str(out,
			",\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\"}}}");
	}
	doc_shut(out);
}

static bool any_route(const struct rest_route *route)
{
	(void)route;
	return true;
}

static bool has_token(const struct rest_route *route)
{
	return route->op != NULL && route->op->needs != 0;
}

static bool has_path(const struct rest_route *route)
{
	return route->in_path.count > 0;
}

static bool has_body(const struct rest_route *route)
{
	return (route->flags & REST_BODY) != 0;
}

static bool is_change(const struct rest_route *route)
{
	return route->method != HTTP1_GET;
}

static bool is_conditional(const struct rest_route *route)
{
	return (route->flags & REST_MOMENT) == 0;
}

static const struct doc_failure failures[] = {
	{"400", "BadRequest", "Something is malformed, unknown or out of range.", any_route, NULL,
		NULL},
	{"401", "Unauthorized", "There is no token, or not a good one.", has_token,
		"WWW-Authenticate", "What is wrong with it (RFC 6750)."},
	{"403", "Forbidden", "The caller is known, but may not.", has_token, NULL, NULL},
	{"404", "NotFound", "It is not there, or the caller may not know of it.", has_path, NULL,
		NULL},
	{"406", "NotAcceptable", "Something else than JSON is asked for.", any_route, NULL, NULL},
	{"409", "Conflict", "It contradicts what is there.", is_change, NULL, NULL},
	{"412", "PreconditionFailed", "It is not what If-Match names.", is_conditional, NULL, NULL},
	{"413", "ContentTooLarge", "The body is too long.", has_body, NULL, NULL},
	{"415", "UnsupportedMediaType", "The body is no JSON in UTF-8.", has_body, NULL, NULL},
	{"429", "TooManyRequests", "The caller must wait.", any_route, "Retry-After",
		"Seconds to wait before another try."},
	{"500", "InternalError", "A fault of the server.", any_route, NULL, NULL},
	{"503", "Unavailable", "A part is away, or full; it may be tried again.", any_route, NULL,
		NULL},
};

const struct doc_failure *doc_failures(size_t *ret_count)
{
	*ret_count = sizeof(failures) / sizeof(failures[0]);
	return failures;
}

static void responses(struct buf *out, const struct rest_route *route)
{
	doc_open(out, "responses");
	if (route->schema != NULL || route->op == NULL) {
		success(out, route, "200");
	}
	if (route->location != NULL) {
		success(out, route, "201");
	}
	if (route->schema == NULL && route->op != NULL) {
		success(out, route, "204");
	}
	if (route->method == HTTP1_GET && (route->flags & REST_MOMENT) == 0) {
		doc_open(out, "304");
		doc_reference(out, "responses", "NotModified");
		doc_shut(out);
	}
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		if (failures[i].concerns(route)) {
			doc_open(out, failures[i].status);
			doc_reference(out, "responses", failures[i].name);
			doc_shut(out);
		}
	}
	doc_shut(out);
}

static void security(struct buf *out, const struct rest_route *route)
{
	if ((route->flags & REST_TOKEN_OPTIONAL) != 0) {
		doc_name(out, "security");
		buf_append_str(out, "[{},{\"bearerAuth\":[]}]");
	} else if (!has_token(route)) {
		doc_name(out, "security");
		buf_append_str(out, "[]");
	}
}

static void operation(struct buf *out, const struct rest_route *route)
{
	static const char *const methods[] = {
		[HTTP1_GET] = "get",
		[HTTP1_POST] = "post",
		[HTTP1_PUT] = "put",
		[HTTP1_PATCH] = "patch",
		[HTTP1_DELETE] = "delete",
	};
	doc_open(out, methods[route->method]);
	doc_text(out, "operationId", route->op != NULL ? route->op->name : "openapi");
	doc_text(out, "summary", route->doc);
	doc_texts(out, "tags", (const char *const[]){route->tag, NULL});
	security(out, route);
	parameters(out, route);
	request_body(out, route);
	responses(out, route);
	doc_shut(out);
}

void doc_paths(struct buf *out)
{
	const char *path = NULL;
	doc_open(out, "paths");
	for (size_t i = 0; i < rest_route_count(); i++) {
		const struct rest_route *route = rest_route_at(i);
		if (path == NULL || strcmp(path, route->path) != 0) {
			if (path != NULL) {
				doc_shut(out);
			}
			path = route->path;
			doc_open(out, path);
		}
		operation(out, route);
	}
	doc_shut(out);
	doc_shut(out);
}
