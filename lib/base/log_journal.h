/* The way to the system's journal, without its library. */
#ifndef LIB_BASE_LOG_JOURNAL_H
#define LIB_BASE_LOG_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

/* Whether fd is what JOURNAL_STREAM names: "DEVICE:INODE" (systemd.exec(5)); NULL: no. */
bool log_journal_reads(const char *journal_stream, int fd);

/* A datagram socket for log_journal_send(). 0 or ERR_SYSTEM. */
int log_journal_open(int *ret_fd);
/* Sends one datagram to the socket at path, without waiting. 0; ERR_UNREACHABLE where nobody
 * listens there, ERR_BUSY where its queue is full, ERR_SYSTEM. */
int log_journal_send(int fd, const char *path, const void *data, size_t len);

#endif
