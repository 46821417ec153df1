// What Verilator's run-time library does on $fatal, $stop, a failed assertion or a missing memory
// image: throw, so that the caller sees an exception where the library's own version would abort
// the process (or, for the image, print a line and go on).

#include <stdexcept>
#include <string>

#include "verilated.h"

namespace {
[[noreturn]] void stop(const char* file, int line, const char* hierarchy, const char* message) {
    const std::string where = (file && *file) ? std::string{file} + ":" + std::to_string(line) : "";
    throw std::runtime_error{where + ": " + (hierarchy ? hierarchy : "") + ": " +
                             (message ? message : "stopped")};
}
}  // namespace

void vl_fatal(const char* file, int line, const char* hierarchy, const char* message) {
    stop(file, line, hierarchy, message);
}

void vl_stop(const char* file, int line, const char* hierarchy) {
    stop(file, line, hierarchy, "$stop, $error or a failed assertion (see the lines above)");
}

void vl_warn(const char* file, int line, const char* hierarchy, const char* message) {
    stop(file, line, hierarchy, message);
}
