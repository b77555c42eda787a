/* What the process wants of the system before it starts. */
#ifndef CHATD_RUN_PROCESS_H
#define CHATD_RUN_PROCESS_H

struct buf;

/* Makes the folder, and those above it, with mode 0700 where they are missing. ERR_CONFIG (no
 * permission) or ERR_SYSTEM with a sentence appended to why. */
int process_make_state_dir(const char *path, struct buf *why);
/* As many descriptors as are allowed: every client costs one. */
void process_raise_descriptors(void);

#endif
