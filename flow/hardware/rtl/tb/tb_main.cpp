// Drives the generated testbench top: clock, a reset of random length, and nothing else.
#include <verilated.h>

#include "Vbnn_tb_top.h"

int main(int argc, char** argv) {
    VerilatedContext context;
    context.commandArgs(argc, argv);
    Vbnn_tb_top top{&context};
    const vluint64_t reset_cycles = 2 + context.randSeed() % 5;
    for (vluint64_t cycle = 0; !context.gotFinish(); ++cycle) {
        top.rst_ni = cycle >= reset_cycles;
        for (int level = 0; level < 2; ++level) {
            top.clk_i = level;
            top.eval();
            context.timeInc(1);
        }
    }
    top.final();
    return 0;
}
