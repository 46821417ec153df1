/* Driver of the accelerator in C99, for a little-endian processor: no library, no heap, one thread.
 *
 * The accelerator has an AXI DMA (PG021, simple mode) at its streams, as the block design of this
 * project has; with another data mover, bnn_identify, bnn_counters_read and the registers still
 * serve.
 *
 * Linux, the default: bnn_uio_open maps registers and memory through UIO, uncached.
 * BNN_BARE_METAL: the program hands in addresses, and supplies bnn_flush and bnn_invalidate.
 */
#ifndef BNN_H
#define BNN_H

#include <stddef.h>
#include <stdint.h>

#include "bnn_registers.h"

/* One accelerator: what bnn_design.h of its package says. */
struct bnn_design {
  uint32_t identity[8];     /* sha256, most significant word first */
  uint32_t image_bytes;     /* of a frame that are pixels: uint8, HWC */
  uint32_t in_frame_bytes;  /* from one image to the next in memory */
  uint32_t out_frame_bytes; /* from the scores of one image to the next */
  uint32_t score_bits;      /* 16 or 32 */
  uint32_t classes;
  uint32_t load_words;       /* words of weights that are loaded; 0: they are built in */
  uint32_t cycles_per_frame; /* measured in simulation; time limits follow from it */
  const double *scale;       /* of each class: a score times this, */
  const double *offset;      /* plus this, is the network's output */
};

/* Memory, or registers, as the processor and as the DMA see it. */
struct bnn_region {
  volatile void *data; /* aligned to 64 bytes */
  uint64_t address;    /* physical; of registers it is not used */
  size_t bytes;
};

struct bnn_device {
  const struct bnn_design *design;
  volatile uint32_t *registers;
  volatile uint32_t *dma;
  struct bnn_region memory;
  size_t longest;               /* transfer, in bytes */
  size_t batch;                 /* images a transfer */
  uint64_t patience_cycles;     /* added to every time limit; may be changed */
  uint32_t dma_status;          /* of the transfer that failed last, else 0 */
  uint32_t load_error;          /* what the loader said last */
  const unsigned char *weights; /* loaded last, again after every fault: keep them */
  size_t weights_bytes;
  int usable;
};

struct bnn_counters {
  uint32_t frames_in, frames_out;
  uint32_t in_stalls, in_starved, out_stalls;    /* cycles */
  uint64_t cycle, first_in, first_out, last_out; /* cycles */
};

enum bnn_error {
  BNN_OK,
  BNN_NO_ACCELERATOR,
  BNN_OTHER_VERSION,
  BNN_OTHER_ACCELERATOR,
  BNN_STAYS_IN_RESET,
  BNN_DMA_STAYS_IN_RESET,
  BNN_DMA_FAILED,
  BNN_TIMEOUT,
  BNN_SHORT_READ,
  BNN_MEMORY_TOO_SMALL,
  BNN_FIXED_WEIGHTS,
  BNN_NO_WEIGHTS,
  BNN_NO_WEIGHT_IMAGE,
  BNN_OTHER_SHAPES,
  BNN_WEIGHTS_REFUSED,
  BNN_WEIGHTS_INCOMPLETE,
  BNN_OTHER_WEIGHTS,
  BNN_NO_REGION,
  BNN_ERRORS
};

/* What an enum bnn_error means, and what an error of the loader means; never NULL. */
const char *bnn_message(int error);
const char *bnn_load_message(uint32_t load_error);

/* Whether the accelerator is the one of `design`: BNN_OK or one of the three errors after it. */
int bnn_identify(volatile uint32_t *registers, const struct bnn_design *design);

/* Take over accelerator and DMA: identify them, empty both. dma_length_bits: "Width of Buffer
 * Length Register" of the AXI DMA. Loadable weights are to be loaded next. */
int bnn_open(struct bnn_device *device, const struct bnn_design *design,
             const struct bnn_region *registers, const struct bnn_region *dma,
             const struct bnn_region *memory, unsigned dma_length_bits);

/* Load the weights of weights.bin, which stays the caller's and has to stay where it is. */
int bnn_load_weights(struct bnn_device *device, const void *image, size_t bytes);

/* Scores of `count` images of design->image_bytes each, design->classes a row. After an error
 * accelerator and DMA have been emptied, loaded again where that is needed, and can be used again.
 */
int bnn_run(struct bnn_device *device, const void *images, size_t count, int32_t *scores);

/* The class of a row of scores: the first one with the greatest output. */
uint32_t bnn_class(const struct bnn_design *design, const int32_t *scores);

/* What was counted since the last bnn_run began. */
void bnn_counters_read(const struct bnn_device *device, struct bnn_counters *counters);

/* The sha256 of the weights loaded last, most significant word first. */
void bnn_weights_read(const struct bnn_device *device, uint32_t sha256[8]);

/* Status bits, BNN_STATUS_... */
uint32_t bnn_status(const struct bnn_device *device);

/* Empty accelerator and DMA, load the weights used last again. bnn_run does it after an error. */
int bnn_recover(struct bnn_device *device);

#ifdef BNN_BARE_METAL
/* Write back, and forget, what the cache has of these bytes: Xil_DCacheFlushRange and
 * Xil_DCacheInvalidateRange on a standalone BSP; nothing to do where memory is not cached. */
void bnn_flush(volatile void *data, size_t bytes);
void bnn_invalidate(volatile void *data, size_t bytes);
#else
/* Map the first region of /dev/<name>, for instance "uio0". BNN_NO_REGION: errno says why. */
int bnn_uio_open(const char *name, struct bnn_region *region);
void bnn_uio_close(struct bnn_region *region);
#endif

#endif
