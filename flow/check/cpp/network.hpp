// What a generated network is: a table of layers and one blob of constants.
#pragma once

#include <cstdint>

namespace bnn {

enum class Kind : int32_t {
  kInputCodes,  // uint8 pixels to int16 codes, through a table
  kInputBits,   // uint8 pixels to bits, through a table
  kConvCodes,   // codes times weights
  kConvBits,    // bits times weights of -1 and +1: XNOR and popcount
  kPool,        // OR over a window of bits, AND in the channels of `mask`
  kDepthwise,   // codes times weights, channel by channel, then thresholds
  kThreshold,   // codes to codes or bits
  kMap,         // codes of one or two layers to codes: a file of maps/, each says what it computes
  kScores,      // codes handed out as scores
};

// `source` and `source2` are indices of the layers whose outputs are read, -1 for the images; `slot`
// is the memory that the output lies in. A fully connected layer is the convolution whose kernel
// covers its input. Offsets are bytes in the blob. Padding of a pool takes no part, of a sum it is 0. Weights of kConvBits: bits [channel / 8][tap][channel word][channel % 8] in uint64, taps in
// the order row, column; of kConvCodes: int16 [channel / 16][tap][pair of inputs][channel % 16][2].
// Thresholds: int32 [step][channel], channels filled up to 16, on the dot product; a convolution
// without them gives the scores. One step gives bits, or with codes_out the codes
// low + rise * (thresholds reached), as any number of steps does. kThreshold may also count downwards:
// its `mask` says in which channels values are negated first. Weights of kDepthwise: int16
// [tap][channel]. Masks: of kPool uint64 [channel word], else int16 [channel], 0 or -1.
struct Layer {
  const char* name;
  Kind kind;
  int32_t in_h, in_w, in_c;
  int32_t out_h, out_w, out_c;
  int32_t kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left;
  int32_t dilation_h, dilation_w;
  int32_t pad_value;  // 0: padding adds nothing; -1: padding is the bit 0; what maps/pad writes
  int32_t source, source2, slot;
  int32_t map;  // of kMap: place of its file in maps/, in alphabetical order
  bool scores;
  bool codes_out;  // what leaves the layer is int16 codes
  int32_t steps, low, rise;
  int64_t weights, thresholds, table, mask;
  int64_t constants;  // int32, of kMap
};

// Defined by the generated source.
extern const Layer kLayers[];
extern const int32_t kLayerCount;
extern const int32_t kSlotCount;
extern const char kIdentity[];
extern const unsigned char* const kBlob;

static constexpr int32_t words(int32_t channels) { return (channels + 63) / 64; }   // uint64 a pixel
static constexpr int32_t pairs(int32_t channels) { return (channels + 1) / 2; }     // of int16 a pixel
static constexpr int32_t groups8(int32_t channels) { return (channels + 7) / 8; }
static constexpr int32_t groups16(int32_t channels) { return (channels + 15) / 16; }

}  // namespace bnn
