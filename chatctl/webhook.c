#include "chatctl/webhook.h"

#define CURL_DISABLE_TYPECHECK /* its macros would name the functions themselves */
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/err.h"

#define TRIES 3

/* libcurl is loaded when it is needed: it brings some thirty libraries along, and would make every
 * other command start several times slower. */
struct curl_library {
	void *handle;
	CURL *(*easy_init)(void);
	CURLcode (*easy_setopt)(CURL *curl, CURLoption option, ...);
	CURLcode (*easy_perform)(CURL *curl);
	CURLcode (*easy_getinfo)(CURL *curl, CURLINFO info, ...);
	void (*easy_cleanup)(CURL *curl);
	const char *(*easy_strerror)(CURLcode code);
	struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
	void (*slist_free_all)(struct curl_slist *list);
};

struct webhook {
	struct curl_library lib;
	CURL *curl;
	char *url;
};

static int library_load(struct curl_library *lib)
{
	lib->handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
	if (lib->handle == NULL) {
		return ERR_SYSTEM;
	}
	const struct {
		const char *name;
		void *into; /* a pointer to a function, as dlsym(3) has it set */
	} functions[] = {
		{"curl_easy_init", &lib->easy_init},
		{"curl_easy_setopt", &lib->easy_setopt},
		{"curl_easy_perform", &lib->easy_perform},
		{"curl_easy_getinfo", &lib->easy_getinfo},
		{"curl_easy_cleanup", &lib->easy_cleanup},
		{"curl_easy_strerror", &lib->easy_strerror},
		{"curl_slist_append", &lib->slist_append},
		{"curl_slist_free_all", &lib->slist_free_all},
	};
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *found = dlsym(lib->handle, functions[i].name);
		if (found == NULL) {
			return ERR_SYSTEM;
		}
		memcpy(functions[i].into, &found, sizeof(found));
	}
	return 0;
}

static size_t drop_body(char *data, size_t size, size_t count, void *ctx)
{
	(void)data;
	(void)ctx;
	return size * count;
}

void webhook_close(struct webhook **webhook)
{
	struct webhook *gone = *webhook;
	*webhook = NULL;
	if (gone == NULL) {
		return;
	}
	if (gone->curl != NULL) {
		gone->lib.easy_cleanup(gone->curl);
	}
	if (gone->lib.handle != NULL) {
		dlclose(gone->lib.handle);
	}
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
	struct curl_library *lib = &webhook->lib;
	CURL *curl = library_load(lib) == 0 ? lib->easy_init() : NULL;
	if (curl == NULL) {
		webhook_close(&webhook);
		return failure_set(failure, ERR_SYSTEM, "install it: libcurl4, or libcurl",
			"the library libcurl.so.4 cannot be loaded");
	}
	webhook->curl = curl;
	webhook->url = mem_dup_bytes(url);
	lib->easy_setopt(curl, CURLOPT_URL, webhook->url);
	lib->easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	lib->easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(timeout_us / 1000));
	lib->easy_setopt(curl, CURLOPT_USERAGENT, "chatctl/" CHATD_VERSION);
	lib->easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop_body);
	*ret_webhook = webhook;
	return 0;
}

/* Whether it is worth another try. */
static bool is_passing(CURLcode code, long status)
{
	return code == CURLE_COULDNT_CONNECT || code == CURLE_GOT_NOTHING ||
	       code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR ||
	       (code == CURLE_OK && (status == 429 || status >= 500));
}

static int judge(const struct webhook *webhook, CURLcode code, long status, struct failure *failure)
{
	if (code == CURLE_OPERATION_TIMEDOUT) {
		return failure_set(
			failure, ERR_TIMEOUT, NULL, "the webhook did not answer in time");
	}
	if (code != CURLE_OK) {
		return failure_set(failure, ERR_UNREACHABLE, NULL,
			"the webhook cannot be reached: %s", webhook->lib.easy_strerror(code));
	}
	if (status < 200 || status > 299) {
		return failure_set(failure, ERR_FORBIDDEN, NULL,
			"the webhook answered with status %ld", status);
	}
	return 0;
}

int webhook_post(
	struct webhook *webhook, struct bytes body, const char *key, struct failure *failure)
{
	const struct curl_library *lib = &webhook->lib;
	CURL *curl = webhook->curl;
	struct curl_slist *headers = NULL;
	headers = lib->slist_append(headers, "Content-Type: application/json");
	struct buf line = {0};
	buf_printf(&line, "Idempotency-Key: %s", key);
	headers = lib->slist_append(headers, buf_cstr(&line)); /* a copy */
	buf_finish(&line);
	lib->easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	lib->easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body.len);
	lib->easy_setopt(curl, CURLOPT_POSTFIELDS, body.ptr);
	CURLcode code = CURLE_OK;
	long status = 0;
	for (int i = 0; i < TRIES; i++) {
		code = lib->easy_perform(curl);
		lib->easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
		if (!is_passing(code, status)) {
			break;
		}
		const struct timespec pause = {.tv_nsec = 200000000L << i};
		nanosleep(&pause, NULL);
	}
	lib->slist_free_all(headers);
	return judge(webhook, code, status, failure);
}
