// CUDA on the host, as far as our kernels use it, so that their indices and sums can be tested without a device.
//
// The threads of a block are coroutines. A warp runs until all of it stands at one barrier of the block, then the next
// warp does: what a kernel leaves to chance between barriers comes out in the worst order. Threads that do not come to
// the same barrier are an error. Blocks run one after the other; warps, threads and blocks in either order.
#pragma once
#include <algorithm>
#include <cmath>
#include <csetjmp>
#include <ucontext.h>
#include <vector>

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static
#define __restrict__

struct Place {
    unsigned x, y, z;
};

static Place threadIdx, blockIdx, blockDim, gridDim;

namespace host {

struct Thread {
    ucontext_t context;
    std::vector<char> stack;
    Place place;
    jmp_buf jump;
    int at = 0; // the line of the barrier that it waits at, negative if it is one of the warp; 0 before it began
};

static std::vector<Thread> threads;
static jmp_buf scheduler;
static const int over = 1 << 30;
static int current;
static void (*body)(void **);
static void **arguments;
static double slots[1024];

inline void wait(int line)
{
    Thread &thread = threads[current];
    thread.at = line;
    if (!_setjmp(thread.jump))
        _longjmp(scheduler, 1);
}

inline void begin()
{
    body(arguments);
    wait(over);
}

inline void resume(int number)
{
    current = number;
    Thread &thread = threads[number];
    threadIdx = thread.place;
    if (_setjmp(scheduler))
        return;
    if (thread.at)
        _longjmp(thread.jump, 1);
    setcontext(&thread.context);
}

// The threads from first to last, each to its next barrier: the line of that one, 0 if they differ.
inline int round(int first, int last, bool backwards)
{
    for (int turn = first; turn < last; ++turn)
        resume(backwards ? first + last - 1 - turn : turn);
    for (int number = first; number < last; ++number)
        if (threads[number].at != threads[first].at)
            return 0;
    return threads[first].at;
}

// All warps, each to the next barrier of the block.
inline int advance(bool backwards)
{
    const int warps = ((int)threads.size() + 31) / 32;
    int line = 0;
    for (int turn = 0; turn < warps; ++turn) {
        const int warp = backwards ? warps - 1 - turn : turn;
        const int first = 32 * warp, last = std::min(first + 32, (int)threads.size());
        int met;
        while ((met = round(first, last, backwards)) < 0) {
        }
        if (met == 0 || (turn > 0 && met != line))
            return 0;
        line = met;
    }
    return line;
}

// Whether all threads of every block came to the same barriers.
inline int run(void (*kernel)(void **), void **values, const unsigned *grid, const unsigned *block, bool backwards)
{
    body = kernel;
    arguments = values;
    gridDim = {grid[0], grid[1], 1};
    blockDim = {block[0], block[1], 1};
    threads.resize(block[0] * block[1]);
    // Every library that was built this way has stacks of its own, and a test process loads many.
    struct Release {
        ~Release() { std::vector<Thread>().swap(threads); }
    } release;
    const unsigned blocks = grid[0] * grid[1];
    for (unsigned turn = 0; turn < blocks; ++turn) {
        const unsigned number = backwards ? blocks - 1 - turn : turn;
        blockIdx = {number % grid[0], number / grid[0], 0};
        for (unsigned i = 0; i < threads.size(); ++i) {
            Thread &thread = threads[i];
            thread.stack.resize(1 << 16);
            thread.place = {i % block[0], i / block[0], 0};
            thread.at = 0;
            getcontext(&thread.context);
            thread.context.uc_stack.ss_sp = thread.stack.data();
            thread.context.uc_stack.ss_size = thread.stack.size();
            thread.context.uc_link = nullptr;
            makecontext(&thread.context, begin, 0);
        }
        int line;
        while ((line = advance(backwards)) > 0 && line != over) {
        }
        if (line == 0)
            return 0;
    }
    return 1;
}

// All threads of the warp take part; the value of the neighbour is read between two barriers of the warp.
template <class T> T exchange(T value, int apart, int line)
{
    const int self = current;
    slots[self] = value;
    wait(-line);
    const T found = (T)slots[self ^ apart];
    wait(-line);
    return found;
}

} // namespace host

#define __syncthreads() host::wait(__LINE__)
#define __shfl_xor_sync(mask, value, apart) host::exchange(value, apart, __LINE__)
