#define _GNU_SOURCE
#include "isolation.h"
#include "isolation_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

// MARK: Both sides

int isolated_send(int socket, const void *bytes, size_t count) {
  const char *from = bytes;
  while (count > 0) {
    ssize_t sent = send(socket, from, count, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return -1;
    from += sent;
    count -= (size_t)sent;
  }
  return 0;
}

int isolated_take(int socket, void *bytes, size_t count) {
  char *to = bytes;
  while (count > 0) {
    ssize_t received = recv(socket, to, count, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) return -1;
    to += received;
    count -= (size_t)received;
  }
  return 0;
}

static void say_no_process(isolated_reply *answer, int code) {
  answer->status = isolated_unstarted;
  snprintf(answer->reason, sizeof answer->reason, "%s", strerror(code));
}

// MARK: The child

/// Lowers a limit of this process, as far as that of whoever started it allows.
static void limit(int kind, rlim_t wanted) {
  struct rlimit limit;
  if (getrlimit(kind, &limit) < 0) _exit(1);
  limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
  if (setrlimit(kind, &limit) < 0) _exit(1);
}

void isolated_allow(uint64_t work) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  limit(RLIMIT_CPU, (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + 3 + (rlim_t)(work / 10000000));
}

/// What the child is left with: its socket, and nothing of the parent's files, handlers and appetite.
static void confine(int socket, uint64_t memory) {
  int ends[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGXCPU, SIGHUP, SIGCHLD};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) signal(ends[i], SIG_DFL);
  // The parent ends in its own time, and the child with it.
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  // Out of the way of the three standard files, which may have been closed.
  int own = fcntl(socket, F_DUPFD, 4), nothing = own < 0 ? -1 : open("/dev/null", O_RDWR);
  if (nothing < 0) {
    isolated_reply answer = {0};
    say_no_process(&answer, errno);
    isolated_send(socket, &answer, sizeof answer);
    _exit(1);
  }
  // What a library prints may name a patient.
  for (int i = 0; i < 3; i++) dup2(nothing, i);
  dup2(own, 3);
  if (close_range(4, ~0U, 0) < 0) {
    for (int i = 4; i < 65536; i++) close(i);
  }
  struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  // Beyond the parent's memory, which is shared until it is written to.
  // AddressSanitizer has terabytes reserved by then and takes small blocks from them: with it, this bounds large ones alone.
  char text[64] = {0};
  int statm = open("/proc/self/statm", O_RDONLY);
  if (statm >= 0 && read(statm, text, sizeof text - 1) > 0) {
    uint64_t pages = strtoull(text, NULL, 10);
    limit(RLIMIT_AS, pages * (uint64_t)sysconf(_SC_PAGESIZE) + memory);
  }
  if (statm >= 0) close(statm);
}

// MARK: The parent

void isolated_fork(
    isolated_child run, const void *context, uint64_t memory, isolated_reader *reader, isolated_reply *answer) {
  memset(answer, 0, sizeof *answer);
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0) {
    say_no_process(answer, errno);
    return;
  }
  pid_t pid = fork();
  if (pid == 0) {
    confine(sockets[1], memory);
    isolated_allow(0);
    run(3, context);
    _exit(0);
  }
  int code = errno;
  close(sockets[1]);
  if (pid < 0) {
    close(sockets[0]);
    say_no_process(answer, code);
    return;
  }
  *reader = (isolated_reader){sockets[0], pid};
  if (isolated_take(sockets[0], answer, sizeof *answer) < 0) {
    memset(answer, 0, sizeof *answer);
    answer->status = isolated_died;
  }
  answer->reason[sizeof answer->reason - 1] = answer->remark[sizeof answer->remark - 1] = 0;
  if (answer->status != isolated_done) answer->number = isolated_stop(reader, 1);
}

void isolated_ask(const isolated_reader *reader, const void *request, size_t bytes, isolated_reply *answer) {
  memset(answer, 0, sizeof *answer);
  if (isolated_send(reader->socket, request, bytes) < 0
      || isolated_take(reader->socket, answer, sizeof *answer) < 0) {
    memset(answer, 0, sizeof *answer);
    answer->status = isolated_died;
  }
  answer->reason[sizeof answer->reason - 1] = answer->remark[sizeof answer->remark - 1] = 0;
}

int isolated_receive(const isolated_reader *reader, void *target, size_t bytes) {
  return isolated_take(reader->socket, target, bytes);
}

int isolated_stop(const isolated_reader *reader, int has_died) {
  close(reader->socket);
  int status = 0;
  // It has closed its socket, and ends any moment.
  for (int i = 0; has_died && i < 1000; i++) {
    if (waitpid(reader->pid, &status, WNOHANG) != 0) return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    usleep(1000);
  }
  kill(reader->pid, SIGKILL);
  while (waitpid(reader->pid, &status, 0) < 0 && errno == EINTR) continue;
  return 0;
}
