// What the kernels read: plain arrays prepared once from the layer table.
//
// No file compiled for one instruction set may emit a function another could be linked to, so the
// kernels see only plain structs, and the standard library stays in plan.cpp and runtime.cpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "network.hpp"

namespace bnn {

// One word (kConvBits) or pair (kConvCodes) of a window: where it lies behind the window's first
// tap inside the map, and its weights' place in a group of output channels (in elements).
struct Step {
  int32_t x, w;
};

// The outputs whose windows have the same taps inside the map. Padding costs nothing: its taps are
// absent from `steps` and accounted for in `base` and `limit`.
struct Region {
  int32_t pixels;
  const int32_t* in;   // per pixel: its window's first tap, in words or pairs
  const int32_t* out;  // per pixel: its index in the output map
  int32_t steps;
  const Step* step;
  const int64_t* base;   // kConvBits, per channel: the dot product if no bit differs
  const int64_t* limit;  // kConvBits giving bits, per channel: the most differing ones for +1
};

struct Plan {
  const Layer* layer;
  int32_t regions;
  const Region* region;
  int32_t in_stride, out_stride;  // of one image, in uint64 (codes: in int16)
  int32_t in2_stride;             // of the second source
  int32_t groups;                 // of 8 (codes: 16) output channels
  ptrdiff_t group_stride;         // weights of a group, in uint64 (codes: in int16)
  const void* weights;
  const int32_t* thresholds;  // [step][channel]
  const int16_t* table;
  const void* mask;
  const int32_t* constants;
};

struct Network {
  int32_t layers;
  const Plan* plan;
  int32_t slots;
  const int64_t* slot_words;  // of one image, in uint64
  int32_t classes;            // scores of an image
};

// Whether a layer's output is int16 codes; else bits (or scores).
bool gives_codes(const Layer& layer);

// Builds the plans on the first call.
const Network& network();

// Part of a run that one thread does at a time. `taps[k]` is null or where layer k's output goes.
struct Job {
  const uint8_t* pixels;
  int64_t first, count;
  int32_t* scores;
  void* const* taps;
  uint64_t* const* slots;  // uint64 or int16
};

struct Variant {
  const char* name;
  void (*run)(const Network& network, const Job& job);
  double (*popcount_bits)(int64_t rounds);  // bits counted in registers, for the peak
};

extern const Variant kPortable;
#if defined(__x86_64__)
extern const Variant kAvx2;
extern const Variant kAvx512;
#endif

}  // namespace bnn
