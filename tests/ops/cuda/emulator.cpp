// The library that tests load: kernels.cu under emulation.h, every instance by its name.
#include "emulation.h"

#include "kernels.cu"

#define INSTANCE(...) {#__VA_ARGS__, emulated::wrapped(__VA_ARGS__)},

static const std::map<std::string, emulated::Kernel> kernels = {
#include "instances.inc"
};

extern "C" const char* signature(const char* name) {
    const auto found = kernels.find(name);
    return found == kernels.end() ? nullptr : found->second.signature.c_str();
}

extern "C" void emulate(const char* name, unsigned x, unsigned y, unsigned z, uint64_t shared, void** arguments,
                        int backwards) {
    const emulated::Kernel& kernel = kernels.at(name);
    emulated::body = [&] { kernel.call(arguments); };
    const std::string text = name;
    const bool barriers = text.rfind("pass_and_sum", 0) == 0 || text.rfind("upfirdn2d", 0) == 0;
    emulated::run(barriers, {x, y, z}, shared, backwards != 0);
}
