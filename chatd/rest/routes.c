#include "chatd/rest/routes.h"

#include "lib/base/err.h"

static const struct rest_table *const tables[] = {
	&rest_rooms_table,
	&rest_messages_table,
	&rest_members_table,
	&rest_users_table,
	&rest_node_table,
};

#define TABLES (sizeof(tables) / sizeof(tables[0]))

size_t rest_route_count(void)
{
	size_t count = 0;
	for (size_t i = 0; i < TABLES; i++) {
		count += tables[i]->count;
	}
	return count;
}

const struct rest_route *rest_route_at(size_t index)
{
	size_t i = 0;
	while (index >= tables[i]->count) {
		index -= tables[i]->count;
		i++;
	}
	return &tables[i]->routes[index];
}

/* ---- paths ---- */

/* The path of a target as it was sent: without scheme, authority and query. */
static struct bytes raw_path(struct bytes target)
{
	if (target.len > 0 && target.ptr[0] != '/') {
		const char *mark = memmem(target.ptr, target.len, "://", 3);
		const char *end = target.ptr + target.len;
		const char *at = mark != NULL ? mark + 3 : end;
		while (at < end && *at != '/' && *at != '?') {
			at++;
		}
		target = bytes_of(at, (size_t)(end - at));
	}
	struct bytes rest = target;
	return bytes_split(&rest, '?');
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	return (c | 0x20) - 'a' + 10;
}

/* target_parse() has checked that each '%' is followed by two digits. */
static struct bytes decode(struct bytes raw, struct arena *arena)
{
	if (memchr(raw.ptr, '%', raw.len) == NULL) {
		return raw;
	}
	char *out = arena_alloc(arena, raw.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < raw.len; i++) {
		if (raw.ptr[i] == '%' && i + 2 < raw.len) {
			out[len++] =
				(char)(hex_value(raw.ptr[i + 1]) << 4 | hex_value(raw.ptr[i + 2]));
			i += 2;
		} else {
			out[len++] = raw.ptr[i];
		}
	}
	return bytes_of(out, len);
}

/* A dot segment (RFC 3986 section 5.2.4) leaves nothing, but at the end the slash before it. */
static bool resolve_dots(struct rest_path *path, struct bytes *segment, bool last)
{
	bool up = bytes_eq(*segment, BYTES_LIT(".."));
	if (!up && !bytes_eq(*segment, BYTES_LIT("."))) {
		return false;
	}
	path->count -= up && path->count > 0;
	*segment = BYTES_LIT("");
	return !last;
}

int rest_path_read(struct bytes target, struct arena *arena, struct rest_path *ret_path)
{
	struct bytes rest = raw_path(target);
	if (rest.len == 0 || rest.ptr[0] != '/') {
		return ERR_NOT_FOUND;
	}
	rest = bytes_of(rest.ptr + 1, rest.len - 1);
	ret_path->count = 0;
	while (rest.ptr != NULL) {
		struct bytes segment = bytes_split(&rest, '/');
		segment = segment.len > 0 ? decode(segment, arena) : BYTES_LIT("");
		if (resolve_dots(ret_path, &segment, rest.ptr == NULL)) {
			continue;
		}
		if (ret_path->count == REST_SEGMENTS_MAX) {
			return ERR_NOT_FOUND;
		}
		ret_path->segments[ret_path->count++] = segment;
	}
	return 0;
}

/* ---- lookup ---- */

/* Whether path is one of pattern; what stands in its braces goes to args. */
static bool match(const char *pattern, const struct rest_path *path, struct bytes *args)
{
	for (size_t i = 0; i < path->count; i++) {
		if (*pattern++ != '/') {
			return false;
		}
		const char *end = strchrnul(pattern, '/');
		struct bytes segment = path->segments[i];
		if (*pattern == '{') {
			*args++ = segment;
			if (segment.len == 0) {
				return false;
			}
		} else if (!bytes_eq(bytes_of(pattern, (size_t)(end - pattern)), segment)) {
			return false;
		}
		pattern = end;
	}
	return *pattern == '\0';
}

static unsigned methods_of(const struct rest_route *route)
{
	unsigned methods = 1U << route->method | 1U << HTTP1_OPTIONS;
	return route->method == HTTP1_GET ? methods | 1U << HTTP1_HEAD : methods;
}

/* The first row that takes path; *ret_end is behind the last one of its table. NULL and NULL: none.
 * Exact paths come before those with braces that would take them too. */
static const struct rest_route *first_match(
	const struct rest_path *path, struct bytes *args, const struct rest_route **ret_end)
{
	*ret_end = NULL;
	for (size_t t = 0; t < TABLES; t++) {
		for (size_t i = 0; i < tables[t]->count; i++) {
			if (match(tables[t]->routes[i].path, path, args)) {
				*ret_end = tables[t]->routes + tables[t]->count;
				return &tables[t]->routes[i];
			}
		}
	}
	return NULL;
}

void rest_route_find(
	enum http1_method method, const struct rest_path *path, struct rest_match *ret_match)
{
	const struct rest_route *end;
	const struct rest_route *first = first_match(path, ret_match->args, &end);
	method = method == HTTP1_HEAD ? HTTP1_GET : method;
	ret_match->route = NULL;
	ret_match->methods = 0;
	for (const struct rest_route *route = first; route != end; route++) {
		if (strcmp(route->path, first->path) != 0) {
			break;
		}
		ret_match->methods |= methods_of(route);
		if (route->method == method) {
			ret_match->route = route;
		}
	}
}

const char *rest_allow_text(struct arena *arena, unsigned methods)
{
	static const struct {
		enum http1_method method;
		const char *name;
	} names[] = {
		{HTTP1_GET, "GET"},
		{HTTP1_HEAD, "HEAD"},
		{HTTP1_POST, "POST"},
		{HTTP1_PUT, "PUT"},
		{HTTP1_PATCH, "PATCH"},
		{HTTP1_DELETE, "DELETE"},
		{HTTP1_OPTIONS, "OPTIONS"},
	};
	const char *text = "";
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((methods & 1U << names[i].method) != 0) {
			text = arena_printf(
				arena, "%s%s%s", text, *text != '\0' ? ", " : "", names[i].name);
		}
	}
	return text;
}
