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

// The same library answers as a card's driver. A module's code is the name of the instance it holds.
static thread_local void* current_context = nullptr;
static int the_context, contexts_set = 0;
static void* last_stream = nullptr;

extern "C" int cuInit(unsigned) { return 0; }
extern "C" int cuDriverGetVersion(int* version) { return *version = 12060, 0; }
extern "C" int cuDeviceGet(int* device, int index) { return *device = index + 7, 0; }
extern "C" int cuDevicePrimaryCtxRetain(void** context, int device) {
    return *context = &the_context, device >= 7 ? 0 : 101;
}
extern "C" int cuCtxGetCurrent(void** context) { return *context = current_context, 0; }
extern "C" int cuCtxSetCurrent(void* context) { return current_context = context, ++contexts_set, 0; }
static int refusals = 0;  // for want of memory, still to come
extern "C" void refuse(int times) { refusals = times; }
extern "C" int cuModuleLoadData(void** module, const char* code) {
    if (refusals > 0) return --refusals, 2;
    if (!signature(code)) return 200;
    return *module = strdup(code), 0;
}
extern "C" int cuModuleGetFunction(void** function, void* module, const char* name) {
    return *function = module, std::strcmp(name, "lowered") ? 500 : 0;
}
extern "C" int cuLaunchKernel(void* function, unsigned x, unsigned y, unsigned z, unsigned block_x, unsigned block_y,
                              unsigned block_z, unsigned shared, void* stream, void** arguments, void** extra) {
    if (current_context != &the_context) return 201;
    if (block_x != emulated::BLOCK || block_y != 1 || block_z != 1 || extra) return 1;
    last_stream = stream;
    return emulate(static_cast<const char*>(function), x, y, z, shared, arguments, 0), 0;
}
extern "C" int cuGetErrorString(int code, const char** text) {
    return *text = code == 200 ? "device kernel image is invalid" : "another error", 0;
}
extern "C" uint64_t stream_of_last_launch() { return reinterpret_cast<uint64_t>(last_stream); }
extern "C" int times_context_was_set() { return contexts_set; }
