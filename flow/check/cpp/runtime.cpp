// The C interface of a compiled network: choice of instruction set, threads, memory.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <new>
#include <thread>
#include <vector>

#include "plan.hpp"

namespace bnn {
namespace {

constexpr int32_t kAbi = 2;
constexpr int64_t kImagesPerJob = 16;  // their maps stay in the second-level cache

// Asked here and not in the variants' files: those are compiled for what they ask about.
#if defined(__x86_64__)
bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni") &&
         __builtin_cpu_supports("avx512vpopcntdq");
}
bool has_avx2() { return __builtin_cpu_supports("avx2"); }
#endif
bool always() { return true; }

struct Choice {
  const Variant& variant;
  bool (*supported)();
};

const Choice kChoices[] = {
#if defined(__x86_64__)
    {kAvx512, has_avx512},
    {kAvx2, has_avx2},
#endif
    {kPortable, always},
};

enum Status : int32_t { kDone = 0, kNoSuchVariant = -1, kNoMemory = -2, kFailed = -3 };

// "auto" or a null pointer: the first variant this machine can run.
const Variant* choose(const char* name) {
  const bool any = name == nullptr || std::strcmp(name, "auto") == 0;
  for (const Choice& choice : kChoices) {
    const bool named = any || std::strcmp(name, choice.variant.name) == 0;
    if (named && choice.supported()) return &choice.variant;
  }
  return nullptr;
}

using Scratch = std::vector<std::vector<uint64_t>>;  // one slot each

void work(const Network& net, const Variant& variant, Job job, int64_t images, int64_t per_job,
          std::atomic<int64_t>& next, Scratch& scratch) {
  std::vector<uint64_t*> slots;
  for (auto& slot : scratch) slots.push_back(slot.data());
  job.slots = slots.data();
  for (;;) {
    job.first = next.fetch_add(per_job);
    if (job.first >= images) return;
    job.count = std::min(per_job, images - job.first);
    variant.run(net, job);
  }
}

int32_t run(const uint8_t* pixels, int64_t images, int32_t* scores, void* const* taps,
            int32_t threads, const char* isa) {
  const Variant* variant = choose(isa);
  if (variant == nullptr) return kNoSuchVariant;
  const Network& net = network();
  const int64_t wanted = std::max<int32_t>(threads, 1);
  const int64_t per_job = std::clamp<int64_t>((images + wanted - 1) / wanted, 1, kImagesPerJob);
  const int64_t jobs = (images + per_job - 1) / per_job;
  const auto workers = static_cast<size_t>(std::max<int64_t>(std::min(wanted, jobs), 1));
  std::vector<Scratch> scratch(workers);
  for (Scratch& part : scratch) {  // all memory before the first thread: none can fail later
    for (int32_t k = 0; k < net.slots; ++k) {
      part.emplace_back(static_cast<size_t>(per_job * net.slot_words[k]));
    }
  }
  Job job{};
  job.pixels = pixels;
  job.scores = scores;
  job.taps = taps;
  std::atomic<int64_t> next{0};
  std::vector<std::thread> pool;
  pool.reserve(workers);
  try {
    for (size_t k = 1; k < workers; ++k) {
      pool.emplace_back(work, std::cref(net), std::cref(*variant), job, images, per_job,
                        std::ref(next), std::ref(scratch[k]));
    }
  } catch (...) {  // fewer threads than asked for; the ones there are finish the work
  }
  work(net, *variant, job, images, per_job, next, scratch[0]);
  for (std::thread& thread : pool) thread.join();
  return kDone;
}

}  // namespace
}  // namespace bnn

#define BNN_EXPORT extern "C" __attribute__((visibility("default")))

BNN_EXPORT int32_t bnn_abi() { return bnn::kAbi; }
BNN_EXPORT const char* bnn_identity() { return bnn::kIdentity; }
BNN_EXPORT int32_t bnn_layers() { return bnn::kLayerCount; }
BNN_EXPORT const char* bnn_layer_name(int32_t k) { return bnn::kLayers[k].name; }

// shape: height, width, channels of the output, then 1 for codes, then 1 for the scores.
BNN_EXPORT void bnn_layer_shape(int32_t k, int32_t shape[5]) {
  const bnn::Layer& layer = bnn::kLayers[k];
  const int32_t values[5] = {layer.out_h, layer.out_w, layer.out_c,
                             bnn::gives_codes(layer) ? 1 : 0, layer.scores ? 1 : 0};
  std::copy(values, values + 5, shape);
}

// Height, width and channels of an image.
BNN_EXPORT void bnn_image_shape(int32_t shape[3]) {
  const bnn::Layer& layer = bnn::kLayers[0];
  shape[0] = layer.in_h;
  shape[1] = layer.in_w;
  shape[2] = layer.in_c;
}

// Name of the variant that `isa` ("auto" or a name) means on this machine, or null.
BNN_EXPORT const char* bnn_variant(const char* isa) {
  const bnn::Variant* variant = bnn::choose(isa);
  return variant == nullptr ? nullptr : variant->name;
}

// scores: int32 (images, out_h * out_w * classes). taps: null, or a pointer a layer: null, or room
// for uint64 (images, H, W, words) or, of codes, int16 (images, H, W, even channels).
BNN_EXPORT int32_t bnn_run(const uint8_t* pixels, int64_t images, int32_t* scores,
                           void* const* taps, int32_t threads, const char* isa) {
  try {
    return bnn::run(pixels, images, scores, taps, threads, isa);
  } catch (const std::bad_alloc&) {
    return bnn::kNoMemory;
  } catch (...) {
    return bnn::kFailed;
  }
}

// Bits a second one thread counts in registers, measured over about `seconds`; 0 without a variant.
BNN_EXPORT double bnn_popcount_peak(const char* isa, double seconds) {
  const bnn::Variant* variant = bnn::choose(isa);
  if (variant == nullptr) return 0.0;
  using Clock = std::chrono::steady_clock;
  double best = 0.0, spent = 0.0;
  while (spent < seconds) {
    const auto start = Clock::now();
    // Short bursts: the best one was not interrupted by anything else.
    const double bits = variant->popcount_bits(1 << 16);
    const double took = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, bits / took);
    spent += took;
  }
  return best;
}
