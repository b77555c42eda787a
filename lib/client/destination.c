#include "lib/client/destination.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/client/client.h"
#include "lib/client/negotiate.h"
#include "lib/wire/http1.h"
#include "lib/wire/target.h"

/* A server may gather records for an event: ASP.NET Core what its buffer of 64 KiB holds. */
enum { EVENT_MORE = 128 * 1024 };

static void free_secret(char *text)
{
	if (text != NULL) {
		mem_wipe(text, strlen(text));
		free(text);
	}
}

int destination_create(struct stream_pool *pool, const struct client_options *options,
	struct destination **ret_destination)
{
	struct destination *d = mem_zalloc(sizeof(*d));
	d->refs = 1;
	d->pool = pool;
	d->token = mem_dup_bytes(options->token);
	d->binary = options->encoding == CLIENT_ENCODING_MESSAGEPACK;
	d->max_queued = options->max_queued;
	d->max_event = options->max_message + EVENT_MORE;
	d->request_timeout_us = options->request_timeout_us;
	int err = client_address_init(&d->address, options->url, options->unix_path);
	if (err == 0 && options->token.len > 0 && !negotiate_token_valid(options->token)) {
		err = ERR_USAGE;
	}
	if (err != 0) {
		destination_unref(&d);
		return err;
	}
	*ret_destination = d;
	return 0;
}

struct destination *destination_ref(struct destination *destination)
{
	destination->refs++;
	return destination;
}

void destination_unref(struct destination **destination)
{
	struct destination *d = *destination;
	if (d == NULL) {
		return;
	}
	*destination = NULL;
	if (--d->refs == 0) {
		client_address_finish(&d->address);
		free_secret(d->token);
		free_secret(d->id);
		free(d);
	}
}

void destination_set_token(struct destination *destination, struct bytes token)
{
	free_secret(destination->token);
	destination->token = mem_dup_bytes(token);
}

void destination_set_id(struct destination *destination, struct bytes id)
{
	free_secret(destination->id);
	destination->id = mem_dup_bytes(id);
}

/* ---- requests ---- */

static void write_head(
	const struct destination *d, struct buf *out, const char *method, const struct buf *target)
{
	http1_write_request_line(out, method, buf_bytes(target));
	http1_write_header(out, "Host", bytes_str(d->address.host));
	if (d->token[0] != '\0') {
		struct buf value = {0};
		buf_append_str(&value, "Bearer ");
		buf_append_str(&value, d->token);
		http1_write_header(out, "Authorization", buf_bytes(&value));
		destination_wipe(&value);
	}
}

static void append_pair(struct buf *target, const char *name, struct bytes value)
{
	buf_append_char(target, memchr(target->data, '?', target->len) != NULL ? '&' : '?');
	buf_append_str(target, name);
	buf_append_char(target, '=');
	target_encode(target, value);
}

static void append_query(struct buf *target, const struct client_address *address)
{
	if (address->query[0] != '\0') {
		buf_append_char(target, '?');
		buf_append_str(target, address->query);
	}
}

void destination_write_negotiate(const struct destination *destination, struct buf *out)
{
	struct buf target = {0};
	struct bytes path = bytes_str(destination->address.path);
	/* One trailing slash counts as the one before "negotiate". */
	buf_append_bytes(&target, path);
	buf_append_str(&target, path.ptr[path.len - 1] == '/' ? "negotiate" : "/negotiate");
	append_query(&target, &destination->address);
	append_pair(&target, "negotiateVersion", BYTES_LIT("1"));
	write_head(destination, out, "POST", &target);
	http1_write_header(out, "Connection", BYTES_LIT("close"));
	http1_write_header_u64(out, "Content-Length", 0);
	http1_write_end(out);
	buf_finish(&target);
}

void destination_write_request(
	const struct destination *destination, struct buf *out, const char *method, uint64_t number)
{
	struct buf target = {0};
	buf_append_str(&target, destination->address.path);
	append_query(&target, &destination->address);
	if (destination->id != NULL) {
		append_pair(&target, "id", bytes_str(destination->id));
	}
	if (number != 0) {
		char text[24];
		int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
		append_pair(&target, "_", bytes_of(text, (size_t)len));
	}
	write_head(destination, out, method, &target);
	destination_wipe(&target);
}

void destination_wipe(struct buf *out)
{
	mem_wipe(out->data, out->len);
	buf_finish(out);
}
