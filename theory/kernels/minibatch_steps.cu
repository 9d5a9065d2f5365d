// Steps of stochastic gradient descent, w <- w - eta_t g_t, without a way back to the host: a block descends one run
//
//     g = (1/B) sum_b (f(w, Z_b) - y_b) (1/K) sum_i Z_bi [w.Z_bi >= 0],   y_b = f(w*, Z_b) + noise_b
//
// A warp has a patch, a lane EACH of its entries; warps share the samples of a minibatch, and add what they found in
// their order. A run stops, and is never touched again, at the first step where it is over: where its squared distance
// from w* is at most `least`, or not at most `most`.
//
// From the compiler's command line: REAL, P, K, EACH (entries a lane), WARPS (of a block), RULE.

#include "step_rule.cu"

#define WARP 32
#define ALL 0xffffffffu

// The same bits in every lane.
__device__ __forceinline__ REAL warp_sum(REAL value)
{
    for (int apart = 1; apart < WARP; apart *= 2)
        value += __shfl_xor_sync(ALL, value, apart);
    return value;
}

// Run r is column r of w (P, runs), of which `taken` is how many steps it took here. Sample s of its stretch is row
// order[r * drawn + s] of z, or r * drawn + s if there is no order; its label's noise is noise[r * drawn + s], if any.
// The stretch's samples from `first` on are used, `batch` a step; the last step may have fewer. eta is (steps, runs),
// or the table of a rule that looks at the distance relative to `norm`.
extern "C" __global__ void __launch_bounds__(WARPS *WARP)
    minibatch_steps(const REAL *z, long long along_n, long long along_k, long long along_p, const long long *order,
                    const REAL *noise, const long long *rows, const REAL *teacher, const REAL *eta, const REAL *edges, long long laid, REAL norm, long long runs,
                    long long drawn, long long first, long long batch, long long steps, REAL least, REAL most, REAL *w,
                    long long *taken)
{
    __shared__ REAL found[WARPS][EACH * WARP];
    const int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    const long long run = blockIdx.x, held = rows[run] * drawn;

    REAL at[EACH], goal[EACH];
#pragma unroll
    for (int j = 0; j < EACH; ++j) {
        const int entry = j * WARP + lane;
        at[j] = entry < P ? w[entry * runs + run] : (REAL)0;
        goal[j] = entry < P ? teacher[entry] : (REAL)0;
    }
    long long step = 0;
    for (; step < steps; ++step) {
        // Every warp has the same filter, and so comes to the same end.
        REAL square = 0;
#pragma unroll
        for (int j = 0; j < EACH; ++j)
            square += (at[j] - goal[j]) * (at[j] - goal[j]);
        square = warp_sum(square);
        if (square <= least || !(square <= most))
            break;

        const long long begin = first + step * batch, rest = drawn - begin, size = rest < batch ? rest : batch;
        REAL slope[EACH];
#pragma unroll
        for (int j = 0; j < EACH; ++j)
            slope[j] = 0;
        for (long long b = warp; b < size; b += WARPS) {
            const long long place = held + begin + b, sample = order ? order[place] : place;
            REAL seen[EACH], response = 0;
#pragma unroll
            for (int j = 0; j < EACH; ++j)
                seen[j] = 0;
            for (int i = 0; i < K; ++i) {
                REAL patch[EACH], mine = 0, wanted = 0;
#pragma unroll
                for (int j = 0; j < EACH; ++j) {
                    const int entry = j * WARP + lane;
                    patch[j] = entry < P ? z[sample * along_n + i * along_k + entry * along_p] : (REAL)0;
                    mine += at[j] * patch[j];
                    wanted += goal[j] * patch[j];
                }
                mine = warp_sum(mine);
                wanted = warp_sum(wanted);
                response += (mine >= 0 ? mine : (REAL)0) - (wanted >= 0 ? wanted : (REAL)0);
#pragma unroll
                for (int j = 0; j < EACH; ++j)
                    seen[j] += mine >= 0 ? patch[j] : (REAL)0;
            }
            const REAL residual = (response / K - (noise ? noise[place] : (REAL)0)) / ((REAL)size * K);
#pragma unroll
            for (int j = 0; j < EACH; ++j)
                slope[j] += residual * seen[j];
        }
#pragma unroll
        for (int j = 0; j < EACH; ++j)
            found[warp][j * WARP + lane] = slope[j];
        __syncthreads();
        const REAL length = eta[RULE ? place(0, sqrt(square) / norm, edges, laid) : step * runs + run];
#pragma unroll
        for (int j = 0; j < EACH; ++j) {
            REAL sum = 0;
            for (int other = 0; other < WARPS; ++other)
                sum += found[other][j * WARP + lane];
            at[j] -= length * sum;
        }
        __syncthreads();
    }
    if (warp > 0)
        return;
#pragma unroll
    for (int j = 0; j < EACH; ++j)
        if (j * WARP + lane < P)
            w[(j * WARP + lane) * runs + run] = at[j];
    if (lane == 0)
        taken[run] = step;
}
