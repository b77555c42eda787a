#include "chatctl/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/ctl/commands.h"
#include "lib/ctl/frames.h"

#define REQUEST_ID 1
#define RETRY_MS 20 /* while the queue of the listening socket is full */

struct remote {
	const struct remote_call *call;
	struct failure *failure;
	int fd;
	const char *path; /* that answered */
	struct buf in;
	struct arena *arena; /* of one answer */
	uint64_t deadline_us;
	bool asked; /* the request was sent */
};

static void renew_deadline(struct remote *remote)
{
	remote->deadline_us = clock_mono_us(&clock_system) + remote->call->timeout_us;
}

/* Milliseconds until the deadline, rounded up; 0: it is over. */
static int left_ms(const struct remote *remote)
{
	uint64_t now = clock_mono_us(&clock_system);
	if (now >= remote->deadline_us) {
		return 0;
	}
	uint64_t ms = (remote->deadline_us - now + 999) / 1000;
	return ms < 3600000 ? (int)ms : 3600000;
}

/* The request lies in the daemon's socket, and is done when it goes on. */
static bool may_come_yet(const struct remote *remote)
{
	const struct ctl_command *command = ctl_command_named(bytes_str(remote->call->command));
	return remote->asked && command != NULL && !command->read_only;
}

static int timed_out(struct remote *remote)
{
	return failure_set(remote->failure, ERR_TIMEOUT,
		may_come_yet(remote) ? "is the daemon stopped or overloaded? It may still do what "
				       "it was asked; --timeout waits longer"
				     : "is the daemon stopped or overloaded? --timeout waits "
				       "longer",
		"chatd at %s did not answer within %.3g s", remote->path,
		(double)remote->call->timeout_us / 1e6);
}

/* 0 when fd is ready, ERR_TIMEOUT. */
static int wait_for(struct remote *remote, short events)
{
	for (;;) {
		bool for_ever = remote->call->patient && events == POLLIN;
		int ms = for_ever ? -1 : left_ms(remote);
		if (ms == 0) {
			return timed_out(remote);
		}
		struct pollfd poll_fd = {.fd = remote->fd, .events = events};
		int n = poll(&poll_fd, 1, ms);
		if (n > 0) {
			return 0;
		}
		if (n < 0 && errno != EINTR) {
			return failure_set(
				remote->failure, ERR_SYSTEM, NULL, "poll: %s", strerror(errno));
		}
	}
}

/* 0, ERR_TIMEOUT (with the failure), or ERR_SYSTEM with errno. */
static int connect_path(struct remote *remote, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return ERR_SYSTEM;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	remote->path = path;
	remote->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (remote->fd < 0) {
		return ERR_SYSTEM;
	}
	while (connect(remote->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno == EINTR) {
			continue;
		}
		if (errno != EAGAIN) {
			int saved = errno;
			close(remote->fd);
			remote->fd = -1;
			errno = saved;
			return ERR_SYSTEM;
		}
		if (left_ms(remote) == 0) {
			return timed_out(remote);
		}
		poll(NULL, 0, RETRY_MS);
	}
	return 0;
}

/* The first of the places where somebody listens. */
static int connect_any(struct remote *remote)
{
	const struct locate *locate = remote->call->locate;
	struct buf tried = {0};
	int err = ERR_UNREACHABLE;
	for (size_t i = 0; i < locate->count && err == ERR_UNREACHABLE; i++) {
		err = connect_path(remote, locate->paths[i]);
		if (err != ERR_SYSTEM) {
			break;
		}
		if (errno == EACCES || errno == EPERM) {
			err = failure_set(remote->failure, ERR_FORBIDDEN,
				"be root, or a member of the group chatd",
				"%s is not open to this user", locate->paths[i]);
			break;
		}
		buf_printf(
			&tried, "%s%s (%s)", i > 0 ? ", " : "", locate->paths[i], strerror(errno));
		err = ERR_UNREACHABLE;
	}
	if (err == ERR_UNREACHABLE) {
		failure_set(remote->failure, err,
			"start it (systemctl start chatd, or make run), or name its socket with "
			"--socket; while chatd waits for its database it has none yet, and its log "
			"says so",
			"chatd cannot be reached: nothing listens at %s", buf_cstr(&tried));
	}
	buf_finish(&tried);
	return err;
}

static int lost(struct remote *remote)
{
	return failure_set(remote->failure, ERR_CLOSED, "look into the daemon's log",
		"chatd at %s closed the connection amid the answer", remote->path);
}

static int send_all(struct remote *remote, struct bytes data)
{
	while (data.len > 0) {
		ssize_t n = send(remote->fd, data.ptr, data.len, MSG_NOSIGNAL);
		if (n > 0) {
			data = bytes_of(data.ptr + n, data.len - (size_t)n);
		} else if (n < 0 && errno == EAGAIN) {
			int err = wait_for(remote, POLLOUT);
			if (err < 0) {
				return err;
			}
		} else if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
			return 0; /* what it said before it closed is still to be read */
		} else if (n == 0 || errno != EINTR) {
			return failure_set(remote->failure, ERR_SYSTEM, NULL,
				"cannot write to %s: %s", remote->path, strerror(errno));
		}
	}
	return 0;
}

static int send_request(struct remote *remote)
{
	struct buf out = {0};
	const struct ctl_request request = {.id = REQUEST_ID,
		.command = bytes_str(remote->call->command),
		.args = *remote->call->args};
	int err = ctl_request_write(&out, &request);
	if (err < 0) {
		failure_set(remote->failure, ERR_TOO_LARGE, NULL,
			"the arguments are more than a request holds");
	} else {
		err = send_all(remote, buf_bytes(&out));
	}
	if (out.data != NULL) {
		mem_wipe(out.data, out.cap); /* tokens go this way */
	}
	buf_finish(&out);
	return err;
}

/* More bytes into remote->in. */
static int receive(struct remote *remote)
{
	for (;;) {
		buf_reserve(&remote->in, 65536);
		ssize_t n = recv(remote->fd, remote->in.data + remote->in.len, 65536, 0);
		if (n > 0) {
			remote->in.len += (size_t)n;
			return 0;
		}
		if (n == 0 || errno == ECONNRESET) {
			return lost(remote);
		}
		if (errno == EAGAIN) {
			int err = remote->call->idle != NULL ? remote->call->idle(remote->call->ctx)
							     : 0;
			err = err == 0 ? wait_for(remote, POLLIN) : err;
			if (err < 0) {
				return err;
			}
		} else if (errno != EINTR) {
			return failure_set(remote->failure, ERR_SYSTEM, NULL,
				"cannot read from %s: %s", remote->path, strerror(errno));
		}
	}
}

/* One answer: 0 goes on, 1 was the last, negative failed. */
static int take_answer(struct remote *remote, struct bytes json)
{
	struct ctl_answer answer;
	const char *why = NULL;
	arena_reset(remote->arena);
	int err = ctl_answer_read(remote->arena, json, &answer, &why);
	if (err < 0) {
		return failure_set(remote->failure, err,
			err == ERR_MISMATCH ? "use the chatctl that came with this chatd" : NULL,
			"the answer of %s is not understood: %s", remote->path, why);
	}
	if (answer.id >= 0 && answer.id != REQUEST_ID) {
		return failure_set(remote->failure, ERR_BAD_REQUEST, NULL,
			"%s answers a request that was not made", remote->path);
	}
	if (answer.kind == CTL_ITEM) {
		renew_deadline(remote);
		return remote->call->item(remote->call->ctx, &answer.item);
	}
	if (answer.has_error) {
		int said = failure_take(remote->failure, answer.exit != 0 ? answer.exit : 1,
			answer.code, answer.message, answer.hint);
		return said;
	}
	if (answer.exit != 0) {
		failure_set(
			remote->failure, ERR_INTERNAL, NULL, "chatd failed and did not say why");
		remote->failure->exit = answer.exit;
		return ERR_INTERNAL;
	}
	return 1;
}

static int read_answers(struct remote *remote)
{
	for (;;) {
		struct bytes input = buf_bytes(&remote->in);
		struct bytes json;
		int err = 0;
		while ((err = ctl_frame_next(&input, &json)) == 0) {
			err = take_answer(remote, json);
			if (err != 0) {
				return err > 0 ? 0 : err;
			}
		}
		if (err != ERR_AGAIN) {
			return failure_set(remote->failure, err,
				"is this really the control socket of chatd?",
				"what %s sends are no control frames", remote->path);
		}
		buf_consume(&remote->in, remote->in.len - input.len);
		err = receive(remote);
		if (err < 0) {
			return err;
		}
	}
}

int remote_call(const struct remote_call *call, struct failure *failure)
{
	struct remote remote = {.call = call, .failure = failure, .fd = -1};
	renew_deadline(&remote);
	remote.arena = arena_create(4096);
	int err = connect_any(&remote);
	if (err == 0) {
		err = send_request(&remote);
	}
	if (err == 0) {
		remote.asked = true;
		err = read_answers(&remote);
	}
	if (remote.fd >= 0) {
		close(remote.fd);
	}
	buf_finish(&remote.in);
	arena_destroy(&remote.arena);
	return err;
}
