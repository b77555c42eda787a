#include "chatd/hub/negotiate.h"

#include "chatd/auth/conn_token.h"
#include "chatd/hub/admission.h"
#include "chatd/hub/refresh.h"
#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/store/store.h"
#include "lib/value/json.h"
#include "lib/wire/target.h"

/* A decimal number as .NET's int.Parse reads it: blanks around it and a sign are allowed. */
static int read_version(struct bytes text, long long *ret_version)
{
	text = bytes_trim(text);
	if (text.len > 0 && text.ptr[0] == '+') {
		text = bytes_of(text.ptr + 1, text.len - 1);
		if (text.len > 0 && text.ptr[0] == '-') {
			return ERR_BAD_REQUEST;
		}
	}
	int err = bytes_to_i64(text, ret_version);
	if (err == 0 && (*ret_version > INT32_MAX || *ret_version < INT32_MIN)) {
		err = ERR_BAD_REQUEST;
	}
	return err;
}

/* 0 or 1, or an answer with an error: whose status is 200, for that is what clients read. */
static int find_version(struct http_exchange *exchange, int *ret_version)
{
	struct bytes text = BYTES_NONE;
	size_t count = 0;
	const char *error = NULL;
	long long version = 0;
	if (target_query_get(exchange->query, "negotiateVersion", exchange->arena, &text, &count) !=
		0) {
		*ret_version = 0;
		return 0;
	}
	if (read_version(text, &version) != 0) {
		error = "The client requested a non-integer protocol version.";
	} else if (version < 0) {
		error = arena_printf(exchange->arena,
			"The client requested version '%lld', but the server does not support this "
			"version.",
			version);
	}
	if (error != NULL) {
		struct buf body = {0};
		buf_append_str(&body, "{");
		json_write_member_text(&body, "error", bytes_str(error));
		buf_append_str(&body, "}");
		http_respond(exchange, 200, "application/json", NULL, buf_bytes(&body));
		buf_finish(&body);
		return ERR_BAD_REQUEST;
	}
	*ret_version = version > 0 ? 1 : 0;
	return 0;
}

/* lifetime_s: negative where it is not told. */
static void write_answer(
	struct buf *body, int version, const char *id, const char *token, int64_t lifetime_s)
{
	buf_append_str(body, "{");
	json_write_member_int(body, "negotiateVersion", version);
	json_write_member_text(body, "connectionId", bytes_str(version == 0 ? token : id));
	if (version > 0) {
		json_write_member_text(body, "connectionToken", bytes_str(token));
	}
	buf_append_str(body,
		",\"availableTransports\":["
		"{\"transport\":\"WebSockets\",\"transferFormats\":[\"Text\",\"Binary\"]},"
		"{\"transport\":\"ServerSentEvents\",\"transferFormats\":[\"Text\"]},"
		"{\"transport\":\"LongPolling\",\"transferFormats\":[\"Text\",\"Binary\"]}]");
	if (lifetime_s >= 0) {
		json_write_member_int(body, "tokenLifetimeSeconds", lifetime_s);
	}
	buf_append_str(body, "}");
}

void negotiate_answer(
	struct services *sv, struct http_exchange *exchange, const struct principal *principal)
{
	int version;
	if (exchange->head.method != HTTP1_POST) {
		http_respond(exchange, 405, "text/plain", NULL, BYTES_NONE);
		return;
	}
	if (find_version(exchange, &version) != 0 || admission_is_draining(sv, exchange) ||
		admission_is_full(sv, exchange)) {
		return;
	}
	struct conn_token token = {
		.incarnation = sv->incarnation,
		.worker = (uint16_t)sv->worker,
		.issued_ms = clock_wall_ms(sv->clock),
		.flags = version == 0 ? CONN_TOKEN_VERSION_0 : 0,
	};
	ident_random(&token.id);
	conn_token_user_hash(&principal->user_id, token.user_hash);
	char text[CONN_TOKEN_SIZE];
	conn_token_issue(
		bytes_of(sv->store->fleet_secret, sizeof(sv->store->fleet_secret)), &token, text);
	char id[CONN_ID_SIZE];
	conn_id_format(&token.id, id);
	struct buf body = {0};
	write_answer(&body, version, id, text, refresh_lifetime_s(sv, principal));
	http_respond(exchange, 200, "application/json", NULL, buf_bytes(&body));
	buf_finish(&body);
}
