#include "chatd/control/peer.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/bytes.h"
#include "lib/conf/conf.h"

#define GROUPS_MAX 256

static bool in_group(uid_t uid, gid_t gid, const char *name)
{
	const struct group *group = name[0] != '\0' ? getgrnam(name) : NULL;
	if (group == NULL) {
		return false;
	}
	gid_t wanted = group->gr_gid;
	const struct passwd *user = getpwuid(uid);
	if (user == NULL) {
		return gid == wanted;
	}
	gid_t groups[GROUPS_MAX];
	int count = GROUPS_MAX;
	if (getgrouplist(user->pw_name, gid, groups, &count) < 0) {
		return false;
	}
	for (int i = 0; i < count; i++) {
		if (groups[i] == wanted) {
			return true;
		}
	}
	return false;
}

void peer_find(const struct conf *conf, int fd, struct peer *ret_peer)
{
	struct ucred who;
	socklen_t len = sizeof(who);
	*ret_peer = (struct peer){.uid = (uid_t)-1};
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0) {
		return;
	}
	ret_peer->uid = who.uid;
	ret_peer->pid = who.pid;
	ret_peer->may_write =
		who.uid == 0 || who.uid == geteuid() || in_group(who.uid, who.gid, "chatd");
	ret_peer->may_read =
		ret_peer->may_write || in_group(who.uid, who.gid, conf->control.read_group);
}

void peer_prepare_socket(const struct conf *conf)
{
	const char *path = conf->control.socket;
	const struct group *group = getgrnam("chatd");
	if (group != NULL) {
		/* Where we may not give it, root and our own user can still connect. */
		int err = chown(path, (uid_t)-1, group->gr_gid);
		(void)err;
	}
	/* A file has one group: where another may read, the peer's credentials decide alone. */
	(void)chmod(path, conf->control.read_group[0] != '\0' ? 0666 : 0660);
}
