// Gradient or value of the loss of theory/objectives/overlap.py, whose sum over the offsets o between two patches is in
// closed form. A block has one run: its threads share the offsets, THREADS at a time, and then the entries of the filter.
//
//     2 pi gradient = rho w/r + sum_o share_o (r (active_o - turn_o) T_o e + (active_o gap - turn_o r) T_o t)
//
// with t = w*/s, e = w/r - t, gap = r - s and the angles as they are named there: differences of angles and of their
// sines and cosines are found from e, never by subtraction. Sums over the filter and over the offsets are in an order
// that follows from their numbers alone; there is no atomic.
//
// From the compiler's command line: REAL, P, OFFSETS, SLOPE (1 gradient, 0 value), THREADS, EACH (entries a thread).

#define WARP 32
#define ALL 0xffffffffu
#define TERMS 9 // of the series of x - sin x on [-1, 1]
#define PI ((REAL)3.14159265358979323846)

struct Angle {
    REAL cosine, sine;
};

// The same bits in every thread of the block.
__device__ __forceinline__ REAL block_sum(REAL value, REAL *fold)
{
    for (int apart = 1; apart < WARP; apart *= 2)
        value += __shfl_xor_sync(ALL, value, apart);
    __syncthreads();
    if (threadIdx.x % WARP == 0)
        fold[threadIdx.x / WARP] = value;
    __syncthreads();
    REAL sum = 0;
    for (int warp = 0; warp < THREADS / WARP; ++warp)
        sum += fold[warp];
    return sum;
}

// Angle before - after, and in `rise` sine after - before, from the change of the cosine.
__device__ __forceinline__ REAL turned(bool centre, REAL change, Angle before, Angle after, REAL *rise)
{
    if (centre) { // before is 0
        *rise = after.sine;
        return -atan2(after.sine, after.cosine);
    }
    const REAL slope = (before.cosine + after.cosine) / (before.sine + after.sine);
    const REAL sine = change * (before.sine + before.cosine * slope);
    *rise = -change * slope;
    return atan2(sine, before.cosine * after.cosine + before.sine * after.sine);
}

// x - sin x without cancellation.
__device__ __forceinline__ REAL minus_sine(REAL x)
{
    if (!(fabs(x) < 1))
        return x - sin(x);
    const REAL square = x * x;
    REAL series = 1;
    for (int k = TERMS; k > 1; --k)
        series = 1 - series * square / (2 * k * (2 * k + 1));
    return x * square / 6 * series;
}

// Bregman's divergence, 2 pi R.
__device__ __forceinline__ REAL divergence(bool centre, REAL change, Angle own, Angle angle)
{
    REAL rise;
    const REAL delta = turned(centre, change, own, angle, &rise), half = sin(delta / 2);
    return 2 * angle.sine * half * half + angle.cosine * minus_sine(delta);
}

// teacher is w*, t = w*/s. moved and teachers are (OFFSETS, P): the place of the filter that o brings to an entry (P where it brings none), and
// T_o t; moved_across and teachers_across are the same by entries. measures is (5, OFFSETS): share, what of t is
// dropped (squared), cosine and sine of the angle between t and T_o t, 2 pi kappa there.
extern "C" __global__ void __launch_bounds__(THREADS)
    overlap_sums(const REAL *w, const REAL *teacher, const REAL *t, const long long *moved, const long long *moved_across,
                 const REAL *teachers, const REAL *teachers_across, const REAL *measures, REAL s, REAL apart,
                 long long runs, REAL *out)
{
    __shared__ REAL unit[P], e[P + 1], along_e[THREADS], along_t[THREADS], fold[THREADS / WARP];
    const long long run = blockIdx.x;
    const REAL *shares = measures, *dropped = shares + OFFSETS, *own_cosine = dropped + OFFSETS,
               *own_sine = own_cosine + OFFSETS, *kappa = own_sine + OFFSETS;

    REAL square = 0, product = 0;
    for (int a = threadIdx.x; a < P; a += THREADS) {
        const REAL at = w[a * runs + run];
        square += at * at;
        product += (at - teacher[a]) * (at + teacher[a]);
    }
    const REAL r = sqrt(block_sum(square, fold)), gap = block_sum(product, fold) / (r + s);
    REAL little = 0, both = 0;
    for (int a = threadIdx.x; a < P; a += THREADS) {
        const REAL at = w[a * runs + run], u = at / (r > 0 ? r : (REAL)1);
        // Of the two forms, the one that divides by the larger norm.
        const REAL found = ((at - teacher[a]) - gap * (r < s ? u : t[a])) / (r < s ? s : r);
        unit[a] = u;
        e[a] = found;
        little += found * found;
        both += (u + t[a]) * (u + t[a]);
    }
    if (threadIdx.x == 0)
        e[P] = 0;
    const REAL short_side = sqrt(block_sum(little, fold)), long_side = sqrt(block_sum(both, fold));

    REAL total = 0, sums[EACH];
#pragma unroll
    for (int j = 0; j < EACH; ++j)
        sums[j] = 0;
    for (int base = 0; base < OFFSETS; base += THREADS) {
        const int o = base + threadIdx.x;
        if (o < OFFSETS) {
            const bool centre = o == OFFSETS / 2;
            REAL squared = 0, change = 0, back = 0; // e.T_o e, T_o t.e, t.T_o e
            for (int a = 0; a < P; ++a) {
                const REAL there = e[moved_across[a * OFFSETS + o]];
                squared += e[a] * there;
                change += teachers_across[a * OFFSETS + o] * e[a];
                back += t[a] * there;
            }
            change = centre ? -squared / 2 : change;
            back = centre ? change : back;
            const Angle own = {own_cosine[o], own_sine[o]};
            Angle wt = {own.cosine + change, short_side * long_side / 2}, ww = {1, 0};
            if (!centre) {
                REAL across = 0;
                for (int a = 0; a < P; ++a) {
                    const REAL rest = teachers_across[a * OFFSETS + o] - wt.cosine * unit[a];
                    across += rest * rest;
                }
                wt.sine = sqrt(across + dropped[o]);
                ww.cosine = wt.cosine + back + squared;
                ww.sine = sqrt((1 - ww.cosine) * (1 + ww.cosine));
            }
            if (SLOPE) {
                REAL rise;
                const REAL turn = turned(centre, -back - squared, ww, wt, &rise);
                // At w = 0 every patch is active, as at the angle 0.
                const REAL active = PI - (r > 0 ? atan2(wt.sine, wt.cosine) : (REAL)0);
                total += shares[o] * (gap * ww.sine - s * rise);
                along_e[threadIdx.x] = shares[o] * r * (active - turn);
                along_t[threadIdx.x] = shares[o] * (active * gap - turn * r);
            } else {
                const REAL slope = PI - atan2(own.sine, own.cosine), step = centre ? (REAL)0 : change + back + squared;
                const REAL far = divergence(centre, change, own, wt), near = divergence(centre, step, own, ww);
                total += shares[o] * (gap * gap * kappa[o] + r * gap * (slope * step + near) +
                                      r * s * (slope * squared + near - 2 * far));
            }
        }
        if (!SLOPE)
            continue;
        __syncthreads();
#pragma unroll
        for (int j = 0; j < EACH; ++j) {
            const int a = j * THREADS + threadIdx.x;
            for (int i = 0; a < P && i < THREADS && base + i < OFFSETS; ++i) {
                const long long place = (long long)(base + i) * P + a;
                sums[j] += along_e[i] * e[moved[place]] + along_t[i] * teachers[place];
            }
        }
        __syncthreads();
    }

    total = block_sum(total, fold);
    if (!SLOPE) {
        const REAL result = (total + apart * gap * gap) / (4 * PI);
        // Where terms cancel to rounding the sum may fall below 0, which no loss does.
        if (threadIdx.x == 0)
            out[run] = result < 0 ? (REAL)0 : result;
        return;
    }
#pragma unroll
    for (int j = 0; j < EACH; ++j) {
        const int a = j * THREADS + threadIdx.x;
        if (a < P)
            out[a * runs + run] = ((total + apart * gap) * unit[a] + sums[j]) / (2 * PI);
    }
}
