/* See bnn.h. Resets and transfers come in the order of driver/accelerator.py and driver/dma.py. */
#include "bnn.h"

/* An AXI DMA in direct register mode, PG021. */
#define MM2S 0x00u
#define S2MM 0x30u
#define DMA_CONTROL 0x00u
#define DMA_STATUS 0x04u
#define DMA_ADDRESS 0x18u
#define DMA_ADDRESS_HIGH 0x1Cu
#define DMA_LENGTH 0x28u
#define DMA_RUN 0x1u
#define DMA_RESET 0x4u
#define DMA_HALTED 0x1u
#define DMA_IDLE 0x2u
#define DMA_ERRORS 0x70u
#define DMA_IRQS 0x7000u

#define POLLS 1000u
#define PATIENCE_CYCLES 400000000u /* two seconds at 200 MHz */
#define PATIENCE 4u                /* time limit: this many times what should be needed */
#define ALIGNMENT 64u              /* bytes of a beat of the widest DMA */

/* What was written to memory is there before the DMA is told. */
#if defined(BARRIER)
#elif defined(__arm__) || defined(__aarch64__)
#define BARRIER() __asm__ volatile("dsb sy" ::: "memory")
#elif defined(__GNUC__)
#define BARRIER() __sync_synchronize()
#else
#error "bnn.c: define BARRIER() for this compiler, for instance -DBARRIER()=..."
#endif

#ifndef BNN_BARE_METAL /* UIO maps memory uncached */
static void bnn_flush(volatile void *data, size_t bytes) { (void)data, (void)bytes; }
static void bnn_invalidate(volatile void *data, size_t bytes) { (void)data, (void)bytes; }
#endif

static const char *const messages[BNN_ERRORS] = {
    "done",
    "there is no bnnflow accelerator at this address",
    "the accelerator's registers have another version than this driver",
    "this is another accelerator: bitstream and bnn_design.h are of two packages",
    "the accelerator does not come out of its reset: is its clock running?",
    "the DMA does not come out of its reset, or does not start",
    "the DMA has stopped with an error: see dma_status and PG021",
    "the transfer did not end in time",
    "fewer scores came than images were sent",
    "the memory for the DMA is too small, or the DMA's length register too short",
    "this accelerator has fixed weights, part of its bitstream",
    "weights have to be loaded first",
    "this is no weight image of this version, or not all of it",
    "the weight image has another number of words than the accelerator's memories",
    "the accelerator refused the weights: see load_error",
    "the accelerator got only a part of the weights, and waits for more",
    "the accelerator says that it has other weights than were sent",
    "there is no such UIO device, or it cannot be mapped"};

const char *bnn_message(int error) {
  return error >= 0 && error < BNN_ERRORS ? messages[error] : "unknown error";
}

const char *bnn_load_message(uint32_t load_error) {
  switch (load_error) {
#define CASE(code, text) \
  case code:             \
    return text;
    BNN_LOAD_ERRORS(CASE)
#undef CASE
    default:
      return "no error";
  }
}

static uint32_t get(const volatile uint32_t *base, uint32_t offset) { return base[offset / 4u]; }

static void put(volatile uint32_t *base, uint32_t offset, uint32_t value) {
  base[offset / 4u] = value;
}

/* Reading the low word holds the high one. */
static uint64_t get_wide(const volatile uint32_t *base, uint32_t offset) {
  const uint64_t low = get(base, offset);
  return low | (uint64_t)get(base, offset + 4u) << 32;
}

static uint32_t little(const unsigned char *bytes) {
  return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static size_t round_up(size_t value, size_t step) { return (value + step - 1u) / step * step; }

int bnn_identify(volatile uint32_t *registers, const struct bnn_design *design) {
  unsigned k;
  if (get(registers, BNN_ADDRESS_MAGIC) != BNN_MAGIC) return BNN_NO_ACCELERATOR;
  if (get(registers, BNN_ADDRESS_VERSION) != BNN_SHELL_VERSION) return BNN_OTHER_VERSION;
  for (k = 0; k < 8u; ++k) {
    if (get(registers, BNN_ADDRESS_IDENTITY + 4u * k) != design->identity[k])
      return BNN_OTHER_ACCELERATOR;
  }
  return BNN_OK;
}

uint32_t bnn_class(const struct bnn_design *design, const int32_t *scores) {
  double greatest = 0.0;
  uint32_t k, best = 0;
  for (k = 0; k < design->classes; ++k) {
    const volatile double product = scores[k] * design->scale[k]; /* rounded, also with an FMA */
    const double output = product + design->offset[k];
    if (k && output <= greatest) continue;
    greatest = output;
    best = k;
  }
  return best;
}

uint32_t bnn_status(const struct bnn_device *device) {
  return get(device->registers, BNN_ADDRESS_STATUS);
}

void bnn_counters_read(const struct bnn_device *device, struct bnn_counters *counters) {
  const volatile uint32_t *registers = device->registers;
  counters->frames_in = get(registers, BNN_ADDRESS_FRAMES_IN);
  counters->frames_out = get(registers, BNN_ADDRESS_FRAMES_OUT);
  counters->in_stalls = get(registers, BNN_ADDRESS_IN_STALLS);
  counters->in_starved = get(registers, BNN_ADDRESS_IN_STARVED);
  counters->out_stalls = get(registers, BNN_ADDRESS_OUT_STALLS);
  counters->cycle = get_wide(registers, BNN_ADDRESS_CYCLE);
  counters->first_in = get_wide(registers, BNN_ADDRESS_FIRST_IN);
  counters->first_out = get_wide(registers, BNN_ADDRESS_FIRST_OUT);
  counters->last_out = get_wide(registers, BNN_ADDRESS_LAST_OUT);
}

void bnn_weights_read(const struct bnn_device *device, uint32_t sha256[8]) {
  unsigned k;
  for (k = 0; k < 8u; ++k) sha256[k] = get(device->registers, BNN_ADDRESS_WEIGHTS + 4u * k);
}

/* Words and not memcpy: uncached memory of an ARM takes aligned accesses only. Zeros follow. */
static void copy_in(volatile void *memory, size_t size, const unsigned char *bytes, size_t count) {
  volatile uint32_t *words = (volatile uint32_t *)memory;
  size_t k, lane;
  for (k = 0; k < size / 4u; ++k) {
    uint32_t word = 0;
    for (lane = 0; lane < 4u && 4u * k + lane < count; ++lane)
      word |= (uint32_t)bytes[4u * k + lane] << (8u * lane);
    words[k] = word;
  }
}

static int32_t score_at(const volatile void *memory, unsigned bits, size_t index) {
  const volatile uint32_t *words = (const volatile uint32_t *)memory;
  if (bits == 16u) {
    const uint32_t half = words[index / 2u] >> (index % 2u * 16u) & 0xFFFFu;
    return (int32_t)(half ^ 0x8000u) - 0x8000;
  }
  return (int32_t)((int64_t)(words[index] ^ 0x80000000u) - 0x80000000LL);
}

/* Abort everything; what S2MM took in while no transfer was open is gone, too. */
static int stop_dma(const struct bnn_device *device) {
  unsigned k;
  put(device->dma, MM2S + DMA_CONTROL, DMA_RESET);
  for (k = 0; k < POLLS; ++k)
    if (!(get(device->dma, MM2S + DMA_CONTROL) & DMA_RESET)) return BNN_OK;
  return BNN_DMA_STAYS_IN_RESET;
}

static int start_dma(const struct bnn_device *device) {
  unsigned k;
  int error = stop_dma(device);
  if (error) return error;
  put(device->dma, MM2S + DMA_CONTROL, DMA_RUN);
  put(device->dma, S2MM + DMA_CONTROL, DMA_RUN);
  for (k = 0; k < POLLS; ++k) {
    const uint32_t halted =
        get(device->dma, MM2S + DMA_STATUS) | get(device->dma, S2MM + DMA_STATUS);
    if (!(halted & DMA_HALTED)) return BNN_OK;
  }
  return BNN_DMA_STAYS_IN_RESET;
}

static int reset(const struct bnn_device *device, uint32_t command) {
  unsigned k;
  put(device->registers, BNN_ADDRESS_CONTROL, command);
  for (k = 0; k < POLLS; ++k)
    if (!(bnn_status(device) & BNN_STATUS_IN_RESET)) return BNN_OK;
  return BNN_STAYS_IN_RESET;
}

/* First nobody sends any more, then the accelerator is emptied and silent, then the beats go that
 * S2MM took from it in between. */
static int empty(struct bnn_device *device) {
  int error = stop_dma(device);
  device->usable = 0;
  if (!error) error = reset(device, BNN_CONTROL_RESET);
  if (!error) error = start_dma(device);
  return error;
}

static void transfer(const struct bnn_device *device, uint32_t channel, size_t offset,
                     size_t bytes) {
  const uint64_t address = device->memory.address + offset;
  put(device->dma, channel + DMA_STATUS, DMA_IRQS);
  put(device->dma, channel + DMA_ADDRESS, (uint32_t)address);
  put(device->dma, channel + DMA_ADDRESS_HIGH, (uint32_t)(address >> 32));
  put(device->dma, channel + DMA_LENGTH, (uint32_t)bytes);
}

/* Wait for a channel. Time is the accelerator's own: no clock of the processor is needed. */
static int await(struct bnn_device *device, uint32_t channel, uint64_t cycles) {
  const uint64_t began = get_wide(device->registers, BNN_ADDRESS_CYCLE);
  const uint64_t limit = device->patience_cycles + PATIENCE * cycles;
  for (;;) {
    const uint32_t other = get(device->dma, (channel == MM2S ? S2MM : MM2S) + DMA_STATUS);
    const uint32_t status = get(device->dma, channel + DMA_STATUS);
    const uint32_t failed = status & (DMA_ERRORS | DMA_HALTED) ? status : other;
    if (failed & (DMA_ERRORS | DMA_HALTED)) {
      device->dma_status = failed;
      return BNN_DMA_FAILED;
    }
    if (status & DMA_IDLE) return BNN_OK;
    if (get_wide(device->registers, BNN_ADDRESS_CYCLE) - began > limit) return BNN_TIMEOUT;
  }
}

static int send_weights(struct bnn_device *device) {
  const size_t bytes = round_up(device->weights_bytes, ALIGNMENT);
  uint32_t sha256[8];
  unsigned k;
  int error = reset(device, BNN_CONTROL_LOAD);
  if (error) return error;
  copy_in(device->memory.data, bytes, device->weights, device->weights_bytes);
  bnn_flush(device->memory.data, bytes);
  BARRIER();
  transfer(device, MM2S, 0, bytes);
  error = await(device, MM2S, device->weights_bytes / 4u);
  if (error) return error;
  for (k = 0; k < POLLS; ++k) {
    const uint32_t status = bnn_status(device);
    device->load_error = status >> BNN_STATUS_LOAD_ERROR_SHIFT & BNN_STATUS_LOAD_ERROR_MASK;
    if (device->load_error) return BNN_WEIGHTS_REFUSED;
    if (status & BNN_STATUS_LOADED) break;
  }
  if (k == POLLS) return BNN_WEIGHTS_INCOMPLETE;
  bnn_weights_read(device, sha256);
  for (k = 0; k < 8u; ++k)
    if (sha256[k] != little(device->weights + 4u * (BNN_LOAD_HASH_WORD + k)))
      return BNN_OTHER_WEIGHTS;
  device->usable = 1;
  return BNN_OK;
}

int bnn_recover(struct bnn_device *device) {
  int error = empty(device);
  if (error) return error;
  if (!device->design->load_words) device->usable = 1;
  return device->weights ? send_weights(device) : BNN_OK;
}

int bnn_open(struct bnn_device *device, const struct bnn_design *design,
             const struct bnn_region *registers, const struct bnn_region *dma,
             const struct bnn_region *memory, unsigned dma_length_bits) {
  const size_t frame = (size_t)design->in_frame_bytes + design->out_frame_bytes;
  const size_t larger = design->in_frame_bytes > design->out_frame_bytes ? design->in_frame_bytes
                                                                         : design->out_frame_bytes;
  int error;
  device->design = design;
  device->registers = (volatile uint32_t *)registers->data;
  device->dma = (volatile uint32_t *)dma->data;
  device->memory = *memory;
  device->longest = ((size_t)1 << dma_length_bits) - 1u;
  device->patience_cycles = PATIENCE_CYCLES;
  device->dma_status = device->load_error = 0;
  device->weights = NULL;
  device->weights_bytes = 0;
  device->usable = 0;
  error = bnn_identify(device->registers, design);
  if (error) return error;
  if (memory->bytes < frame + ALIGNMENT || device->longest < larger) return BNN_MEMORY_TOO_SMALL;
  device->batch = (memory->bytes - ALIGNMENT) / frame;
  if (device->batch > device->longest / larger) device->batch = device->longest / larger;
  return bnn_recover(device);
}

int bnn_load_weights(struct bnn_device *device, const void *image, size_t bytes) {
  const unsigned char *header = (const unsigned char *)image;
  const unsigned char *before = device->weights;
  const size_t before_bytes = device->weights_bytes, sent = round_up(bytes, ALIGNMENT);
  int error;
  if (!device->design->load_words) return BNN_FIXED_WEIGHTS;
  if (bytes < 4u * (BNN_LOAD_HEADER_WORDS + 1u) || little(header) != BNN_LOAD_MAGIC ||
      little(header + 4) != BNN_LOAD_VERSION ||
      bytes / 4u - (BNN_LOAD_HEADER_WORDS + 1u) != little(header + 8) || bytes % 4u)
    return BNN_NO_WEIGHT_IMAGE;
  if (little(header + 8) != device->design->load_words) return BNN_OTHER_SHAPES;
  if (sent > device->memory.bytes || sent > device->longest) return BNN_MEMORY_TOO_SMALL;
  device->weights = header;
  device->weights_bytes = bytes;
  error = empty(device);
  if (!error) error = send_weights(device);
  if (error) { /* what was loaded before is loaded again */
    const uint32_t load_error = device->load_error;
    device->weights = before;
    device->weights_bytes = before_bytes;
    (void)bnn_recover(device);
    device->load_error = load_error;
  }
  return error;
}

static int run_batch(struct bnn_device *device, const unsigned char *images, size_t count,
                     int32_t *scores) {
  const struct bnn_design *design = device->design;
  volatile unsigned char *in = (volatile unsigned char *)device->memory.data;
  const size_t sent = count * design->in_frame_bytes, wanted = count * design->out_frame_bytes;
  const size_t start = round_up(sent, ALIGNMENT);
  volatile unsigned char *out = in + start;
  const uint64_t cycles = (uint64_t)(count + 1u) * design->cycles_per_frame;
  size_t frame, k;
  int error;
  for (frame = 0; frame < count; ++frame)
    copy_in(in + frame * design->in_frame_bytes, design->in_frame_bytes,
            images + frame * design->image_bytes, design->image_bytes);
  bnn_flush(in, sent);
  bnn_invalidate(out, wanted);
  BARRIER();
  transfer(device, S2MM, start, wanted);
  transfer(device, MM2S, 0, sent);
  error = await(device, S2MM, cycles);
  if (!error && get(device->dma, S2MM + DMA_LENGTH) != wanted) error = BNN_SHORT_READ;
  if (!error) error = await(device, MM2S, cycles);
  if (error) return error;
  BARRIER();
  bnn_invalidate(out, wanted);
  for (frame = 0; frame < count; ++frame)
    for (k = 0; k < design->classes; ++k)
      scores[frame * design->classes + k] =
          score_at(out + frame * design->out_frame_bytes, design->score_bits, k);
  return BNN_OK;
}

int bnn_run(struct bnn_device *device, const void *images, size_t count, int32_t *scores) {
  const struct bnn_design *design = device->design;
  const unsigned char *next = (const unsigned char *)images;
  int error = BNN_OK;
  if (design->load_words && !device->weights) return BNN_NO_WEIGHTS;
  if (!device->usable) error = bnn_recover(device); /* the last recovery failed */
  if (error) return error;
  device->dma_status = 0;
  put(device->registers, BNN_ADDRESS_CONTROL, BNN_CONTROL_CLEAR);
  while (count && !error) {
    const size_t batch = count < device->batch ? count : device->batch;
    error = run_batch(device, next, batch, scores);
    next += batch * design->image_bytes;
    scores += batch * design->classes;
    count -= batch;
  }
  if (error) (void)bnn_recover(device); /* else the next call tries again */
  return error;
}
