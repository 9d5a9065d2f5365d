// Gradient or value of a sample loss in one pass over the patches: f(w, Z) = (1/K) sum_i relu(w.Z_i).
//
//     gradient = sum_n weight_n (f(w, Z_n) - label_n) (1/K) sum_i Z_ni [w.Z_ni >= 0]
//     value    = 1/2 sum_n weight_n (f(w, Z_n) - label_n)^2
//
// A thread has one run and one slice of the patch; PARTS neighbours share a patch, and LANES groups of threads walk
// through `per` samples each. The inner sum over the active patches does not wait for the residual: it is kept in
// registers while the response grows, so that each patch is read once. There is no atomic: a block writes its sums to a
// row of its own, and `gather` adds the rows in an order that follows from their numbers alone.
//
// Patches lie apart by strides, or, cut from images that they overlap in, begin at first[i] with entry j at entry[j].
//
// From the compiler's command line: REAL, P, K, SLOPE (1 gradient, 0 value), CUT (1 images), THREADS, PARTS (threads a patch), SLICE
// (entries a thread), RUNS (runs side by side), LANES, CHUNK (patches of a lane in shared memory), PITCH (vectors from
// one lane there to the next), ROWS (of sums in `gather`).

#define WARP 32
#define ALL 0xffffffffu
#define WIDE (16 / (int)sizeof(REAL))          // numbers in a vector
#define VECTORS ((SLICE + WIDE - 1) / WIDE)    // of a slice
#define TEAM (PARTS * RUNS)                    // threads of a lane
#define GROUP (TEAM > WARP ? TEAM : WARP)
#define OUT (SLOPE ? SLICE : 1)                // sums that a thread makes
#define ENTRIES (SLOPE ? P : 1)                // sums a run
#define FOLDED ((THREADS * OUT + WIDE - 1) / WIDE)
#define TILE (LANES * PITCH > FOLDED ? LANES * PITCH : FOLDED)

struct alignas(16) Vector {
    REAL at[WIDE];
};

struct Samples {
    const REAL *z, *labels, *weights;
    const long long *first, *entry;
    long long n, along_n, along_k, along_p;
};

// The next CHUNK patches of every lane, with the label and weight of their samples; zeros where there is none.
__device__ __forceinline__ void fill(const Samples &data, long long first, long long per, int base, REAL *tile,
                                     REAL *sides)
{
    const int rows = (int)(per * K);
    for (int at = threadIdx.x; at < LANES * CHUNK * PARTS * SLICE; at += THREADS) {
        const int entry = at % (PARTS * SLICE), place = at / (PARTS * SLICE);
        const int lane = place / CHUNK, chunk = place % CHUNK, row = base + chunk;
        const long long sample = first + lane * per + row / K;
        REAL value = 0;
        if (entry < P && row < rows && sample < data.n)
            value = data.z[sample * data.along_n + (CUT ? data.first[row % K] + data.entry[entry]
                                                        : row % K * data.along_k + entry * data.along_p)];
        tile[(lane * PITCH + (chunk * PARTS + entry / SLICE) * VECTORS) * WIDE + entry % SLICE] = value;
    }
    for (int at = threadIdx.x; at < LANES * CHUNK; at += THREADS) {
        const int lane = at / CHUNK, row = base + at % CHUNK;
        const long long sample = first + lane * per + row / K;
        const bool there = row < rows && sample < data.n;
        sides[2 * at] = there ? data.labels[sample] : (REAL)0;
        sides[2 * at + 1] = there ? data.weights[sample] : (REAL)0;
    }
}

// The threads of a patch add what each has of its product; all of them get the same bits.
__device__ __forceinline__ REAL shared_sum(REAL value, int from, int to)
{
    for (int apart = from; apart < to; apart *= 2)
        value += __shfl_xor_sync(ALL, value, apart);
    return value;
}

// Unit `first_unit + blockIdx.x` of LANES * per samples, runs from blockIdx.y * RUNS on: row blockIdx.x of `parts`.
extern "C" __global__ void __launch_bounds__(THREADS)
    filter_sums(const REAL *z, long long along_n, long long along_k, long long along_p, const long long *first_at,
                const long long *entry_at, const REAL *labels, const REAL *weights, const REAL *w, long long n, long long runs, long long per, long long first_unit,
                REAL *parts)
{
    __shared__ Vector tile[TILE];
    __shared__ REAL sides[2 * LANES * CHUNK];
    const Samples data = {z, labels, weights, first_at, entry_at, n, along_n, along_k, along_p};
    const int part = threadIdx.x % PARTS, column = threadIdx.x / PARTS % RUNS, lane = threadIdx.x / TEAM;
    const long long run = (long long)blockIdx.y * RUNS + column;
    const long long first = (first_unit + blockIdx.x) * LANES * per;
    const int rows = (int)(per * K);
    const REAL share = (REAL)1 / K;

    REAL filter[SLICE], total[OUT], seen[SLICE], response = 0;
#pragma unroll
    for (int j = 0; j < SLICE; ++j) {
        const int entry = part * SLICE + j;
        filter[j] = entry < P && run < runs ? w[entry * runs + run] : (REAL)0;
        seen[j] = 0;
    }
#pragma unroll
    for (int j = 0; j < OUT; ++j)
        total[j] = 0;

    int held = 0;
    for (int base = 0; base < rows; base += CHUNK) {
        __syncthreads();
        fill(data, first, per, base, (REAL *)tile, sides);
        __syncthreads();
        for (int chunk = 0; chunk < CHUNK && base + chunk < rows; ++chunk) {
            const Vector *from = tile + lane * PITCH + (chunk * PARTS + part) * VECTORS;
            Vector patch[VECTORS];
            REAL sums[4] = {0, 0, 0, 0};
#pragma unroll
            for (int v = 0; v < VECTORS; ++v)
                patch[v] = from[v];
#pragma unroll
            for (int j = 0; j < SLICE; ++j)
                sums[j % 4] += filter[j] * patch[j / WIDE].at[j % WIDE];
            const REAL activation = shared_sum((sums[0] + sums[1]) + (sums[2] + sums[3]), 1, PARTS);
            const REAL active = activation >= 0 ? (REAL)1 : (REAL)0;
            response += activation >= 0 ? activation : (REAL)0;
            if (SLOPE && K > 1) {
#pragma unroll
                for (int j = 0; j < SLICE; ++j)
                    seen[j] += active * patch[j / WIDE].at[j % WIDE];
            }
            if (++held < K)
                continue;
            const REAL *side = sides + 2 * (lane * CHUNK + chunk);
            const REAL rest = response * share - side[0], weighted = rest * side[1];
            if (!SLOPE) {
                total[0] += weighted * rest;
            } else {
                const REAL back = K > 1 ? weighted * share : weighted * active;
#pragma unroll
                for (int j = 0; j < OUT; ++j) {
                    total[j] += back * (K > 1 ? seen[j] : patch[j / WIDE].at[j % WIDE]);
                    seen[j] = 0;
                }
            }
            response = 0;
            held = 0;
        }
    }

    // The lanes of a warp, then the warps: always the same lanes, in the same order.
    REAL *folded = (REAL *)tile;
    const int place = threadIdx.x % GROUP;
    __syncthreads();
#pragma unroll
    for (int j = 0; j < OUT; ++j) {
        const REAL sum = shared_sum(total[j], TEAM, WARP);
        if (place < TEAM)
            folded[(threadIdx.x / GROUP * TEAM + place) * OUT + j] = sum;
    }
    __syncthreads();
    for (int at = threadIdx.x; at < TEAM * OUT; at += THREADS) {
        REAL sum = 0;
        for (int group = 0; group < THREADS / GROUP; ++group)
            sum += folded[group * TEAM * OUT + at];
        const int entry = at / OUT % PARTS * SLICE + at % OUT;
        const long long to = (long long)blockIdx.y * RUNS + at / OUT / PARTS;
        if (entry < ENTRIES && to < runs)
            parts[((long long)blockIdx.x * ENTRIES + entry) * runs + to] = sum;
    }
}

// Adds rows u of `parts` to row u mod ROWS of `carry` (of zeros, if it is `fresh`), one after the other, and then the
// rows of `carry` to `out`. When `rows` is a multiple of ROWS in every call but the last, it does not matter how many
// calls there are.
extern "C" __global__ void __launch_bounds__(WARP *ROWS)
    gather(const REAL *parts, long long rows, long long width, long long fresh, REAL *carry, REAL *out, REAL scale)
{
    __shared__ REAL fold[ROWS][WARP];
    const long long at = (long long)blockIdx.x * WARP + threadIdx.x;
    REAL sum = 0;
    if (at < width) {
        sum = fresh ? (REAL)0 : carry[threadIdx.y * width + at];
        for (long long row = threadIdx.y; row < rows; row += ROWS)
            sum += parts[row * width + at];
        carry[threadIdx.y * width + at] = sum;
    }
    fold[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y > 0 || at >= width)
        return;
    sum = 0;
    for (int row = 0; row < ROWS; ++row)
        sum += fold[row][threadIdx.x];
    out[at] = sum * scale;
}
