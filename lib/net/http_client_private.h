/* What http_client.c and http_client_call.c share. Both include <curl/curl.h> before this. */
#ifndef LIB_NET_HTTP_CLIENT_PRIVATE_H
#define LIB_NET_HTTP_CLIENT_PRIVATE_H

#include <stdbool.h>

#include "lib/base/list.h"
#include "lib/loop/loop.h"
#include "lib/net/http_client.h"

/* The functions of libcurl that are used, under their names without "curl_". */
struct curl_library {
	void *handle;
	CURLcode (*global_init)(long flags);
	void (*global_cleanup)(void);
	CURL *(*easy_init)(void);
	CURLcode (*easy_setopt)(CURL *curl, CURLoption option, ...);
	CURLcode (*easy_getinfo)(CURL *curl, CURLINFO info, ...);
	void (*easy_cleanup)(CURL *curl);
	const char *(*easy_strerror)(CURLcode code);
	struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
	void (*slist_free_all)(struct curl_slist *list);
	CURLM *(*multi_init)(void);
	CURLMcode (*multi_setopt)(CURLM *multi, CURLMoption option, ...);
	CURLMcode (*multi_add_handle)(CURLM *multi, CURL *curl);
	CURLMcode (*multi_remove_handle)(CURLM *multi, CURL *curl);
	CURLMcode (*multi_socket_action)(CURLM *multi, curl_socket_t fd, int events, int *running);
	CURLMsg *(*multi_info_read)(CURLM *multi, int *left);
	CURLMcode (*multi_assign)(CURLM *multi, curl_socket_t fd, void *known);
	CURLMcode (*multi_cleanup)(CURLM *multi);
};

struct http_client {
	struct loop *loop;
	struct curl_library lib;
	CURLM *multi;
	struct loop_timer *timer; /* the one that curl asks for */
	struct loop_defer work; /* what is never done inside curl or inside a start */
	struct list starting; /* calls that are to be given to curl */
	struct list running;
	struct list ended; /* calls whose done is to run */
	struct list cancelled; /* calls that were withdrawn while curl was at work */
	struct list sockets; /* watches of its connections */
	char *user_agent;
	struct bytes ca_pem;
	bool in_curl; /* curl is on the stack: it takes no calls that change its handles */
};

struct http_client_call {
	struct list_node node; /* in one of the client's lists of calls */
	struct http_client *client;
	CURL *curl;
	struct curl_slist *headers_sent;
	char *body_sent;
	struct loop_timer *stall; /* NULL: no bound */
	uint64_t stall_us, moved_us; /* when bytes came last */
	curl_off_t uploaded; /* bytes sent, when it was looked last */
	size_t max_size, size;
	http_client_head_fn on_head;
	http_client_body_fn on_body;
	http_client_done_fn done;
	void *ctx;
	struct buf body, headers;
	int err; /* why it is ended from here; 0: curl says how it ended */
	CURLcode code;
	bool added; /* curl has it */
	bool withdrawn; /* nobody is told any more */
	bool telling; /* who withdraws it now leaves its end to http_call_tell() */
	bool head_whole; /* its empty line has come; curl does not mind where it has not */
	bool head_told;
	char trouble[CURL_ERROR_SIZE];
};

/* ---- http_client_call.c ---- */

/* A call with its handle made ready; nothing is on the way yet. */
struct http_client_call *http_call_create(
	struct http_client *client, const struct http_client_request *request);
/* The handle is no longer curl's. */
void http_call_destroy(struct http_client_call *call);
/* Tells who asked. The call is freed. */
void http_call_tell(struct http_client_call *call);

/* ---- http_client.c ---- */

/* Ends a running call with its err. */
void http_client_stop(struct http_client_call *call);

#endif
