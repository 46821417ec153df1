// A verilated module behind a C interface: ports by number, their storage by address, and one call
// that settles the model. Compiled together with the model; MODEL and PORT_LIST come from the
// generated file that includes this one.

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

namespace {

struct PortInfo {
    const char* name;
    int direction;  // 0 in, 1 out, 2 inout
    int width;
};

#define PORT(name, member, direction, width) {name, direction, width},
constexpr PortInfo kPorts[] = {PORT_LIST};
#undef PORT

struct Design {
    VerilatedContext context;
    std::unique_ptr<MODEL> model;
#if VM_TRACE
    std::unique_ptr<VerilatedVcdC> trace;
#endif
    std::string error;

    // Settle the model and report what stopped it, if anything did.
    int settle() {
        try {
            model->eval();
#if VM_TRACE
            if (trace) trace->dump(context.time());
#endif
        } catch (const std::exception& stopped) {
            error = stopped.what();
            return 1;
        }
        return 0;
    }
};

}  // namespace

extern "C" {

int bnn_port_count() { return static_cast<int>(sizeof kPorts / sizeof kPorts[0]); }
const char* bnn_port_name(int port) { return kPorts[port].name; }
int bnn_port_direction(int port) { return kPorts[port].direction; }
int bnn_port_width(int port) { return kPorts[port].width; }

// Registers and memories without a reset or an image start with random bits drawn from `seed`.
void* bnn_open(int seed, const char* trace_file) {
    auto design = std::make_unique<Design>();
    static const char* kNoArguments[] = {"simulation"};  // our FIFO asks for a plusarg
    design->context.commandArgs(1, kNoArguments);
    design->context.randReset(2);
    design->context.randSeed(seed);
#if VM_TRACE
    if (trace_file) design->context.traceEverOn(true);
#endif
    design->model = std::make_unique<MODEL>(&design->context, "");
#if VM_TRACE
    if (trace_file) {
        design->trace = std::make_unique<VerilatedVcdC>();
        design->model->trace(design->trace.get(), 99);
        design->trace->open(trace_file);
    }
#else
    static_cast<void>(trace_file);
#endif
    return design.release();
}

void* bnn_port_data(void* handle, int port) {
    auto* design = static_cast<Design*>(handle);
#define PORT(name, member, direction, width) static_cast<void*>(&design->model->member),
    void* const data[] = {PORT_LIST};
#undef PORT
    return data[port];
}

// Let `passed` picoseconds go by, then settle the model. Returns 0, or 1 with a text in bnn_error.
int bnn_settle(void* handle, uint64_t passed) {
    auto* design = static_cast<Design*>(handle);
    design->context.timeInc(passed);
    return design->settle();
}

int bnn_finished(void* handle) { return static_cast<Design*>(handle)->context.gotFinish(); }

const char* bnn_error(void* handle) { return static_cast<Design*>(handle)->error.c_str(); }

void bnn_close(void* handle) {
    auto* design = static_cast<Design*>(handle);
    // A model that was stopped in the middle of an evaluation is not run again.
    if (design->error.empty()) {
        try {
            design->model->final();
        } catch (const std::exception&) {
            // It goes away in any case.
        }
    }
#if VM_TRACE
    if (design->trace) design->trace->close();
#endif
    delete design;
}

}  // extern "C"
