// Prepares the plans of a network: which taps of which outputs lie inside the map.
#include "plan.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <tuple>
#include <vector>

namespace bnn {

bool gives_codes(const Layer& layer) {
  switch (layer.kind) {
    case Kind::kConvCodes:
    case Kind::kConvBits:
    case Kind::kDepthwise:
    case Kind::kThreshold: return layer.codes_out;
    case Kind::kInputBits:
    case Kind::kPool: return false;
    default: return true;
  }
}

namespace {

struct Span {
  int32_t first, last;  // taps inside the map: first <= tap < last
};

Span inside(int32_t out, int32_t stride, int32_t pad, int32_t kernel, int32_t dilation,
            int32_t size) {
  const int32_t start = out * stride - pad;
  const auto taps_before = [dilation](int32_t distance) {  // taps that lie in front of it
    return distance <= 0 ? 0 : (distance + dilation - 1) / dilation;
  };
  const int32_t first = std::min(taps_before(-start), kernel);
  return {first, std::clamp(taps_before(size - start), first, kernel)};
}

// Owns what the plans point to; deques keep addresses.
struct Store {
  std::vector<Plan> plans;
  std::vector<int64_t> slots;
  std::deque<std::vector<Region>> regions;
  std::deque<std::vector<int32_t>> indices;
  std::deque<std::vector<Step>> steps;
  std::deque<std::vector<int64_t>> limits;
};

const int64_t* keep(std::deque<std::vector<int64_t>>& store, std::vector<int64_t> values) {
  return store.emplace_back(std::move(values)).data();
}

int64_t floor_half(int64_t value) { return value >= 0 ? value / 2 : -((1 - value) / 2); }

void set_limits(const Layer& layer, const Plan& plan, const Span rows, const Span columns,
                Store& store, Region& region) {
  const int32_t channels = plan.groups * 8, per_tap = words(layer.in_c);
  const auto* weights = static_cast<const uint64_t*>(plan.weights);
  const auto* thresholds = reinterpret_cast<const int32_t*>(kBlob + layer.thresholds);
  std::vector<int64_t> base(channels, 0), limit(channels, -1);
  for (int32_t c = 0; c < layer.out_c; ++c) {
    int64_t dot = 0;
    for (int32_t ky = 0; ky < layer.kernel_h; ++ky) {
      for (int32_t kx = 0; kx < layer.kernel_w; ++kx) {
        const bool in_map = ky >= rows.first && ky < rows.last && kx >= columns.first &&
                            kx < columns.last;
        if (in_map) {
          dot += layer.in_c;
        } else if (layer.pad_value != 0) {  // the bit 0 against each weight
          const int64_t tap = ky * layer.kernel_w + kx;
          const uint64_t* word = weights + (c / 8) * plan.group_stride + tap * per_tap * 8 + c % 8;
          for (int32_t k = 0; k < per_tap; ++k) dot -= 2 * __builtin_popcountll(word[8 * k]);
          dot += layer.in_c;
        }
      }
    }
    base[c] = dot;
    if (!layer.scores && !layer.codes_out) limit[c] = floor_half(dot - thresholds[c]);
  }
  region.base = keep(store.limits, std::move(base));
  region.limit = keep(store.limits, std::move(limit));
}

void add_regions(const Layer& layer, Plan& plan, Store& store) {
  const bool bits = layer.kind == Kind::kConvBits;
  const int32_t per_pixel = bits ? words(layer.in_c) : pairs(layer.in_c);
  const int32_t vector = bits ? 8 : 32;
  using Key = std::tuple<int32_t, int32_t, int32_t, int32_t>;
  std::map<Key, std::vector<std::pair<int32_t, int32_t>>> found;
  for (int32_t y = 0; y < layer.out_h; ++y) {
    for (int32_t x = 0; x < layer.out_w; ++x) {
      const Span rows =
          inside(y, layer.stride_h, layer.pad_top, layer.kernel_h, layer.dilation_h, layer.in_h);
      const Span columns =
          inside(x, layer.stride_w, layer.pad_left, layer.kernel_w, layer.dilation_w, layer.in_w);
      found[{rows.first, rows.last, columns.first, columns.last}].emplace_back(y, x);
    }
  }
  std::vector<Region>& regions = store.regions.emplace_back();
  for (const auto& [key, pixels] : found) {
    const auto [row0, row1, column0, column1] = key;
    std::vector<int32_t>& in = store.indices.emplace_back();
    std::vector<int32_t>& out = store.indices.emplace_back();
    for (const auto& [y, x] : pixels) {
      const int32_t row = y * layer.stride_h - layer.pad_top + row0 * layer.dilation_h;
      const int32_t column = x * layer.stride_w - layer.pad_left + column0 * layer.dilation_w;
      const bool any = row1 > row0 && column1 > column0;  // else the window is all padding
      in.push_back(any ? (row * layer.in_w + column) * per_pixel : 0);
      out.push_back(y * layer.out_w + x);
    }
    std::vector<Step>& steps = store.steps.emplace_back();
    for (int32_t ky = row0; ky < row1; ++ky) {
      for (int32_t kx = column0; kx < column1; ++kx) {
        for (int32_t k = 0; k < per_pixel; ++k) {
          const int32_t tap = ky * layer.kernel_w + kx;
          const int32_t down = (ky - row0) * layer.dilation_h;
          const int32_t right = (kx - column0) * layer.dilation_w;
          steps.push_back(
              {(down * layer.in_w + right) * per_pixel + k, (tap * per_pixel + k) * vector});
        }
      }
    }
    Region region{};
    region.pixels = static_cast<int32_t>(pixels.size());
    region.in = in.data();
    region.out = out.data();
    region.steps = static_cast<int32_t>(steps.size());
    region.step = steps.data();
    if (bits) set_limits(layer, plan, {row0, row1}, {column0, column1}, store, region);
    regions.push_back(region);
  }
  plan.regions = static_cast<int32_t>(regions.size());
  plan.region = regions.data();
}

int32_t stride_of(int32_t pixels, int32_t channels, bool codes) {
  return pixels * (codes ? 2 * pairs(channels) : words(channels));
}

Plan make_plan(const Layer& layer, Store& store) {
  Plan plan{};
  plan.layer = &layer;
  const bool codes_in = layer.source < 0 || gives_codes(kLayers[layer.source]);
  plan.in_stride = stride_of(layer.in_h * layer.in_w, layer.in_c, codes_in);
  plan.out_stride = stride_of(layer.out_h * layer.out_w, layer.out_c, gives_codes(layer));
  if (layer.source2 >= 0) plan.in2_stride = store.plans[layer.source2].out_stride;
  plan.table = reinterpret_cast<const int16_t*>(kBlob + layer.table);
  plan.mask = kBlob + layer.mask;
  plan.constants = reinterpret_cast<const int32_t*>(kBlob + layer.constants);
  plan.weights = kBlob + layer.weights;
  plan.thresholds = reinterpret_cast<const int32_t*>(kBlob + layer.thresholds);
  if (layer.kind == Kind::kConvBits || layer.kind == Kind::kConvCodes) {
    const int32_t taps = layer.kernel_h * layer.kernel_w;
    plan.groups = codes_in ? groups16(layer.out_c) : groups8(layer.out_c);
    plan.group_stride = static_cast<ptrdiff_t>(taps) *
                        (codes_in ? 32 * pairs(layer.in_c) : 8 * words(layer.in_c));
    add_regions(layer, plan, store);
  }
  return plan;
}

}  // namespace

const Network& network() {
  static Store store;
  static const Network built = [] {
    Network result{};
    store.slots.resize(kSlotCount);
    for (int32_t k = 0; k < kLayerCount; ++k) {
      const Layer& layer = kLayers[k];
      const Plan plan = make_plan(layer, store);
      store.plans.push_back(plan);
      const int64_t words = gives_codes(layer) ? (plan.out_stride + 3) / 4 : plan.out_stride;
      if (layer.slot >= 0) store.slots[layer.slot] = std::max(store.slots[layer.slot], words);
    }
    result.layers = kLayerCount;
    result.plan = store.plans.data();
    result.slots = kSlotCount;
    result.slot_words = store.slots.data();
    const Layer& last = kLayers[kLayerCount - 1];
    result.classes = last.out_h * last.out_w * last.out_c;
    return result;
  }();
  return built;
}

}  // namespace bnn
