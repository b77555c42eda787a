/* Who is at the other end of a control connection, and what he may do. */
#ifndef CHATD_CONTROL_PEER_H
#define CHATD_CONTROL_PEER_H

#include <stdbool.h>
#include <sys/types.h>

struct conf;

struct peer {
	uid_t uid;
	pid_t pid;
	bool may_read, may_write;
};

/* From the kernel's credentials of a connected Unix socket: root, the daemon's own user and members
 * of the group chatd write and read; members of control.read_group read. */
void peer_find(const struct conf *conf, int fd, struct peer *ret_peer);
/* Mode 0660, group chatd where there is one and we may give it. Where control.read_group is set
 * everybody may connect (0666): who may do what is judged by peer_find() anyway. */
void peer_prepare_socket(const struct conf *conf);

#endif
