/* The driver without an operating system, on the simulated board. DMA memory is apart from the
 * processor's: only bnn_flush and bnn_invalidate copy between the two, so that a forgotten one
 * shows as wrong scores.
 *
 * bare_metal MEMORY IMAGES COUNT [WEIGHTS ...]: a line on stdout for each step; images are
 * classified after each weight file, twice where there is none: "scores" or "error", then numbers.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bnn.h"
#include "bnn_design.h"
#include "trap.h"

#define REGISTER_BYTES 4096u
#define MEMORY_BYTES (1u << 18)
#define PHYSICAL 0x10000000u
#define LENGTH_BITS 14u

static unsigned char cached[MEMORY_BYTES] __attribute__((aligned(64)));
static unsigned char *physical;

static size_t offset_of(volatile void *data) {
  return (size_t)((volatile unsigned char *)data - (volatile unsigned char *)cached);
}

void bnn_flush(volatile void *data, size_t bytes) {
  memcpy(physical + offset_of(data), cached + offset_of(data), bytes);
}

void bnn_invalidate(volatile void *data, size_t bytes) {
  memcpy(cached + offset_of(data), physical + offset_of(data), bytes);
}

static void *pages(uint32_t number) {
  void *base =
      mmap(NULL, REGISTER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  trap_region(base, REGISTER_BYTES, number);
  return base;
}

static size_t read_all(const char *path, unsigned char **data) {
  FILE *file = fopen(path, "rb");
  size_t bytes;
  *data = malloc(1u << 20);
  bytes = fread(*data, 1, 1u << 20, file);
  fclose(file);
  return bytes;
}

static void tell(const struct bnn_device *device, const char *step, int error) {
  printf("%s %d %lu %lu %s\n", step, error, (unsigned long)device->dma_status,
         (unsigned long)device->load_error, bnn_message(error));
}

static void classify(struct bnn_device *device, const unsigned char *images, size_t count) {
  int32_t *scores = calloc(count * bnn_design.classes, sizeof *scores);
  struct bnn_counters counters;
  size_t k;
  const int error = bnn_run(device, images, count, scores);
  tell(device, "run", error);
  bnn_counters_read(device, &counters);
  if (!error) {
    printf("scores");
    for (k = 0; k < count * bnn_design.classes; ++k) printf(" %ld", (long)scores[k]);
    printf("\ncounters %lu %lu %d %d\n", (unsigned long)counters.frames_in,
           (unsigned long)counters.frames_out, counters.first_in < counters.first_out,
           counters.first_out < counters.last_out);
  }
  free(scores);
}

int main(int argc, char **argv) {
  struct bnn_region registers = {NULL, 0, REGISTER_BYTES}, dma = {NULL, 0, REGISTER_BYTES};
  const struct bnn_region memory = {cached, PHYSICAL, MEMORY_BYTES};
  struct bnn_device device;
  unsigned char *images, *weights;
  size_t bytes;
  int error, k;
  const int file = open(argv[1], O_RDWR);
  physical = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  memset(cached, 0xA5, sizeof cached);
  registers.data = pages(0);
  dma.data = pages(1);
  read_all(argv[2], &images);
  error = bnn_open(&device, &bnn_design, &registers, &dma, &memory, LENGTH_BITS);
  device.patience_cycles = 20000;
  tell(&device, "open", error);
  if (error) return 0;
  for (k = 0; k < (argc > 4 ? argc - 4 : 2); ++k) {
    if (argc > 4) {
      bytes = read_all(argv[4 + k], &weights);
      tell(&device, "load", bnn_load_weights(&device, weights, bytes));
    }
    classify(&device, images, (size_t)atoi(argv[3]));
  }
  return 0;
}
