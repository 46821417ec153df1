/* Classify images on Linux:
 *
 *   cc -std=c99 -O2 bnn.c bnn_uio.c classify.c -o classify
 *   ./classify ACCELERATOR DMA MEMORY IMAGES [WEIGHTS]
 *
 * The first three are UIO devices ("uio0"), the last two files: images of uint8, HWC, one behind
 * the other, and weights.bin where weights are loaded. A line an image is printed: its class, then
 * all scores.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bnn.h"
#include "bnn_design.h"

#define DMA_LENGTH_BITS 26u

static void fail(const char *where, const char *why) {
  fprintf(stderr, "error: %s: %s\n", where, why);
  exit(1);
}

static void check(const struct bnn_device *device, const char *where, int error) {
  if (!error) return;
  if (error == BNN_DMA_FAILED)
    fprintf(stderr, "DMA status 0x%08lx\n", (unsigned long)device->dma_status);
  if (error == BNN_WEIGHTS_REFUSED) fprintf(stderr, "%s\n", bnn_load_message(device->load_error));
  fail(where, bnn_message(error));
}

static unsigned char *read_file(const char *path, size_t *bytes) {
  FILE *file = fopen(path, "rb");
  unsigned char *data = NULL;
  size_t room = 0, used = 0, got;
  if (!file) fail(path, strerror(errno));
  do {
    if (used == room) {
      room = room ? 2u * room : 1u << 16;
      data = realloc(data, room);
      if (!data) fail(path, "does not fit the memory");
    }
    got = fread(data + used, 1, room - used, file);
    used += got;
  } while (got);
  (void)fclose(file);
  *bytes = used;
  return data;
}

int main(int argc, char **argv) {
  struct bnn_device device = {0};
  struct bnn_counters counters;
  struct bnn_region regions[3];
  unsigned char *images, *weights = NULL;
  size_t bytes, weights_bytes, count, image, k;
  int32_t *scores;
  int part;
  if (argc != 5 && argc != 6) fail(argv[0], "ACCELERATOR DMA MEMORY IMAGES [WEIGHTS]");
  for (part = 0; part < 3; ++part) {
    const int error = bnn_uio_open(argv[part + 1], &regions[part]);
    if (!error) continue;
    fprintf(stderr, "%s: %s\n", argv[part + 1], strerror(errno));
    fail(argv[part + 1], bnn_message(error));
  }
  check(&device, argv[1],
        bnn_open(&device, &bnn_design, &regions[0], &regions[1], &regions[2], DMA_LENGTH_BITS));
  if (argc == 6) {
    weights = read_file(argv[5], &weights_bytes);
    check(&device, argv[5], bnn_load_weights(&device, weights, weights_bytes));
  }
  images = read_file(argv[4], &bytes);
  count = bytes / bnn_design.image_bytes;
  if (!count || bytes % bnn_design.image_bytes) fail(argv[4], "is not a whole number of images");
  scores = malloc(count * bnn_design.classes * sizeof *scores);
  if (!scores) fail(argv[4], "scores do not fit the memory");
  check(&device, argv[4], bnn_run(&device, images, count, scores));
  for (image = 0; image < count; ++image) {
    const int32_t *row = scores + image * bnn_design.classes;
    printf("%lu", (unsigned long)bnn_class(&bnn_design, row));
    for (k = 0; k < bnn_design.classes; ++k) printf(" %ld", (long)row[k]);
    printf("\n");
  }
  bnn_counters_read(&device, &counters);
  fprintf(
      stderr, "%lu images, %lu frames in, %lu out, %lu cycles from the first to the last score\n",
      (unsigned long)count, (unsigned long)counters.frames_in, (unsigned long)counters.frames_out,
      (unsigned long)(counters.last_out - counters.first_out));
  free(scores);
  free(images);
  free(weights);
  for (part = 0; part < 3; ++part) bnn_uio_close(&regions[part]);
  return 0;
}
