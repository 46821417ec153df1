/* Registers that are not there: pages without access, whose faults become messages to a simulated
 * board.
 *
 * A read is answered before its instruction runs again, a write is told after it has run: both by
 * running that one instruction with the page open (the trap flag of x86-64). So a driver's own
 * loads and stores are tested, compiled as they are shipped.
 *
 * Preloaded (LD_PRELOAD) it also leads open() of UIO devices into $BOARD_ROOT, and traps
 * what is mapped of uio0 and uio1. Messages: region, offset, value, whether it is a write (u32
 * each); the answer is a u32. $BOARD_IN and $BOARD_OUT are the numbers of the pipes.
 */
#define _GNU_SOURCE
#include "trap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define TRAP_FLAG 0x100
#define WRITE_FAULT 2

struct region {
  uintptr_t base;
  size_t bytes;
  uint32_t number;
};

static struct region regions[4];
static unsigned used;
static int from_board = -1, to_board = -1;
static const struct region *open_region; /* whose page one instruction may use */
static uintptr_t address;
static int writes;

static uint32_t ask(uint32_t number, uint32_t offset, uint32_t value, uint32_t write_it) {
  const uint32_t message[4] = {number, offset, value, write_it};
  uint32_t answer = 0;
  if (write(to_board, message, sizeof message) != (ssize_t)sizeof message) _exit(97);
  if (read(from_board, &answer, sizeof answer) != (ssize_t)sizeof answer) _exit(98);
  return answer;
}

static void on_fault(int number, siginfo_t *info, void *context) {
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  unsigned k;
  address = (uintptr_t)info->si_addr;
  for (k = 0; k < used; ++k)
    if (address - regions[k].base < regions[k].bytes) break;
  if (k == used || address % 4u || open_region) { /* a fault of the driver's own */
    signal(number, SIG_DFL);
    return;
  }
  open_region = &regions[k];
  writes = (registers[REG_ERR] & WRITE_FAULT) != 0;
  mprotect((void *)open_region->base, open_region->bytes, PROT_READ | PROT_WRITE);
  if (!writes)
    *(volatile uint32_t *)address =
        ask(open_region->number, (uint32_t)(address - open_region->base), 0, 0);
  registers[REG_EFL] |= TRAP_FLAG;
}

static void on_step(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)info;
  if (writes)
    (void)ask(open_region->number, (uint32_t)(address - open_region->base),
              *(volatile uint32_t *)address, 1);
  mprotect((void *)open_region->base, open_region->bytes, PROT_NONE);
  open_region = NULL;
  ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
}

void trap_region(void *base, size_t bytes, uint32_t number) {
  struct sigaction action;
  if (from_board < 0) {
    from_board = atoi(getenv("BOARD_IN"));
    to_board = atoi(getenv("BOARD_OUT"));
    memset(&action, 0, sizeof action);
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = on_fault;
    sigaction(SIGSEGV, &action, NULL);
    action.sa_sigaction = on_step;
    sigaction(SIGTRAP, &action, NULL);
  }
  regions[used].base = (uintptr_t)base;
  regions[used].bytes = bytes;
  regions[used++].number = number;
  mprotect(base, bytes, PROT_NONE);
}

#ifdef TRAP_PRELOADED
static int uio_files[64]; /* file descriptor -> 1 + its uio device */

int open(const char *path, int flags, ...) {
  char moved[512];
  const int uio = strncmp(path, "/dev/uio", 8) == 0;
  int file, mode = 0;
  va_list arguments;
  va_start(arguments, flags);
  if (flags & O_CREAT) mode = va_arg(arguments, int);
  va_end(arguments);
  if (uio || strncmp(path, "/sys/class/uio/", 15) == 0) {
    snprintf(moved, sizeof moved, "%s%s", getenv("BOARD_ROOT"), path);
    path = moved;
  }
  file = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  if (file >= 0 && file < 64) uio_files[file] = uio ? 1 + atoi(strstr(path, "/uio") + 4) : 0;
  return file;
}

void *mmap(void *wanted, size_t bytes, int protection, int flags, int file, off_t offset) {
  void *data = (void *)syscall(SYS_mmap, wanted, bytes, protection, flags, file, offset);
  if (data != MAP_FAILED && file >= 0 && file < 64 &&
      (uio_files[file] == 1 || uio_files[file] == 2))
    trap_region(data, bytes, (uint32_t)uio_files[file] - 1u);
  return data;
}
#endif
