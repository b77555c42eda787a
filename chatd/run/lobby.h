/* While the store cannot be reached at the start: the node listens, is alive, and says that it is
 * not ready. */
#ifndef CHATD_RUN_LOBBY_H
#define CHATD_RUN_LOBBY_H

#include <stdbool.h>
#include <stdint.h>

struct lobby;
struct loop;

/* With a loop of its own, and SIGTERM and SIGINT on it. */
struct lobby *lobby_create(void);
void lobby_destroy(struct lobby **lobby);
struct loop *lobby_loop(struct lobby *lobby);
/* What the listener on that loop accepts (listener_accept_fn); ctx is the lobby. Requests are
 * answered 503 with Retry-After, but GET /health/live. */
void lobby_accept(void *ctx, int fd, const char *peer);
/* Serves for so long. false: the process was told to end. */
bool lobby_serve(struct lobby *lobby, uint64_t us);
/* Serves while work(arg) runs on a thread of its own, until it has returned; the same answer. */
bool lobby_serve_while(struct lobby *lobby, void (*work)(void *arg), void *arg);

#endif
