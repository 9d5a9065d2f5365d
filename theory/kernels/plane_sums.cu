// Gradient or value of the loss of an axis-symmetric law in the plane: w = (a, y) beside w* = (t, 0), one run a thread.
//
//     gradient = (s1 (a - t) + t B11, s2 y + sign(y) t B12)
//     value    = 1/2 s1 (a - t)^2 + 1/2 s2 y^2 + t (a B11 + |y| B12)
//
// with the wedge's moments B from a table: on each panel of the angle a polynomial of B11/angle^3 and B12/angle^2.
//
// From the compiler's command line: REAL, DEGREE, THREADS, SLOPE (1 gradient, 0 value).

// edges is (panels + 1), coefficients (panels, DEGREE + 1, 2) in the place within the panel, from -1 to 1.
extern "C" __global__ void __launch_bounds__(THREADS)
    plane_sums(const REAL *w, const REAL *edges, const REAL *centres, const REAL *scales, const REAL *coefficients,
               long long panels, REAL s1, REAL s2, REAL t, long long runs, REAL *out)
{
    const long long run = (long long)blockIdx.x * THREADS + threadIdx.x;
    if (run >= runs)
        return;
    const REAL a = w[run], y = w[runs + run], rho = fabs(y), angle = atan2(rho, fabs(a));
    // Inner edges that are not beyond the angle: those outside the outer ones fall into the first and the last panel.
    long long panel = 0, end = panels - 1;
    while (panel < end) {
        const long long middle = (panel + end) / 2;
        if (edges[middle + 1] <= angle)
            panel = middle + 1;
        else
            end = middle;
    }
    const REAL place = (angle - centres[panel]) * scales[panel];
    const REAL *row = coefficients + panel * (2 * (DEGREE + 1));
    REAL first = row[2 * DEGREE], second = row[2 * DEGREE + 1];
#pragma unroll
    for (int power = DEGREE - 1; power >= 0; --power) {
        first = first * place + row[2 * power];
        second = second * place + row[2 * power + 1];
    }
    const REAL square = angle * angle, wedge = square * angle * first, b12 = square * second;
    // The wedge of pi - angle is what that of the angle leaves of the half space, mirrored.
    const REAL b11 = a >= 0 ? wedge : s1 - wedge;
    if (SLOPE) {
        const REAL side = y > 0 ? (REAL)1 : y < 0 ? (REAL)-1 : (REAL)0;
        out[run] = s1 * (a - t) + t * b11;
        out[runs + run] = s2 * y + t * side * b12;
        return;
    }
    const REAL result = (s1 * ((a - t) * (a - t)) + s2 * (rho * rho)) / 2 + t * (a * b11 + rho * b12);
    // Where terms cancel to rounding the sum may fall below 0, which no loss does.
    out[run] = result < 0 ? (REAL)0 : result;
}
