// One step of gradient descent, w <- w - eta_t g, of every run that is not over, whose gradient g another kernel found.
//
// A run counts its own steps t. Before each, what it has become is noted: row t mod ROWS of `trail` is its w, and in
// `fate` are t, whether it is over (1: near enough, too far or at the last step; 2: stalled), and its distance from w*
// relative to that of 0. A run that is over stays where it is, and so stays over. What is launched does not depend on t:
// many steps are as many launches of the same.
//
// From the compiler's command line: REAL, P, ROWS, RULE.

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

// A warp has a run: column blockIdx.x of w (P, runs), slope, each row of trail (P, runs), and fate (3, runs). etas is
// (laid, wide), its last row for ever, one column for all runs or one a run.
extern "C" __global__ void __launch_bounds__(WARP)
    descent_step(REAL *w, const REAL *slope, const REAL *teacher, const REAL *etas, const REAL *edges, long long laid,
                 long long wide, long long runs, long long steps, REAL norm, REAL tolerance, REAL region, REAL still, double *fate,
                 REAL *trail)
{
    const long long run = blockIdx.x, t = (long long)fate[run];
    REAL *row = trail + t % ROWS * P * runs;
    REAL far = 0, steep = 0;
    for (int a = threadIdx.x; a < P; a += WARP) {
        const REAL at = w[a * runs + run], apart = at - teacher[a], g = slope[a * runs + run];
        row[a * runs + run] = at;
        far += apart * apart;
        steep += g * g;
    }
    const REAL distance = sqrt(warp_sum(far)) / norm;
    // NaN compares false.
    const bool over = distance <= tolerance || !(distance <= region) || t == steps;
    const bool stalled = sqrt(warp_sum(steep)) <= still;
    if (!over && !stalled) {
        const REAL eta = etas[place(t, distance, edges, laid) * wide + (wide > 1 ? run : 0)];
        for (int a = threadIdx.x; a < P; a += WARP)
            w[a * runs + run] -= eta * slope[a * runs + run];
    }
    if (threadIdx.x > 0)
        return;
    fate[run] = (double)(over || stalled ? t : t + 1);
    fate[runs + run] = over ? 1 : stalled ? 2 : 0;
    fate[2 * runs + run] = distance;
}
