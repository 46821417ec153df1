// The accelerator with its shell as a program that obeys commands on stdin: registers are read and
// written through AXI4-Lite, data goes through the two AXI4-Streams as an AXI DMA would move it.
//
// Commands, one a line; each is answered by a line "ok ..." (or "error TEXT"):
//   read ADDR            -> ok VALUE
//   write ADDR VALUE     -> ok
//   send BYTES           then BYTES bytes: one packet to be sent (MM2S) -> ok
//   receive BYTES        opens a buffer of BYTES bytes (S2MM) -> ok
//   run CYCLES           runs until a transfer ends, at most CYCLES -> ok CYCLE SENDING RECEIVING
//   take                 -> ok BYTES LAST OVERFLOW, then the bytes received so far
//   drop                 forgets both transfers, as a reset of the DMA does -> ok
//   prefetch BEATS       beats taken from the output while no buffer is open (an AXI DMA: 4) -> ok
//   stall IN OUT SEED    percent of cycles in which the DMA pauses on each stream -> ok
// SENDING and RECEIVING are 1 while that transfer is under way. The program ends with its stdin.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "Vbnn_accel.h"
#include "verilated.h"

namespace {

using Bytes = std::vector<uint8_t>;
constexpr int kPatience = 1000;  // cycles an AXI4-Lite access may take

template <class Port>
uint8_t* bytes_of(Port& port) {
    return reinterpret_cast<uint8_t*>(&port);
}

class Board {
  public:
    explicit Board(VerilatedContext& context) : context_(context), top_(new Vbnn_accel{&context}) {
        top_->s_axi_awvalid = top_->s_axi_wvalid = top_->s_axi_arvalid = 0;
        top_->s_axi_bready = 1;
        top_->s_axi_rready = 1;
        top_->s_axi_wstrb = 0xf;
        top_->aresetn = 0;
        for (int k = 0; k < 8; ++k) cycle();
        top_->aresetn = 1;
        for (int k = 0; k < 32; ++k) cycle();
    }
    ~Board() { top_->final(); }

    uint32_t read(uint32_t address) {
        top_->s_axi_araddr = address;
        top_->s_axi_arvalid = 1;
        await([&] { return top_->s_axi_arready; }, "ARREADY");
        top_->s_axi_arvalid = 0;
        uint32_t value = 0;
        await([&] {
            value = top_->s_axi_rdata;
            return top_->s_axi_rvalid;
        }, "RVALID");
        return value;
    }

    void write(uint32_t address, uint32_t value) {
        top_->s_axi_awaddr = address;
        top_->s_axi_wdata = value;
        top_->s_axi_awvalid = 1;
        await([&] { return top_->s_axi_awready; }, "AWREADY");
        top_->s_axi_awvalid = 0;
        top_->s_axi_wvalid = 1;
        await([&] { return top_->s_axi_wready; }, "WREADY");
        top_->s_axi_wvalid = 0;
        await([&] { return top_->s_axi_bvalid; }, "BVALID");
    }

    void send(Bytes packet) {
        if (sending()) throw std::runtime_error("a packet is still being sent");
        packet_ = std::move(packet);
        sent_ = 0;
    }

    void receive(size_t bytes) {
        if (receiving_) throw std::runtime_error("a buffer is already open");
        received_.clear();
        capacity_ = bytes;
        receiving_ = true;
        last_ = overflow_ = false;
    }

    void run(uint64_t cycles) {
        const bool sends = sending(), receives = receiving_;
        for (uint64_t k = 0; k < cycles && sends == sending() && receives == receiving_; ++k)
            cycle();
    }

    void drop() {
        packet_.clear();
        received_.clear();
        waiting_.clear();
        sent_ = 0;
        offered_ = receiving_ = last_ = overflow_ = false;
    }

    void stall(int in_percent, int out_percent, uint64_t seed) {
        in_percent_ = in_percent;
        out_percent_ = out_percent;
        random_.seed(seed);
    }

    void prefetch(size_t beats) { prefetch_ = beats; }

    uint64_t cycles() const { return cycles_; }
    bool sending() const { return sent_ < packet_.size(); }
    bool receiving() const { return receiving_; }
    bool last() const { return last_; }
    bool overflow() const { return overflow_; }
    const Bytes& received() const { return received_; }

  private:
    // Run until `done` was true at a clock edge.
    template <class Done>
    void await(Done done, const char* what) {
        for (int k = 0; k < kPatience; ++k) {
            prepare();
            const bool happened = done();
            finish();
            if (happened) return;
        }
        throw std::runtime_error(std::string("AXI4-Lite: no ") + what);
    }

    void cycle() {
        prepare();
        finish();
    }

    bool pauses(int percent) { return percent && int(random_() % 100) < percent; }

    void prepare() {
        const size_t width = sizeof(top_->s_axis_tdata);
        if (!offered_ && sending() && !pauses(in_percent_)) {
            Bytes beat(width, 0);
            const size_t left = packet_.size() - sent_;
            std::memcpy(beat.data(), &packet_[sent_], left < width ? left : width);
            std::memcpy(bytes_of(top_->s_axis_tdata), beat.data(), width);
            top_->s_axis_tlast = left <= width;
            offered_ = true;
        }
        top_->s_axis_tvalid = offered_;
        top_->m_axis_tready =
            (receiving_ || waiting_.size() < prefetch_) && !pauses(out_percent_);
        top_->aclk = 0;
        top_->eval();
        context_.timeInc(1);
    }

    void finish() {
        const size_t width = sizeof(top_->s_axis_tdata);
        if (offered_ && top_->s_axis_tready) {
            sent_ = sent_ + width < packet_.size() ? sent_ + width : packet_.size();
            offered_ = false;
        }
        if (top_->m_axis_tvalid && top_->m_axis_tready) {
            const uint8_t* beat = bytes_of(top_->m_axis_tdata);
            waiting_.push_back({Bytes(beat, beat + width), bool(top_->m_axis_tlast)});
        }
        if (receiving_ && !waiting_.empty()) {
            const Beat& beat = waiting_.front();
            if (received_.size() + width > capacity_) overflow_ = true;
            else received_.insert(received_.end(), beat.data.begin(), beat.data.end());
            last_ = beat.last;
            receiving_ = !last_ && !overflow_;
            waiting_.pop_front();
        }
        top_->aclk = 1;
        top_->eval();
        context_.timeInc(1);
        ++cycles_;
        if (context_.gotFinish()) throw std::runtime_error("the simulation ended by itself");
    }

    VerilatedContext& context_;
    std::unique_ptr<Vbnn_accel> top_;
    std::mt19937_64 random_{1};
    int in_percent_ = 0, out_percent_ = 0;
    uint64_t cycles_ = 0;
    struct Beat {
        Bytes data;
        bool last;
    };
    Bytes packet_, received_;
    std::deque<Beat> waiting_;  // taken from the stream, not in a buffer yet
    size_t prefetch_ = 0;
    size_t sent_ = 0, capacity_ = 0;
    bool offered_ = false, receiving_ = false, last_ = false, overflow_ = false;
};

void obey(Board& board, const char* line) {
    char name[16] = "";
    unsigned long long a = 0, b = 0, c = 0;
    const int count = std::sscanf(line, "%15s %llu %llu %llu", name, &a, &b, &c) - 1;
    const std::string command = name;
    const auto is = [&](const char* wanted, int arguments) {
        return command == wanted && count == arguments;
    };
    if (is("read", 1)) {
        std::printf("ok %lu\n", (unsigned long)board.read(a));
    } else if (is("write", 2)) {
        board.write(a, b);
        std::puts("ok");
    } else if (is("send", 1)) {
        Bytes packet(a);
        if (std::fread(packet.data(), 1, a, stdin) != a) throw std::runtime_error("send: too few bytes");
        board.send(std::move(packet));
        std::puts("ok");
    } else if (is("receive", 1)) {
        board.receive(a);
        std::puts("ok");
    } else if (is("run", 1)) {
        board.run(a);
        std::printf("ok %llu %d %d\n", (unsigned long long)board.cycles(), board.sending(),
                    board.receiving());
    } else if (is("take", 0)) {
        std::printf("ok %zu %d %d\n", board.received().size(), board.last(), board.overflow());
        std::fwrite(board.received().data(), 1, board.received().size(), stdout);
    } else if (is("drop", 0)) {
        board.drop();
        std::puts("ok");
    } else if (is("prefetch", 1)) {
        board.prefetch(a);
        std::puts("ok");
    } else if (is("stall", 3)) {
        board.stall(int(a), int(b), c);
        std::puts("ok");
    } else {
        throw std::runtime_error("unknown command");
    }
}

}  // namespace

int main(int argc, char** argv) {
    VerilatedContext context;
    context.commandArgs(argc, argv);
    Board board(context);
    char line[256];
    while (std::fgets(line, sizeof line, stdin)) {
        try {
            obey(board, line);
        } catch (const std::exception& error) {
            std::printf("error %s\n", error.what());
        }
        std::fflush(stdout);
    }
    return 0;
}
