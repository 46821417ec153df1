// Runs a network with every instruction set and checks its scores; built with sanitizers.
// Buffers have exactly the promised size, so that one byte too many is seen.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

extern "C" {
int32_t bnn_layers();
void bnn_layer_shape(int32_t k, int32_t shape[5]);
const char* bnn_variant(const char* isa);
int32_t bnn_run(const uint8_t* pixels, int64_t images, int32_t* scores, void* const* taps,
                int32_t threads, const char* isa);
}

static std::vector<char> read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

int main(int, char** argv) {
  const int64_t images = std::atoll(argv[1]);
  const std::vector<char> pixels = read(argv[2]), wanted = read(argv[3]);
  int checked = 0;
  for (const char* isa : {"portable", "avx2", "avx512"}) {
    if (bnn_variant(isa) == nullptr) continue;
    for (const int32_t threads : {1, 3}) {
      std::unique_ptr<uint8_t[]> in(new uint8_t[pixels.size()]);
      std::copy(pixels.begin(), pixels.end(), in.get());
      std::unique_ptr<int32_t[]> scores(new int32_t[wanted.size() / 4]);
      std::vector<std::unique_ptr<char[]>> taps;
      std::vector<void*> pointers;
      for (int32_t k = 0; k < bnn_layers(); ++k) {
        int32_t shape[5];
        bnn_layer_shape(k, shape);
        const int64_t bytes = shape[3] == 1 ? 4 * ((shape[2] + 1) / 2) : 8 * ((shape[2] + 63) / 64);
        taps.emplace_back(shape[4] ? nullptr : new char[images * shape[0] * shape[1] * bytes]);
        pointers.push_back(taps.back().get());
      }
      const int32_t status =
          bnn_run(in.get(), images, scores.get(), pointers.data(), threads, isa);
      const char* found = reinterpret_cast<const char*>(scores.get());
      if (status != 0 || !std::equal(wanted.begin(), wanted.end(), found)) {
        std::printf("%s, %d threads: wrong (status %d)\n", isa, threads, status);
        return 1;
      }
      ++checked;
    }
  }
  std::printf("PASS: %d runs\n", checked);
}
