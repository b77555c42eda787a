#include "chatctl/webhook.h"

#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/err.h"
#include "lib/loop/loop.h"
#include "lib/net/http_client.h"

#define TRIES 3
/* An answer is only looked at for its status. */
#define ANSWER_MAX ((size_t)64 * 1024 * 1024)

struct webhook {
	struct loop *loop; /* its own: it runs while a request is under way */
	struct http_client *client;
	char *url;
	uint64_t timeout_us;
	int err, status; /* of the last request */
	char *why;
};

void webhook_close(struct webhook **webhook)
{
	struct webhook *gone = *webhook;
	*webhook = NULL;
	if (gone == NULL) {
		return;
	}
	http_client_destroy(&gone->client);
	loop_destroy(&gone->loop);
	free(gone->why);
	free(gone->url);
	free(gone);
}

int webhook_open(struct webhook **ret_webhook, struct bytes url, uint64_t timeout_us,
	struct failure *failure)
{
	bool web = bytes_starts_nocase(url, BYTES_LIT("http://")) ||
		   bytes_starts_nocase(url, BYTES_LIT("https://"));
	if (!web) {
		return failure_set(
			failure, ERR_USAGE, NULL, "--webhook must be an http or https address");
	}
	struct webhook *webhook = mem_zalloc(sizeof(*webhook));
	struct buf why = {0};
	webhook->loop = loop_create();
	webhook->url = mem_dup_bytes(url);
	webhook->timeout_us = timeout_us;
	struct http_client_params params = {
		.loop = webhook->loop,
		.user_agent = "chatctl/" CHATD_VERSION,
	};
	int err = http_client_create(&params, &webhook->client, &why);
	if (err != 0) {
		webhook_close(&webhook);
		failure_set(failure, err, NULL, "%s", buf_cstr(&why));
	} else {
		*ret_webhook = webhook;
	}
	buf_finish(&why);
	return err;
}

static int drop_body(void *ctx, struct bytes piece)
{
	(void)ctx;
	(void)piece;
	return 0;
}

static void on_answer(void *ctx, const struct http_client_answer *answer)
{
	struct webhook *webhook = ctx;
	free(webhook->why);
	webhook->err = answer->err;
	webhook->status = answer->status;
	webhook->why = mem_strdup(answer->why);
	loop_stop(webhook->loop);
}

/* Whether it is worth another try. */
static bool is_passing(const struct webhook *webhook)
{
	return webhook->err == ERR_UNREACHABLE ||
	       (webhook->err == 0 && (webhook->status == 429 || webhook->status >= 500));
}

static int judge(const struct webhook *webhook, struct failure *failure)
{
	if (webhook->err == ERR_TIMEOUT) {
		return failure_set(
			failure, ERR_TIMEOUT, NULL, "the webhook did not answer in time");
	}
	if (webhook->err != 0) {
		return failure_set(failure, ERR_UNREACHABLE, NULL,
			"the webhook cannot be reached: %s", webhook->why);
	}
	if (webhook->status < 200 || webhook->status > 299) {
		return failure_set(failure, ERR_FORBIDDEN, NULL,
			"the webhook answered with status %d", webhook->status);
	}
	return 0;
}

int webhook_post(
	struct webhook *webhook, struct bytes body, const char *key, struct failure *failure)
{
	const struct http_client_header headers[] = {
		{BYTES_LIT("Content-Type"), BYTES_LIT("application/json")},
		{BYTES_LIT("Idempotency-Key"), bytes_str(key)},
	};
	const struct http_client_request request = {
		.method = "POST",
		.url = webhook->url,
		.headers = headers,
		.header_count = sizeof(headers) / sizeof(headers[0]),
		.body = body,
		.connect_us = webhook->timeout_us,
		.total_us = webhook->timeout_us,
		.max_size = ANSWER_MAX,
		.on_body = drop_body,
		.done = on_answer,
		.ctx = webhook,
	};
	for (int i = 0; i < TRIES; i++) {
		http_client_start(webhook->client, &request);
		loop_run(webhook->loop);
		if (!is_passing(webhook)) {
			break;
		}
		const struct timespec pause = {.tv_nsec = 200000000L << i};
		nanosleep(&pause, NULL);
	}
	return judge(webhook, failure);
}
