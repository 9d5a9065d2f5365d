// Where the step of this iteration stands in its table, the last row of which is for all that is beyond it.
//
// From the compiler's command line: RULE: 0 in row t; by the angle arcsin(distance), 1 in the row of the next of equal
// parts of [0, pi/2], 2 in that of the first of `edges` that is larger.
__device__ __forceinline__ long long place(long long t, REAL distance, const REAL *edges, long long laid)
{
    long long row = t;
    if (RULE) {
        const REAL angle = asin(distance < 1 ? distance : (REAL)1);
        row = (long long)ceil(angle * ((REAL)(laid - 1) / (REAL)1.57079632679489661923));
        if (RULE == 2) {
            row = 0;
            for (long long end = laid - 1; row < end;) {
                const long long middle = (row + end) / 2;
                if (edges[middle] > angle)
                    end = middle;
                else
                    row = middle + 1;
            }
        }
    }
    return row < laid ? row : laid - 1;
}
