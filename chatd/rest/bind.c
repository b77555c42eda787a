#include "chatd/rest/bind.h"

#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/value/json.h"
#include "lib/wire/target.h"

/* One binding under way. */
struct bind {
	const struct rest_route *route;
	const struct http_exchange *exchange;
	struct arena *arena;
	void *params;
	struct problem *problem;
};

static void *field_of(const struct bind *bind, const struct param *param)
{
	return (char *)bind->params + param->offset;
}

static enum param_given *given_of(const struct bind *bind, const struct param *param)
{
	return (void *)((char *)bind->params + param->given - 1);
}

/* Texts of a problem outlive the operation's arena. */
static int refuse(const struct bind *bind, const char *place, const struct params_error *error)
{
	struct arena *arena = bind->exchange->arena;
	const char *name = error->param != NULL ? error->param->name : NULL;
	if (error->fault == PARAMS_UNKNOWN && error->unknown.len <= 64) {
		name = arena_dup(arena, error->unknown).ptr;
	}
	const char *text = params_error_text(arena, error);
	if (name == NULL) {
		return problem_set(bind->problem, ERR_BAD_REQUEST, text);
	}
	return problem_set_at(bind->problem, place, name, text);
}

static int refuse_twice(const struct bind *bind, const char *place, const char *name)
{
	return problem_set_at(bind->problem, place, name,
		arena_printf(bind->exchange->arena, "'%s' is there twice", name));
}

/* ---- path ---- */

static void bind_path(const struct bind *bind, const struct rest_match *match)
{
	for (size_t i = 0; i < match->route->in_path.count; i++) {
		*(struct bytes *)field_of(bind, &match->route->in_path.table[i]) = match->args[i];
	}
}

/* ---- query ---- */

static const struct param *find_param(const struct rest_params *params, struct bytes name)
{
	for (size_t i = 0; i < params->count; i++) {
		if (bytes_eq_nocase(bytes_str(params->table[i].name), name)) {
			return &params->table[i];
		}
	}
	return NULL;
}

/* The value that a text in a query stands for. */
static enum params_fault read_text(
	const struct param *param, struct bytes text, struct value *ret_value)
{
	unsigned long long number;
	*ret_value = value_text(text);
	if (param->kind == PARAM_INT) {
		if (bytes_to_u64(text, &number) != 0 || number > INT64_MAX) {
			return PARAMS_RANGE;
		}
		*ret_value = value_int((int64_t)number);
	} else if (param->kind == PARAM_BOOL) {
		bool yes = bytes_eq(text, BYTES_LIT("true"));
		if (!yes && !bytes_eq(text, BYTES_LIT("false"))) {
			return PARAMS_TYPE;
		}
		*ret_value = value_bool(yes);
	}
	return PARAMS_OK;
}

/* Adds one pair of the query to object. */
static int take_pair(
	const struct bind *bind, struct bytes name, struct bytes text, struct value *object)
{
	const struct rest_params *query = &bind->route->in_query;
	const struct param *param = find_param(query, name);
	struct params_error error = {.param = param};
	struct value value;
	if (param == NULL) {
		value_put(object, name.ptr, value_null);
		return params_bind_object(
			       query->table, query->count, object, bind->params, &error) != 0
			       ? refuse(bind, "query", &error)
			       : 0;
	}
	if (value_get(object, param->name) != NULL) {
		return refuse_twice(bind, "query", param->name);
	}
	error.fault = read_text(param, text, &value);
	if (error.fault != PARAMS_OK) {
		return refuse(bind, "query", &error);
	}
	value_put(object, param->name, value);
	return 0;
}

static int bind_query(const struct bind *bind)
{
	const struct rest_params *query = &bind->route->in_query;
	struct bytes rest = bind->exchange->query;
	struct bytes name, text;
	if (rest.len == 0) {
		return 0;
	}
	/* With room for the first unknown one. */
	struct value object = value_object(bind->arena, (uint32_t)query->count + 1);
	while (target_query_next(&rest, &name, &text) == 0) {
		int err = take_pair(bind, target_query_decode(name, bind->arena),
			target_query_decode(text, bind->arena), &object);
		if (err != 0) {
			return err;
		}
	}
	struct params_error error;
	int err = params_bind_object(query->table, query->count, &object, bind->params, &error);
	return err != 0 ? refuse(bind, "query", &error) : 0;
}

/* ---- body ---- */

/* Names count without regard to case, so that "Name" beside "name" is the same one twice. */
static int refuse_same_names(const struct bind *bind, const struct value *object)
{
	const struct rest_params *body = &bind->route->in_body;
	for (size_t p = 0; object->count > 1 && p < body->count; p++) {
		size_t found = 0;
		for (uint32_t i = 0; i < object->count; i++) {
			found += bytes_eq_nocase(
				object->members[i].name, bytes_str(body->table[p].name));
		}
		if (found > 1) {
			return refuse_twice(bind, "body", body->table[p].name);
		}
	}
	return 0;
}

static int read_body(const struct bind *bind, struct value *ret_object)
{
	struct arena *lasting = bind->exchange->arena;
	const char *why = NULL;
	int err = json_read_unique(bind->arena, bind->exchange->body, ret_object, &why);
	if (err == ERR_NOMEM) {
		return problem_set(bind->problem, ERR_UNAVAILABLE, "out of memory");
	}
	if (err != 0) {
		return problem_set(
			bind->problem, ERR_BAD_REQUEST, arena_printf(lasting, "the body: %s", why));
	}
	return 0;
}

static int bind_body(const struct bind *bind)
{
	const struct rest_params *body = &bind->route->in_body;
	struct value object;
	if (bind->exchange->body.len == 0 && (bind->route->flags & REST_BODY) == 0) {
		return 0;
	}
	if (bind->exchange->body.len == 0) {
		return problem_set(
			bind->problem, ERR_BAD_REQUEST, "a JSON object is needed as the body");
	}
	if ((bind->route->flags & REST_BODY) == 0) {
		return problem_set(bind->problem, ERR_BAD_REQUEST, "no body is taken here");
	}
	int err = read_body(bind, &object);
	if (err != 0) {
		return err;
	}
	if (object.kind != VALUE_OBJECT) {
		return problem_set(
			bind->problem, ERR_BAD_REQUEST, "the body must be a JSON object");
	}
	struct params_error error;
	err = params_bind_object(body->table, body->count, &object, bind->params, &error);
	return err != 0 ? refuse(bind, "body", &error) : refuse_same_names(bind, &object);
}

/* ---- headers ---- */

/* A text, or a string of RFC 8941 section 3.3.3 without escapes, as the draft of that header has
 * it. */
static struct bytes key_text(struct bytes text)
{
	bool quoted = text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"';
	struct bytes inner = quoted ? bytes_of(text.ptr + 1, text.len - 2) : text;
	bool plain = bytes_find_char(inner, '"') < 0 && bytes_find_char(inner, '\\') < 0;
	return quoted && plain ? inner : text;
}

static int bind_key(const struct bind *bind)
{
	static const char name[] = "Idempotency-Key";
	const struct http1_headers *headers = &bind->exchange->head.headers;
	const struct bytes *header = http1_header(headers, name);
	if ((bind->route->flags & REST_IDEMPOTENT) == 0 || header == NULL) {
		return 0;
	}
	if (http1_header_count(headers, name) > 1) {
		return refuse_twice(bind, "header", name);
	}
	const struct param *param = find_param(&bind->route->in_body, BYTES_LIT("clientMessageId"));
	struct bytes key = key_text(*header);
	struct bytes *field = field_of(bind, param);
	if (key.len < (size_t)param->min || key.len > (size_t)param->max) {
		return problem_set_at(bind->problem, "header", name,
			arena_printf(bind->exchange->arena, "'%s' must be %d to %d bytes long",
				name, (int)param->min, (int)param->max));
	}
	if (*given_of(bind, param) == PARAM_PRESENT && !bytes_eq(*field, key)) {
		return problem_set_at(bind->problem, "header", name,
			"'Idempotency-Key' and 'clientMessageId' differ");
	}
	*field = arena_dup(bind->arena, key);
	*given_of(bind, param) = PARAM_PRESENT;
	return 0;
}

int rest_bind(const struct rest_match *match, const struct http_exchange *exchange,
	struct arena *arena, void *params, struct problem *ret_problem)
{
	const struct bind bind = {
		.route = match->route,
		.exchange = exchange,
		.arena = arena,
		.params = params,
		.problem = ret_problem,
	};
	bind_path(&bind, match);
	int err = bind_query(&bind);
	if (err == 0) {
		err = bind_body(&bind);
	}
	return err != 0 ? err : bind_key(&bind);
}
