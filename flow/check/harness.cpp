// Drives a generated top module: words from a file in, words to a file out, every stream captured.
//
// usage: Vbnn_top key=value ...   (see `Options`); prints one JSON object as its last line.
// Exit 0: all frames came out. Exit 4: nothing moved for `patience` cycles; the JSON names who waits.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "Vbnn_top.h"
#include "Vbnn_top___024root.h"
#include "probes.h"  // generated: kProbes, kInputBytes, ..., visit_probes, visit_high_water
#include "verilated.h"

namespace {

using Bytes = std::vector<uint8_t>;

struct Options {
    std::string input, output, capture;  // capture: folder for <stream>.bin, or empty
    std::string load;                    // the load image, for a loadable design
    uint64_t frames = 0;
    uint64_t patience = 100000;  // cycles without any transfer that count as a deadlock
    double interval = 0.0;       // cycles from one word of the source to the next, at least
    double idle = 0.0;           // probability that the source pauses
    double stall = 0.0;          // probability that the sink pauses
    uint64_t seed = 1;
};

Options parse(int argc, char** argv) {
    Options o;
    for (int i = 1; i < argc; ++i) {
        const std::string arg = argv[i];
        if (arg[0] == '+') continue;  // for Verilator
        const size_t eq = arg.find('=');
        if (eq == std::string::npos) throw std::runtime_error("not key=value: " + arg);
        const std::string key = arg.substr(0, eq), value = arg.substr(eq + 1);
        if (key == "input") o.input = value;
        else if (key == "output") o.output = value;
        else if (key == "capture") o.capture = value;
        else if (key == "load") o.load = value;
        else if (key == "frames") o.frames = std::stoull(value);
        else if (key == "patience") o.patience = std::stoull(value);
        else if (key == "interval") o.interval = std::stod(value);
        else if (key == "idle") o.idle = std::stod(value);
        else if (key == "stall") o.stall = std::stod(value);
        else if (key == "seed") o.seed = std::stoull(value);
        else throw std::runtime_error("unknown option " + key);
    }
    return o;
}

// A port is an integer up to 64 bits and an array of 32-bit words beyond; both are little-endian.
template <class Port>
uint8_t* bytes_of(Port& port) {
    return reinterpret_cast<uint8_t*>(&port);
}
template <class Port>
const uint8_t* bytes_of(const Port& port) {
    return reinterpret_cast<const uint8_t*>(&port);
}

Bytes read_all(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + path);
    return Bytes(std::istreambuf_iterator<char>(file), {});
}

class Captures {
  public:
    explicit Captures(const std::string& folder) {
        for (const Probe& probe : kProbes) {
            stats_.push_back({});
            files_.push_back(nullptr);
            if (folder.empty()) continue;
            const std::string path = folder + "/" + probe.name + ".bin";
            files_.back() = std::fopen(path.c_str(), "wb");
            if (!files_.back()) throw std::runtime_error("cannot write " + path);
        }
    }
    ~Captures() {
        for (FILE* file : files_)
            if (file) std::fclose(file);
    }
    // Record one stream in one cycle; returns whether a word moved.
    bool sample(int k, bool valid, bool ready, const uint8_t* data, const uint8_t* flags) {
        stats_[k].waiting = valid && !ready;
        stats_[k].starved = !valid && ready;
        stats_[k].stalls += valid && !ready;
        if (!valid || !ready) return false;
        ++stats_[k].beats;
        if (files_[k]) {
            std::fwrite(data, 1, kProbes[k].bytes, files_[k]);
            std::fwrite(flags, 1, kProbes[k].flag_bytes, files_[k]);
        }
        return true;
    }
    // Whether every stream has carried all words of its frames. Where a layer leaves an edge of a map
    // out, that edge may still be on its way when the last score has left.
    bool complete(uint64_t frames) const {
        for (size_t k = 0; k < stats_.size(); ++k)
            if (stats_[k].beats < frames * kProbes[k].beats) return false;
        return true;
    }
    void print() const {
        std::printf("\"streams\": [");
        for (size_t k = 0; k < stats_.size(); ++k)
            std::printf(
                "%s{\"name\": \"%s\", \"beats\": %llu, \"stalls\": %llu, \"waiting\": %s, "
                "\"starved\": %s}",
                k ? ", " : "", kProbes[k].name, (unsigned long long)stats_[k].beats,
                (unsigned long long)stats_[k].stalls, stats_[k].waiting ? "true" : "false",
                stats_[k].starved ? "true" : "false");
        std::printf("]");
    }

  private:
    struct Stats {
        uint64_t beats = 0, stalls = 0;
        bool waiting = false, starved = false;
    };
    std::vector<Stats> stats_;
    std::vector<FILE*> files_;
};

void print_list(const char* name, const std::vector<uint64_t>& values) {
    std::printf("\"%s\": [", name);
    for (size_t k = 0; k < values.size(); ++k)
        std::printf("%s%llu", k ? ", " : "", (unsigned long long)values[k]);
    std::printf("], ");
}

#ifdef BNN_LOADABLE
// Sends the load image; returns the cycles until the accelerator says that it is loaded. An image is
// offered meanwhile: no word of it may be taken.
template <class HalfCycle, class Idle>
uint64_t load_weights(Vbnn_top& top, const Bytes& image, HalfCycle half_cycle, Idle idle) {
    constexpr uint64_t kPatience = 4096;
    uint64_t cycles = 0, sent = 0, quiet = 0;
    bool offered = false;
    top.in_valid_i = 1;
    top.load_valid_i = 0;
    while (true) {
        if (!offered && sent < image.size() && !idle()) {
            std::memcpy(bytes_of(top.load_data_i), &image[sent], 4);
            offered = true;
        }
        top.load_valid_i = offered;
        half_cycle(0);
        if (top.load_done_o && sent == image.size()) break;
        if (top.in_ready_o)
            throw std::runtime_error("an image was taken before the weights were loaded");
        if (top.load_error_o)
            throw std::runtime_error("the loader refused the image, error " +
                                     std::to_string(top.load_error_o));
        ++quiet;
        if (offered && top.load_ready_o) {
            sent += 4;
            offered = false;
            quiet = 0;
        }
        half_cycle(1);
        ++cycles;
        if (quiet > kPatience) throw std::runtime_error("the weights were never loaded");
    }
    top.in_valid_i = 0;
    top.load_valid_i = 0;
    half_cycle(0);
    half_cycle(1);
    return cycles;
}
#endif

int simulate(const Options& options, VerilatedContext& context) {
    const Bytes input = read_all(options.input);
    const uint64_t in_words = input.size() / kInputBytes;
    const uint64_t in_beats = in_words / options.frames;
    const uint64_t out_words = options.frames * kOutputBeats;
    if (!options.frames || in_words * kInputBytes != input.size() || in_beats * options.frames != in_words)
        throw std::runtime_error("input is no whole number of frames");

    auto top = std::make_unique<Vbnn_top>(&context);
    Captures captures(options.capture);
    std::mt19937_64 random(options.seed);
    std::bernoulli_distribution idle(options.idle), stall(options.stall);
    FILE* output = std::fopen(options.output.c_str(), "wb");
    if (!output) throw std::runtime_error("cannot write " + options.output);

    const auto half_cycles = [&](int clock) {
        top->clk_i = clock;
        top->eval();
        context.timeInc(1);
    };
    top->in_valid_i = 0;
    top->out_ready_i = 0;
#ifdef BNN_LOADABLE
    top->load_valid_i = 0;
#endif
    top->rst_ni = 0;
    for (int k = 0; k < 8; ++k) {
        half_cycles(0);
        half_cycles(1);
    }
    top->rst_ni = 1;

    uint64_t load_cycles = 0;
#ifdef BNN_LOADABLE
    load_cycles = load_weights(*top, read_all(options.load), half_cycles, [&] { return idle(random); });
#endif

    std::vector<uint64_t> first_in, last_out;
    uint64_t cycle = 0, sent = 0, received = 0, quiet = 0;
    bool offered = false, deadlock = false;
    // Some cycles beyond the last word: a word too many must be seen.
    uint64_t trailing = 64;
    while (!context.gotFinish() && trailing > 0) {
        const bool out = received >= out_words;
        if (out && (captures.complete(options.frames) || quiet > options.patience)) --trailing;
        const bool due = static_cast<double>(cycle) >= options.interval * static_cast<double>(sent);
        if (!offered && sent < in_words && due && !idle(random)) {
            std::memcpy(bytes_of(top->in_data_i), &input[sent * kInputBytes], kInputBytes);
            offered = true;
        }
        top->in_valid_i = offered;
        top->out_ready_i = !stall(random);
        half_cycles(0);

        bool moved = false;
        const auto visit = [&](int k, bool valid, bool ready, const auto& data, const auto& pad) {
            moved |= captures.sample(k, valid, ready, bytes_of(data), bytes_of(pad));
        };
        visit_probes(*top->rootp, visit);
        if (offered && top->in_ready_o) {
            if (sent % in_beats == 0) first_in.push_back(cycle);
            ++sent;
            offered = false;
        }
        if (top->out_valid_o && top->out_ready_i) {
            std::fwrite(bytes_of(top->out_data_o), 1, kOutputBytes, output);
            if (++received % kOutputBeats == 0) last_out.push_back(cycle);
        }
        half_cycles(1);
        ++cycle;
        quiet = moved ? 0 : quiet + 1;
        if (quiet > options.patience && received < out_words) {
            deadlock = true;
            break;
        }
    }
    std::vector<uint64_t> high_water;
    visit_high_water(*top->rootp, [&](uint32_t mark) { high_water.push_back(mark); });
    top->final();
    std::fclose(output);
    std::printf("{\"cycles\": %llu, \"deadlock\": %s, \"sent\": %llu, \"received\": %llu, ",
                (unsigned long long)cycle, deadlock ? "true" : "false", (unsigned long long)sent,
                (unsigned long long)received);
    std::printf("\"load_cycles\": %llu, ", (unsigned long long)load_cycles);
    print_list("first_in", first_in);
    print_list("last_out", last_out);
    print_list("high_water", high_water);
    captures.print();
    std::printf("}\n");
    return deadlock ? 4 : 0;
}

}  // namespace

int main(int argc, char** argv) {
    VerilatedContext context;
    context.commandArgs(argc, argv);
    try {
        return simulate(parse(argc, argv), context);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "error: %s\n", error.what());
        return 2;
    }
}
