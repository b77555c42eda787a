#include "lib/net/http_client.h"

#define CURL_DISABLE_TYPECHECK /* its macros would name the functions themselves */
#include <assert.h>
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/net/http_client_private.h"

/* Connections that are kept open for the next call. */
#define CONNECTIONS_KEPT 8L

struct watched_socket {
	struct list_node node;
	struct http_client *client;
	struct loop_fd *watch;
	curl_socket_t fd;
};

/* ---- the library ---- */

static int library_find(struct curl_library *lib)
{
	const struct {
		const char *name;
		void *into; /* a pointer to a function, as dlsym(3) has it set */
	} functions[] = {
		{"curl_global_init", &lib->global_init},
		{"curl_global_cleanup", &lib->global_cleanup},
		{"curl_easy_init", &lib->easy_init},
		{"curl_easy_setopt", &lib->easy_setopt},
		{"curl_easy_getinfo", &lib->easy_getinfo},
		{"curl_easy_cleanup", &lib->easy_cleanup},
		{"curl_easy_strerror", &lib->easy_strerror},
		{"curl_slist_append", &lib->slist_append},
		{"curl_slist_free_all", &lib->slist_free_all},
		{"curl_multi_init", &lib->multi_init},
		{"curl_multi_setopt", &lib->multi_setopt},
		{"curl_multi_add_handle", &lib->multi_add_handle},
		{"curl_multi_remove_handle", &lib->multi_remove_handle},
		{"curl_multi_socket_action", &lib->multi_socket_action},
		{"curl_multi_info_read", &lib->multi_info_read},
		{"curl_multi_assign", &lib->multi_assign},
		{"curl_multi_cleanup", &lib->multi_cleanup},
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

/* It stays in the process once it is there: what its libraries register for the end of a thread or
 * of the process must not point to nowhere. */
static int library_load(struct curl_library *lib, struct buf *why)
{
	lib->handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (lib->handle == NULL || library_find(lib) != 0 ||
		lib->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		if (lib->handle != NULL) {
			dlclose(lib->handle);
		}
		lib->handle = NULL;
		buf_append_str(why, "the library libcurl.so.4 cannot be loaded; install it: "
				    "libcurl4, or libcurl");
		return ERR_SYSTEM;
	}
	return 0;
}

static void library_unload(struct curl_library *lib)
{
	if (lib->handle != NULL) {
		lib->global_cleanup();
		dlclose(lib->handle);
		lib->handle = NULL;
	}
}

/* ---- between curl and the loop ---- */

static void call_move(struct http_client_call *call, struct list *to)
{
	list_remove(&call->node);
	list_append(to, &call->node);
}

static struct http_client_call *call_first(const struct list *list)
{
	struct list_node *node = list_first(list);
	return node == NULL ? NULL : CONTAINER_OF(node, struct http_client_call, node);
}

static void call_take_back(struct http_client_call *call)
{
	if (call->added) {
		call->client->lib.multi_remove_handle(call->client->multi, call->curl);
		call->added = false;
	}
}

static void call_end(struct http_client_call *call)
{
	call_take_back(call);
	call_move(call, &call->client->ended);
	loop_defer(call->client->loop, &call->client->work, LOOP_GATHER);
}

static void drop_cancelled(struct http_client *client)
{
	struct http_client_call *call;
	while ((call = call_first(&client->cancelled)) != NULL) {
		list_remove(&call->node);
		call_take_back(call);
		http_call_destroy(call);
	}
}

/* What has come to an end. */
static void take_news(struct http_client *client)
{
	CURLMsg *news;
	int left;
	while ((news = client->lib.multi_info_read(client->multi, &left)) != NULL) {
		struct http_client_call *call = NULL;
		if (news->msg != CURLMSG_DONE) {
			continue;
		}
		CURLcode code = news->data.result; /* news ends with the handle's removal */
		client->lib.easy_getinfo(news->easy_handle, CURLINFO_PRIVATE, &call);
		if (!call->withdrawn) {
			call->code = code;
			call_end(call);
		}
	}
	drop_cancelled(client);
}

static void drive(struct http_client *client, curl_socket_t fd, int events)
{
	int running;
	client->in_curl = true;
	client->lib.multi_socket_action(client->multi, fd, events, &running);
	client->in_curl = false;
	take_news(client);
}

static void on_timer(void *ctx)
{
	drive(ctx, CURL_SOCKET_TIMEOUT, 0);
}

static void on_socket_event(void *ctx, int events)
{
	const struct watched_socket *socket = ctx;
	drive(socket->client, socket->fd,
		(events & LOOP_READ ? CURL_CSELECT_IN : 0) |
			(events & LOOP_WRITE ? CURL_CSELECT_OUT : 0));
}

static int want_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	struct http_client *client = ctx;
	(void)multi;
	if (timeout_ms < 0) {
		loop_timer_cancel(client->timer);
	} else {
		loop_timer_set(client->timer, (uint64_t)timeout_ms * 1000);
	}
	return 0;
}

static void socket_forget(struct watched_socket *socket)
{
	loop_fd_close(&socket->watch);
	list_remove(&socket->node);
	free(socket);
}

static int want_socket(CURL *curl, curl_socket_t fd, int what, void *ctx, void *known)
{
	struct http_client *client = ctx;
	struct watched_socket *socket = known;
	(void)curl;
	if (what == CURL_POLL_REMOVE) {
		if (socket != NULL) {
			client->lib.multi_assign(client->multi, fd, NULL);
			socket_forget(socket);
		}
		return 0;
	}
	int events =
		(what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);
	if (socket != NULL) {
		loop_fd_set(socket->watch, events);
		return 0;
	}
	socket = mem_zalloc(sizeof(*socket));
	socket->client = client;
	socket->fd = fd;
	socket->watch = loop_fd_open(client->loop, fd, events, on_socket_event, socket);
	list_append(&client->sockets, &socket->node);
	client->lib.multi_assign(client->multi, fd, socket);
	return 0;
}

/* ---- calls ---- */

static void begin_calls(struct http_client *client)
{
	struct http_client_call *call;
	while ((call = call_first(&client->starting)) != NULL) {
		call_move(call, &client->running);
		if (client->lib.multi_add_handle(client->multi, call->curl) == CURLM_OK) {
			call->added = true;
		} else {
			call->err = ERR_INTERNAL;
			call_end(call);
		}
	}
}

static void on_work(void *ctx)
{
	struct http_client *client = ctx;
	begin_calls(client);
	struct http_client_call *call = call_first(&client->ended);
	if (call == NULL) {
		return;
	}
	list_remove(&call->node);
	if (!list_empty(&client->ended)) {
		loop_defer(client->loop, &client->work, LOOP_GATHER);
	}
	http_call_tell(call); /* it may destroy the client */
}

void http_client_stop(struct http_client_call *call)
{
	call_end(call);
}

struct http_client_call *http_client_start(
	struct http_client *client, const struct http_client_request *request)
{
	struct http_client_call *call = http_call_create(client, request);
	if (call->err == 0) {
		list_append(&client->starting, &call->node);
	} else {
		list_append(&client->ended, &call->node);
	}
	loop_defer(client->loop, &client->work, LOOP_GATHER);
	return call;
}

void http_client_cancel(struct http_client_call **call)
{
	struct http_client_call *gone = *call;
	*call = NULL;
	if (gone == NULL) {
		return;
	}
	if (gone->telling) {
		gone->withdrawn = true;
		return;
	}
	if (gone->added && gone->client->in_curl) {
		gone->withdrawn = true;
		call_move(gone, &gone->client->cancelled);
		return;
	}
	list_remove(&gone->node);
	call_take_back(gone);
	http_call_destroy(gone);
}

/* ---- the client ---- */

static void set_up(struct http_client *client)
{
	const struct curl_library *lib = &client->lib;
	lib->multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	lib->multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
	lib->multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	lib->multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
	lib->multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT);
}

int http_client_create(
	const struct http_client_params *params, struct http_client **ret_client, struct buf *why)
{
	struct http_client *client = mem_zalloc(sizeof(*client));
	int err = library_load(&client->lib, why);
	if (err != 0) {
		free(client);
		return err;
	}
	client->loop = params->loop;
	list_init(&client->starting);
	list_init(&client->running);
	list_init(&client->ended);
	list_init(&client->cancelled);
	list_init(&client->sockets);
	client->timer = loop_timer_create(client->loop, on_timer, client);
	loop_defer_init(&client->work, on_work, client);
	client->user_agent = mem_strdup(params->user_agent);
	client->ca_pem = bytes_of(mem_dup_bytes(params->ca_pem), params->ca_pem.len);
	client->multi = client->lib.multi_init();
	if (client->multi == NULL) {
		http_client_destroy(&client);
		buf_append_str(why, "libcurl cannot be set up");
		return ERR_SYSTEM;
	}
	set_up(client);
	*ret_client = client;
	return 0;
}

static void drop_calls(struct list *calls)
{
	struct http_client_call *call;
	while ((call = call_first(calls)) != NULL) {
		http_client_cancel(&call);
	}
}

void http_client_destroy(struct http_client **client)
{
	struct http_client *gone = *client;
	*client = NULL;
	if (gone == NULL) {
		return;
	}
	assert(!gone->in_curl);
	drop_calls(&gone->starting);
	drop_calls(&gone->running);
	drop_calls(&gone->ended);
	if (gone->multi != NULL) {
		gone->lib.multi_cleanup(gone->multi);
	}
	while (!list_empty(&gone->sockets)) {
		socket_forget(
			CONTAINER_OF(list_first(&gone->sockets), struct watched_socket, node));
	}
	loop_defer_cancel(&gone->work);
	loop_timer_destroy(&gone->timer);
	library_unload(&gone->lib);
	free((char *)(uintptr_t)gone->ca_pem.ptr); /* the copy is ours, only the view is const */
	free(gone->user_agent);
	free(gone);
}
