#include "chatd/run/key_source.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "chatd/auth/jwks.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"
#include "lib/net/http_client.h"

#define SECOND_US UINT64_C(1000000)
/* After a failure: doubled each time, up to one of the last two. */
#define RETRY_US SECOND_US
#define RETRY_MAX_US (30 * SECOND_US) /* while there is no set at all */
#define RETRY_KEPT_MAX_US (600 * SECOND_US) /* while the last one is in force */
/* Of fetches for keys that tokens name. */
#define WANTED_PAUSE_US (30 * SECOND_US)
#define CONNECT_US (5 * SECOND_US)
#define STALL_US (5 * SECOND_US)
#define TOTAL_US (10 * SECOND_US)

enum source_state {
	SOURCE_STOPPED, /* no loop */
	SOURCE_NONE, /* no address is set */
	SOURCE_AWAITED, /* nothing has come yet */
	SOURCE_GOOD, /* the last fetch brought a set */
	SOURCE_FAILING, /* it did not; the set before, where there is one, is in force */
};

struct key_source {
	enum source_state state;
	void (*on_keys)(void *ctx);
	void *ctx;
	struct services *sv;
	char *url, *ca; /* where keys is from, and is fetched from */
	struct jwks *keys; /* NULL: none has come from there */
	uint8_t digest[32]; /* of the text of keys */
	struct http_client *client; /* NULL: not made yet */
	struct http_client_call *call; /* NULL: none is under way */
	struct loop_timer *next; /* fetches again */
	struct loop_timer *pause; /* ends the pause of key_source_want() */
	uint64_t retry_us;
	struct mail wanted_mail;
	/* The mail is under way, or its next would come too early. */
	atomic_bool wanted;
};

/* ---- states ---- */

static void set_state(struct key_source *source, enum source_state state)
{
	static const char *const names[] = {"stopped", "none", "awaited", "good", "failing"};
	if (source->state != state) {
		log_event(LOG_DEBUG, "key source state", LOG_STR("from", names[source->state]),
			LOG_STR("to", names[state]));
	}
	source->state = state;
}

static void forget_keys(struct key_source *source)
{
	jwks_unref(&source->keys);
	memset(source->digest, 0, sizeof(source->digest));
}

static void fail(struct key_source *source, const char *why)
{
	uint64_t most = source->keys != NULL ? RETRY_KEPT_MAX_US : RETRY_MAX_US;
	if (source->state != SOURCE_FAILING) {
		log_event(LOG_WARN, "keys cannot be fetched", LOG_STR("setting", "auth.jwks_url"),
			LOG_STR("why", why),
			LOG_STR("meanwhile", source->keys != NULL
						     ? "the keys before stay"
						     : "tokens of its keys are refused"));
	}
	set_state(source, SOURCE_FAILING);
	loop_timer_set(source->next, source->retry_us);
	source->retry_us = source->retry_us * 2 < most ? source->retry_us * 2 : most;
}

/* ---- an answer ---- */

/* 0, or ERR_BAD_REQUEST with why. */
static int read_answer(
	const struct http_client_answer *answer, struct jwks **ret_keys, char why[JWKS_WHY_SIZE])
{
	if (answer->err != 0) {
		snprintf(why, JWKS_WHY_SIZE, "%s", answer->why);
		return answer->err;
	}
	if (answer->status != 200) {
		snprintf(why, JWKS_WHY_SIZE, "the answer has status %d", answer->status);
		return ERR_UNREACHABLE;
	}
	char reason[JWKS_WHY_SIZE];
	int err = jwks_parse(answer->body, ret_keys, reason);
	if (err != 0) {
		snprintf(why, JWKS_WHY_SIZE, "the answer is no key set: %.120s", reason);
	}
	return err;
}

static void say_keys(const struct jwks *keys)
{
	log_event(jwks_count(keys) > 0 ? LOG_INFO : LOG_WARN, "keys fetched",
		LOG_STR("setting", "auth.jwks_url"), LOG_INT("keys", jwks_count(keys)),
		LOG_INT("unusable", jwks_left_out(keys)));
}

/* Takes the reference. */
static void take_keys(
	struct key_source *source, struct jwks *keys, const struct http_client_answer *answer)
{
	uint8_t digest[32];
	digest_sha256(answer->body, digest);
	bool same = source->keys != NULL && memcmp(digest, source->digest, sizeof(digest)) == 0;
	if (!same || source->state != SOURCE_GOOD) {
		say_keys(keys);
	}
	set_state(source, SOURCE_GOOD);
	source->retry_us = RETRY_US;
	struct bytes cache_control = http_client_answer_header(answer, "Cache-Control");
	loop_timer_set(source->next, jwks_refresh_s(cache_control) * SECOND_US);
	if (same) { /* verified tokens stay so */
		jwks_unref(&keys);
		return;
	}
	jwks_unref(&source->keys);
	source->keys = keys;
	memcpy(source->digest, digest, sizeof(digest));
	source->on_keys(source->ctx);
}

static void on_answer(void *ctx, const struct http_client_answer *answer)
{
	struct key_source *source = ctx;
	struct jwks *keys = NULL;
	char why[JWKS_WHY_SIZE];
	source->call = NULL;
	if (read_answer(answer, &keys, why) != 0) {
		fail(source, why);
	} else {
		take_keys(source, keys, answer);
	}
}

/* ---- fetching ---- */

static int make_client(struct key_source *source, struct buf *why)
{
	struct http_client_params params = {
		.loop = source->sv->loop,
		.user_agent = "chatd/" CHATD_VERSION,
		.ca_pem = bytes_str(source->ca),
	};
	return source->client != NULL ? 0 : http_client_create(&params, &source->client, why);
}

static void fetch(struct key_source *source)
{
	const struct http_client_header accept = {
		BYTES_LIT("Accept"), BYTES_LIT("application/jwk-set+json, application/json")};
	const struct http_client_request request = {
		.method = "GET",
		.url = source->url,
		.headers = &accept,
		.header_count = 1,
		.connect_us = CONNECT_US,
		.total_us = TOTAL_US,
		.stall_us = STALL_US,
		.max_size = JWKS_SIZE_MAX,
		.done = on_answer,
		.ctx = source,
	};
	struct buf why = {0};
	http_client_cancel(&source->call);
	loop_timer_cancel(source->next);
	if (make_client(source, &why) != 0) {
		fail(source, buf_cstr(&why));
	} else {
		source->call = http_client_start(source->client, &request);
	}
	buf_finish(&why);
}

static void on_next(void *ctx)
{
	fetch(ctx);
}

/* Another key that is not there may be told of. */
static void on_pause_over(void *ctx)
{
	struct key_source *source = ctx;
	atomic_store_explicit(&source->wanted, false, memory_order_relaxed);
}

static void wanted_run(struct mail *mail)
{
	struct key_source *source = CONTAINER_OF(mail, struct key_source, wanted_mail);
	if (source->state == SOURCE_STOPPED || source->state == SOURCE_NONE) {
		on_pause_over(source);
		return;
	}
	if (source->call != NULL) { /* what comes may have it, or be older */
		loop_timer_set(source->pause, SECOND_US);
		return;
	}
	loop_timer_set(source->pause, WANTED_PAUSE_US);
	fetch(source);
}

void key_source_want(void *ctx)
{
	struct key_source *source = ctx;
	if (atomic_load_explicit(&source->wanted, memory_order_relaxed) ||
		atomic_exchange_explicit(&source->wanted, true, memory_order_relaxed)) {
		return;
	}
	mailbox_post(services_mailbox(source->sv), &source->wanted_mail, wanted_run);
}

/* ---- life ---- */

static bool is_from(const struct key_source *source, const struct conf *conf)
{
	return source->url != NULL && strcmp(source->url, conf->auth.jwks_url) == 0 &&
	       strcmp(source->ca, conf->auth.jwks_ca) == 0;
}

static void let_go(struct key_source *source)
{
	source->call = NULL;
	http_client_destroy(&source->client);
}

void key_source_reload(struct key_source *source, const struct conf *conf)
{
	if (!is_from(source, conf)) {
		let_go(source);
		forget_keys(source);
		free(source->url);
		free(source->ca);
		source->url = mem_strdup(conf->auth.jwks_url);
		source->ca = mem_strdup(conf->auth.jwks_ca);
		set_state(source, SOURCE_AWAITED);
	}
	source->retry_us = RETRY_US;
	if (source->url[0] == '\0') {
		loop_timer_cancel(source->next);
		set_state(source, SOURCE_NONE);
	} else {
		fetch(source);
	}
}

void key_source_start(struct key_source *source, struct services *sv, const struct conf *conf)
{
	source->sv = sv;
	source->next = loop_timer_create(sv->loop, on_next, source);
	source->pause = loop_timer_create(sv->loop, on_pause_over, source);
	atomic_store(&source->wanted, false);
	set_state(source, source->keys != NULL ? SOURCE_GOOD : SOURCE_AWAITED);
	key_source_reload(source, conf);
}

void key_source_stop(struct key_source *source)
{
	let_go(source);
	loop_timer_destroy(&source->next);
	loop_timer_destroy(&source->pause);
	set_state(source, SOURCE_STOPPED);
}

struct key_source *key_source_create(void (*on_keys)(void *ctx), void *ctx)
{
	struct key_source *source = mem_zalloc(sizeof(*source));
	source->on_keys = on_keys;
	source->ctx = ctx;
	atomic_init(&source->wanted, false);
	return source;
}

void key_source_destroy(struct key_source **source)
{
	struct key_source *gone = *source;
	*source = NULL;
	if (gone != NULL) {
		forget_keys(gone);
		free(gone->url);
		free(gone->ca);
		free(gone);
	}
}

struct jwks *key_source_keys(const struct key_source *source, const struct conf *conf)
{
	return source->url != NULL && is_from(source, conf) ? source->keys : NULL;
}
