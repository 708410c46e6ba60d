/*
 * system_calls.c: counts the system calls of a program, without its children's.   system_calls PROGRAM [ARGUMENT...]
 *
 * Prints the number, from the first call after exec on. Exits with 77 if ptrace is not allowed here.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALL_STOP (SIGTRAP | 0x80) /* by PTRACE_O_TRACESYSGOOD */
#define OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC)

int main(int count, char **argument) {
  if (count < 2) return 2;
  const pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(77);
    raise(SIGSTOP);
    execv(argument[1], argument + 1);
    _exit(127);
  }
  int status;
  if (child < 0 || waitpid(child, &status, 0) != child) return 1;
  if (!WIFSTOPPED(status)) return 77;
  if (ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)(long)OPTIONS) != 0) return 77;
  long stops = 0; /* two for each call: at its beginning and at its end */
  for (int pass = 0;;) {
    if (ptrace(PTRACE_SYSCALL, child, NULL, (void *)(long)pass) != 0 || waitpid(child, &status, 0) != child) return 1;
    if (!WIFSTOPPED(status)) break;
    const int signal = WSTOPSIG(status);
    stops += signal == CALL_STOP;
    if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8)) stops = 0;
    pass = signal == CALL_STOP || signal == SIGTRAP || signal == SIGSTOP ? 0 : signal;
  }
  printf("%ld\n", stops / 2);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
