#include "chatd/net/http_internal.h"

#include <ctype.h>

#include "lib/base/log.h"

/* Longest name of a parameter, and longest number. */
#define SHOWN_MAX 32

static bool is_name(struct bytes text)
{
	bool good = text.len > 0 && text.len <= SHOWN_MAX;
	for (size_t i = 0; good && i < text.len; i++) {
		good = isalnum((unsigned char)text.ptr[i]) || text.ptr[i] == '_';
	}
	return good;
}

static bool is_number(struct bytes text)
{
	bool good = text.len <= SHOWN_MAX;
	for (size_t i = 0; good && i < text.len; i++) {
		good = isdigit((unsigned char)text.ptr[i]) || (i == 0 && text.ptr[i] == '-');
	}
	return good;
}

/* "before=17&cursor=*&access_token=*": tokens stand in queries, and who knows what else, so that
 * numbers alone are shown. */
static void append_query(struct bytes query, struct buf *out)
{
	while (query.len > 0) {
		struct bytes pair = bytes_split(&query, '&');
		ptrdiff_t equals = bytes_find_char(pair, '=');
		struct bytes name = bytes_of(pair.ptr, equals > 0 ? (size_t)equals : 0);
		struct bytes value = bytes_of(pair.ptr + name.len, pair.len - name.len);
		if (is_name(name)) {
			value = bytes_of(value.ptr + 1, value.len - 1);
			buf_append_bytes(out, name);
			buf_append_char(out, '=');
			buf_append_bytes(out, is_number(value) ? value : BYTES_LIT("*"));
		} else {
			buf_append_char(out, '*');
		}
		buf_append_str(out, query.len > 0 ? "&" : "");
	}
}

/* The client's own name for the request; no field where it has none. */
static struct log_field client_id(const struct http_exchange *exchange)
{
	const struct bytes *id = http1_header(&exchange->head.headers, "X-Request-Id");
	return id != NULL ? LOG_BYTES("client_request", *id)
			  : (struct log_field){.kind = LOG_END_FIELDS};
}

void http_log_answer(const struct exchange *exchange, int status, size_t bytes)
{
	if (!log_enabled(LOG_DEBUG)) {
		return;
	}
	const struct http_exchange *public = &exchange->public;
	uint64_t took_us = loop_now_us(exchange->loop) - exchange->started_us;
	struct buf target = {0};
	char user[UUID_TEXT_SIZE] = "-";
	char id[HTTP_ID_SIZE];
	buf_append_bytes(&target, public->path);
	buf_append_str(&target, public->query.len > 0 ? "?" : "");
	append_query(public->query, &target);
	http_id_format(public->id, id);
	if (exchange->has_user) {
		uuid_format(&exchange->user, user);
	}
	log_event(LOG_DEBUG, "request", LOG_STR("request", id),
		LOG_BYTES("method", public->head.method_text),
		LOG_BYTES("target", buf_bytes(&target)), LOG_INT("status", status),
		LOG_INT("ms", took_us / 1000), LOG_INT("bytes", bytes), LOG_STR("user", user),
		LOG_STR("peer", public->peer), client_id(public));
	buf_finish(&target);
}
