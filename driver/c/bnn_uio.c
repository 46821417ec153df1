/* Linux: registers and memory through UIO (uio_pdrv_genirq), no module of our own. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bnn.h"

/* Read a hexadecimal number from /sys/class/uio/<name>/maps/map0/<what>. */
static int read_number(const char *name, const char *what, uint64_t *value) {
  char path[128], text[32];
  ssize_t length;
  int file;
  if (snprintf(path, sizeof path, "/sys/class/uio/%s/maps/map0/%s", name, what) >=
      (int)sizeof path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  file = open(path, O_RDONLY);
  if (file < 0) return -1;
  length = read(file, text, sizeof text - 1u);
  (void)close(file);
  if (length <= 0) return -1;
  text[length] = '\0';
  *value = strtoull(text, NULL, 16);
  return 0;
}

int bnn_uio_open(const char *name, struct bnn_region *region) {
  char path[64];
  uint64_t address, bytes;
  void *data;
  int file;
  if (read_number(name, "addr", &address) || read_number(name, "size", &bytes))
    return BNN_NO_REGION;
  if (snprintf(path, sizeof path, "/dev/%s", name) >= (int)sizeof path) return BNN_NO_REGION;
  file = open(path, O_RDWR | O_SYNC);
  if (file < 0) return BNN_NO_REGION;
  data = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  (void)close(file);
  if (data == MAP_FAILED) return BNN_NO_REGION;
  region->data = data;
  region->address = address;
  region->bytes = (size_t)bytes;
  return BNN_OK;
}

void bnn_uio_close(struct bnn_region *region) { (void)munmap((void *)region->data, region->bytes); }
