/* One request and its answer: what curl is told of it, and what it tells of it. */
#include "lib/net/http_client.h"

#define CURL_DISABLE_TYPECHECK /* its macros would name the functions themselves */
#include <curl/curl.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/net/http_client_private.h"

#define HEADERS_MAX ((size_t)64 * 1024)

/* ---- what comes ---- */

static void note_bytes(struct http_client_call *call)
{
	call->moved_us = loop_now_us(call->client->loop);
}

/* A line of a head. Heads may follow each other: of an interim answer, and of the final one. */
static size_t take_header(char *line, size_t size, size_t count, void *ctx)
{
	struct http_client_call *call = ctx;
	size_t len = size * count;
	note_bytes(call);
	if (call->withdrawn) {
		return 0;
	}
	if (bytes_starts(bytes_of(line, len), BYTES_LIT("HTTP/"))) {
		buf_clear(&call->headers);
		call->head_whole = false;
	}
	call->head_whole = call->head_whole || line[0] == '\r' || line[0] == '\n';
	if (call->headers.len + len > HEADERS_MAX) {
		call->err = ERR_TOO_LARGE;
		return 0;
	}
	buf_append(&call->headers, line, len);
	return len;
}

static int read_status(struct http_client_call *call)
{
	long status = 0;
	call->client->lib.easy_getinfo(call->curl, CURLINFO_RESPONSE_CODE, &status);
	return (int)status;
}

static int tell_head(struct http_client_call *call)
{
	if (call->head_told || call->on_head == NULL) {
		return 0;
	}
	call->head_told = true;
	return call->on_head(call->ctx, read_status(call));
}

static int take_piece(struct http_client_call *call, struct bytes piece)
{
	if (piece.len > call->max_size - call->size) {
		return ERR_TOO_LARGE;
	}
	call->size += piece.len;
	int err = tell_head(call);
	if (err != 0 || call->withdrawn) {
		return err;
	}
	if (call->on_body != NULL) {
		return call->on_body(call->ctx, piece);
	}
	buf_append_bytes(&call->body, piece);
	return 0;
}

static size_t take_body(char *data, size_t size, size_t count, void *ctx)
{
	struct http_client_call *call = ctx;
	size_t len = size * count;
	note_bytes(call);
	if (call->withdrawn || len == 0) {
		return 0;
	}
	int err = take_piece(call, bytes_of(data, len));
	if (call->withdrawn) {
		return 0;
	}
	call->err = err;
	return err == 0 ? len : 0;
}

/* Bytes that leave are not told by curl: they are looked at here. */
static void on_stall(void *ctx)
{
	struct http_client_call *call = ctx;
	curl_off_t uploaded = 0;
	call->client->lib.easy_getinfo(call->curl, CURLINFO_SIZE_UPLOAD_T, &uploaded);
	uint64_t now = loop_now_us(call->client->loop);
	if (uploaded != call->uploaded) {
		call->uploaded = uploaded;
		call->moved_us = now;
	}
	if (now - call->moved_us < call->stall_us) {
		loop_timer_set(call->stall, call->stall_us - (now - call->moved_us));
		return;
	}
	call->err = ERR_TIMEOUT;
	http_client_stop(call);
}

/* ---- what curl is told ---- */

static bool is_web(const char *url)
{
	return bytes_starts_nocase(bytes_str(url), BYTES_LIT("http://")) ||
	       bytes_starts_nocase(bytes_str(url), BYTES_LIT("https://"));
}

static long milliseconds(uint64_t us)
{
	uint64_t ms = (us + 999) / 1000;
	return ms > INT32_MAX ? INT32_MAX : (long)ms;
}

static void set_trust(struct http_client_call *call)
{
	const struct http_client *client = call->client;
	const struct curl_library *lib = &client->lib;
	lib->easy_setopt(call->curl, CURLOPT_SSL_VERIFYPEER, 1L);
	lib->easy_setopt(call->curl, CURLOPT_SSL_VERIFYHOST, 2L);
	lib->easy_setopt(call->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (client->ca_pem.len > 0) {
		struct curl_blob pem = {
			.data = (void *)(uintptr_t)client->ca_pem.ptr,
			.len = client->ca_pem.len,
			.flags = CURL_BLOB_NOCOPY,
		};
		if (lib->easy_setopt(call->curl, CURLOPT_CAINFO_BLOB, &pem) != CURLE_OK) {
			call->err = ERR_NOT_SUPPORTED;
		}
		lib->easy_setopt(call->curl, CURLOPT_CAPATH, NULL);
	}
}

static void set_address(struct http_client_call *call, const struct http_client_request *request)
{
	const struct curl_library *lib = &call->client->lib;
	CURL *curl = call->curl;
	lib->easy_setopt(curl, CURLOPT_URL, request->url);
	lib->easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* A name server that is silent must not hold up who gives a call up. */
	lib->easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
#endif
	lib->easy_setopt(curl, CURLOPT_PROXY, ""); /* nor one of the environment */
	lib->easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	lib->easy_setopt(curl, CURLOPT_USERAGENT, call->client->user_agent);
	lib->easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request->connect_us));
	lib->easy_setopt(curl, CURLOPT_TIMEOUT_MS, milliseconds(request->total_us));
	lib->easy_setopt(curl, CURLOPT_ERRORBUFFER, call->trouble);
	lib->easy_setopt(curl, CURLOPT_PRIVATE, call);
	lib->easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
	lib->easy_setopt(curl, CURLOPT_HEADERDATA, call);
	lib->easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	lib->easy_setopt(curl, CURLOPT_WRITEDATA, call);
}

/* A header with line ends in it would be several. */
static bool is_plain(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if ((c < ' ' && c != '\t') || c == 0x7f) {
			return false;
		}
	}
	return true;
}

static void set_header(
	struct http_client_call *call, const struct http_client_header *header, struct buf *line)
{
	if (!is_plain(header->name) || !is_plain(header->value)) {
		call->err = ERR_BAD_REQUEST;
		return;
	}
	buf_clear(line);
	buf_printf(line, "%.*s: %.*s", BYTES_ARG(header->name), BYTES_ARG(header->value));
	call->headers_sent =
		call->client->lib.slist_append(call->headers_sent, buf_cstr(line)); /* a copy */
}

static void set_request(struct http_client_call *call, const struct http_client_request *request)
{
	const struct curl_library *lib = &call->client->lib;
	struct buf line = {0};
	/* No asking first whether a body is welcome. */
	call->headers_sent = lib->slist_append(NULL, "Expect:");
	for (size_t i = 0; i < request->header_count; i++) {
		set_header(call, &request->headers[i], &line);
	}
	buf_finish(&line);
	lib->easy_setopt(call->curl, CURLOPT_HTTPHEADER, call->headers_sent);
	if (strcmp(request->method, "POST") == 0) {
		call->body_sent = mem_dup_bytes(request->body);
		lib->easy_setopt(call->curl, CURLOPT_POST, 1L);
		lib->easy_setopt(
			call->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
		lib->easy_setopt(call->curl, CURLOPT_POSTFIELDS, call->body_sent);
	} else {
		assert(strcmp(request->method, "GET") == 0);
		lib->easy_setopt(call->curl, CURLOPT_HTTPGET, 1L);
	}
}

static void watch_stall(struct http_client_call *call, uint64_t stall_us)
{
	if (stall_us == 0) {
		return;
	}
	note_bytes(call);
	call->stall_us = stall_us;
	call->stall = loop_timer_create(call->client->loop, on_stall, call);
	loop_timer_set(call->stall, stall_us);
}

struct http_client_call *http_call_create(
	struct http_client *client, const struct http_client_request *request)
{
	struct http_client_call *call = mem_zalloc(sizeof(*call));
	call->client = client;
	call->max_size = request->max_size;
	call->on_head = request->on_head;
	call->on_body = request->on_body;
	call->done = request->done;
	call->ctx = request->ctx;
	call->curl = client->lib.easy_init();
	if (call->curl == NULL) {
		call->err = ERR_NOMEM;
		return call;
	}
	if (!is_web(request->url)) {
		call->err = ERR_BAD_REQUEST;
		snprintf(call->trouble, sizeof(call->trouble),
			"the address begins neither with http:// nor with https://");
		return call;
	}
	set_address(call, request);
	set_trust(call);
	set_request(call, request);
	if (call->err == 0) {
		watch_stall(call, request->stall_us);
	}
	return call;
}

void http_call_destroy(struct http_client_call *call)
{
	const struct curl_library *lib = &call->client->lib;
	assert(!call->added);
	loop_timer_destroy(&call->stall);
	if (call->curl != NULL) {
		lib->easy_cleanup(call->curl);
	}
	lib->slist_free_all(call->headers_sent);
	free(call->body_sent);
	buf_finish(&call->body);
	buf_finish(&call->headers);
	free(call);
}

/* ---- how it ended ---- */

static int judge(const struct http_client_call *call)
{
	if (call->err != 0) {
		return call->err;
	}
	switch (call->code) {
	case CURLE_OK:
		return call->head_whole ? 0 : ERR_UNREACHABLE;
	case CURLE_OPERATION_TIMEDOUT:
		return ERR_TIMEOUT;
	case CURLE_OUT_OF_MEMORY:
		return ERR_NOMEM;
	case CURLE_URL_MALFORMAT:
		return ERR_BAD_REQUEST;
	default:
		return ERR_UNREACHABLE;
	}
}

static const char *tell_why(struct http_client_call *call, int err)
{
	if (err == 0) {
		return "";
	}
	if (call->err == ERR_TOO_LARGE) {
		return "the answer is too long";
	}
	if (call->err == ERR_TIMEOUT) {
		return "nothing came for too long";
	}
	if (call->trouble[0] != '\0') {
		return call->trouble;
	}
	if (call->err == 0 && call->code == CURLE_OK) {
		return "the answer ended within its head";
	}
	return call->err == 0 ? call->client->lib.easy_strerror(call->code) : err_text(err);
}

/* done may end the client, so that the call goes first; what it is shown outlives that. */
static void tell_done(struct http_client_call *call, struct http_client_answer *answer)
{
	http_client_done_fn done = call->done;
	void *ctx = call->ctx;
	struct buf body = call->body;
	struct buf headers = call->headers;
	char *why = mem_strdup(tell_why(call, answer->err));
	call->body = call->headers = (struct buf){0};
	http_call_destroy(call);
	answer->headers = &headers;
	answer->why = why;
	if (answer->err == 0) {
		answer->body = buf_bytes(&body);
	}
	done(ctx, answer);
	free(why);
	buf_finish(&body);
	buf_finish(&headers);
}

void http_call_tell(struct http_client_call *call)
{
	struct http_client_answer answer = {.err = judge(call)};
	if (call->curl != NULL) {
		answer.status = read_status(call);
	}
	if (answer.err == 0) { /* of an answer without a body */
		call->telling = true;
		answer.err = call->err = tell_head(call);
	}
	if (call->withdrawn) {
		http_call_destroy(call);
	} else {
		tell_done(call, &answer);
	}
}

struct bytes http_client_answer_header(const struct http_client_answer *answer, const char *name)
{
	struct bytes rest = buf_bytes(answer->headers);
	while (rest.len > 0) {
		struct bytes line = bytes_split(&rest, '\n');
		struct bytes value = line;
		struct bytes key = bytes_split(&value, ':');
		if (value.ptr != NULL && bytes_eq_nocase(key, bytes_str(name))) {
			if (value.len > 0 && value.ptr[value.len - 1] == '\r') {
				value.len--;
			}
			return bytes_trim(value);
		}
	}
	return BYTES_NONE;
}
