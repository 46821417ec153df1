// Drives one layer cut out of an accelerator and writes a window of cycles as FST or VCD.
//
// usage: Vbnn_layer input=F expected=F load=F cycles=N patience=N [trace=F from=A to=B]
// A loadable layer gets its weights first; cycle 0 is the first one after that.
// Prints one JSON object as its last line: cycles, received, first_difference and first_output as
// cycle numbers, -1 for none.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "Vbnn_layer.h"
#include "layer.h"  // generated: kInputBytes, kOutputBytes
#include "verilated.h"
#ifdef WAVES_FST
#include "verilated_fst_c.h"
using Trace = VerilatedFstC;
#else
#include "verilated_vcd_c.h"
using Trace = VerilatedVcdC;
#endif

namespace {

using Bytes = std::vector<uint8_t>;

Bytes read_all(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + path);
    return Bytes(std::istreambuf_iterator<char>(file), {});
}

template <class Port>
uint8_t* bytes_of(Port& port) {
    return reinterpret_cast<uint8_t*>(&port);
}

int simulate(const std::map<std::string, std::string>& options, VerilatedContext& context) {
    const Bytes input = read_all(options.at("input")), expected = read_all(options.at("expected"));
    const uint64_t words = input.size() / kInputBytes, wanted = expected.size() / kOutputBytes;
    const int64_t limit = std::stoll(options.at("cycles"));
    const int64_t patience = std::stoll(options.at("patience"));
    const bool trace = options.count("trace") != 0;
    const int64_t from = trace ? std::stoll(options.at("from")) : 0;
    const int64_t to = trace ? std::stoll(options.at("to")) : 0;

    context.traceEverOn(trace);
    auto top = std::make_unique<Vbnn_layer>(&context);
    Trace file;
    if (trace) {
        top->trace(&file, 99);
        file.open(options.at("trace").c_str());
    }
    uint64_t time = 0;
    const auto half_cycle = [&](int clock, bool dump) {
        top->clk_i = clock;
        top->eval();
        if (dump) file.dump(time);
        ++time;
        context.timeInc(1);
    };
    top->in_valid_i = 0;
    top->out_ready_i = 0;
#ifdef BNN_LOADABLE
    top->load_valid_i = 0;
#endif
    top->rst_ni = 0;
    for (int k = 0; k < 8; ++k) {
        half_cycle(0, false);
        half_cycle(1, false);
    }
    top->rst_ni = 1;
#ifdef BNN_LOADABLE
    const Bytes image = read_all(options.at("load"));
    constexpr int64_t kPatience = 4096;
    for (int64_t k = 0, idle = 0; !top->load_done_o; ++idle) {
        const bool left = k < static_cast<int64_t>(image.size());
        if (left) std::memcpy(bytes_of(top->load_data_i), &image[k], 4);
        top->load_valid_i = left;
        half_cycle(0, false);
        if (left && top->load_ready_o) {
            k += 4;
            idle = 0;
        }
        half_cycle(1, false);
        if (idle > kPatience) throw std::runtime_error("the weights were never loaded");
    }
    top->load_valid_i = 0;
#endif
    time = 0;  // cycle k of the report is at time 2k of the trace

    uint64_t sent = 0, received = 0;
    int64_t difference = -1, first = -1, quiet = 0, cycle = 0;
    for (; cycle < limit && quiet <= patience && !context.gotFinish(); ++cycle) {
        const bool dump = trace && cycle >= from && cycle < to;
        if (trace && cycle >= to) break;
        if (!trace && received >= wanted) break;
        if (sent < words) std::memcpy(bytes_of(top->in_data_i), &input[sent * kInputBytes], kInputBytes);
        top->in_valid_i = sent < words;
        top->out_ready_i = 1;
        half_cycle(0, dump);
        ++quiet;
        if (top->in_valid_i && top->in_ready_o) {
            ++sent;
            quiet = 0;
        }
        if (top->out_valid_o) {
            if (first < 0) first = cycle;
            const bool right =
                received < wanted &&
                !std::memcmp(bytes_of(top->out_data_o), &expected[received * kOutputBytes], kOutputBytes);
            if (!right && received < wanted && difference < 0) difference = cycle;
            ++received;
            quiet = 0;
        }
        half_cycle(1, dump);
    }
    if (trace) file.close();
    top->final();
    std::printf(
        "{\"cycles\": %lld, \"sent\": %llu, \"received\": %llu, \"wanted\": %llu, "
        "\"first_output\": %lld, \"first_difference\": %lld}\n",
        (long long)cycle, (unsigned long long)sent, (unsigned long long)received,
        (unsigned long long)wanted, (long long)first, (long long)difference);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    VerilatedContext context;
    context.commandArgs(argc, argv);
    std::map<std::string, std::string> options;
    for (int i = 1; i < argc; ++i) {
        const std::string arg = argv[i];
        const size_t eq = arg.find('=');
        if (arg[0] != '+' && eq != std::string::npos) options[arg.substr(0, eq)] = arg.substr(eq + 1);
    }
    try {
        return simulate(options, context);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "error: %s\n", error.what());
        return 2;
    }
}
