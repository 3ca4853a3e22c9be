/* SPDX-License-Identifier: MIT */
/* num/math.c: elementary functions from fused multiply-adds alone.
 *
 * The f64 ones follow the same plan as the f32 ones of math_inline.h with longer polynomials. Coefficients are Chebyshev
 * fits computed with 40 digits and rounded; each comment gives the relative error of the fit. */
#include "num/math.h"

#include "num/math_inline.h"

#define LN2_HIGH 0x1.62e42fefap-1 /* 38 bits: n times it is exact */
#define LN2_LOW  0x1.cf79abc9e3b3ap-40

float math_exp_f32(float x)
{
    return math_exp_inline(x);
}
float math_log_f32(float x)
{
    return math_log_inline(x);
}
float math_sigmoid_f32(float x)
{
    return math_sigmoid_inline(x);
}

static double power_of_two(int64_t n)
{
    const uint64_t bits = (uint64_t)(n + 1023) << 52;
    double y;
    memcpy(&y, &bits, sizeof y);
    return y;
}

/* q with exp(r) = 1 + r + r^2 q(r) on |r| <= ln2/2 (error 1.5e-18). */
static double exp_tail(double r)
{
    static const double q[] = {0x1p-1,
                               0x1.5555555555557p-3,
                               0x1.5555555555556p-5,
                               0x1.11111111100bep-7,
                               0x1.6c16c16c162c3p-10,
                               0x1.a01a01abf85abp-13,
                               0x1.a01a01a6e1e2ap-16,
                               0x1.71de01fdbf9cap-19,
                               0x1.27e4db46cddd1p-22,
                               0x1.af4e554377204p-26,
                               0x1.1f7340dbc337ep-29};
    double y = q[10];
    for (int i = 9; i >= 0; i--) y = fma(y, r, q[i]);
    return y;
}

/* exp(x + low), |low| below an ulp of x: pow needs more of its exponent than one double holds. */
static double exp_of_sum(double x, double low)
{
    if (x != x) return x;
    if (x > 709.79) return INFINITY;
    if (x < -745.2) return 0.0;
    const double n = rint(x * 0x1.71547652b82fep+0);
    double r = fma(-n, LN2_HIGH, x);
    r = fma(-n, LN2_LOW, r) + low;
    const double p = fma(exp_tail(r), r * r, r) + 1.0;
    /* Two factors: 2^n alone leaves the range of a double near both ends, where the product does not. */
    const int64_t half = (int64_t)n / 2;
    return (p * power_of_two(half)) * power_of_two((int64_t)n - half);
}

double math_exp(double x)
{
    return exp_of_sum(x, 0.0);
}

/* x = 2^e m, m in [sqrt(1/2), sqrt 2); x > 0 and finite. */
static double split_exponent(double x, double *e)
{
    const uint64_t sqrt_half = 0x3fe6a09e667f3bcdULL;
    const double subnormal = x < 0x1p-1022 ? 54.0 : 0.0;
    if (subnormal != 0.0) x *= 0x1p54;
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int64_t moved = (int64_t)(bits - sqrt_half);
    *e = (double)(moved >> 52) - subnormal;
    bits = (uint64_t)(moved & 0x000fffffffffffffLL) + sqrt_half;
    double m;
    memcpy(&m, &bits, sizeof m);
    return m;
}

double math_log(double x)
{
    if (x != x || x == INFINITY) return x;
    if (x < 0.0) return NAN;
    if (x == 0.0) return -INFINITY;
    /* log((1 + s) / (1 - s)) = 2 s + s R(s^2), R(z) = z (r0 + r1 z + ...): error 3.2e-16 of the small part R. */
    static const double r[] = {0x1.5555555555558p-1, 0x1.9999999995273p-2, 0x1.2492492dfd86cp-2, 0x1.c71c62d5e53e0p-3,
                               0x1.7462b91b8df65p-3, 0x1.39fdcceb4bb45p-3, 0x1.2b5f68a50d903p-3};
    double e;
    const double f = split_exponent(x, &e) - 1.0;
    const double s = f / (2.0 + f);
    const double z = s * s;
    double tail = r[6];
    for (int i = 5; i >= 0; i--) tail = fma(tail, z, r[i]);
    tail *= z;
    const double half_square = 0.5 * f * f;
    const double low = fma(e, LN2_LOW, s * (half_square + tail));
    return fma(e, LN2_HIGH, f - (half_square - low));
}

/* A number as an unevaluated sum of two doubles, |low| <= half an ulp of high. */
typedef struct Pair {
    double high, low;
} Pair;

static Pair pair_sum(double a, double b) /* any a, b */
{
    const double sum = a + b;
    const double part = sum - a;
    return (Pair){sum, (a - (sum - part)) + (b - part)};
}

static Pair pair_add(Pair a, Pair b)
{
    const Pair high = pair_sum(a.high, b.high);
    return pair_sum(high.high, high.low + (a.low + b.low));
}

static Pair pair_product(Pair a, Pair b)
{
    const double high = a.high * b.high;
    const double low = fma(a.high, b.high, -high) + fma(a.high, b.low, a.low * b.high);
    return pair_sum(high, low);
}

/* log x with some 70 bits: 2 s + (2/3) s^3 in pairs, the rest (below 6e-5) in one double. */
static Pair log_pair(double x)
{
    static const double r[] = {0x1.999999999999fp-2, 0x1.249249248e4d8p-2, 0x1.c71c71d7fbbacp-3, 0x1.745d09e3d8241p-3,
                               0x1.3b18bc82cc745p-3, 0x1.1018374c7f117p-3, 0x1.087e4945615c6p-3};
    double e;
    const double f = split_exponent(x, &e) - 1.0;
    const Pair denominator = pair_sum(2.0, f);
    const double quotient = f / denominator.high;
    const double rest = fma(-quotient, denominator.high, f) - quotient * denominator.low;
    const Pair s = pair_sum(quotient, rest / denominator.high);
    const Pair z = pair_product(s, s);
    const Pair cube = pair_product(pair_product(s, z), (Pair){0x1.5555555555555p-1, 0x1.5555555555555p-55});
    double tail = r[6];
    for (int i = 5; i >= 0; i--) tail = fma(tail, z.high, r[i]);
    tail *= s.high * z.high * z.high;
    const Pair twice = {2.0 * s.high, 2.0 * s.low};
    const Pair fraction = pair_add(twice, pair_add(cube, (Pair){tail, 0.0}));
    const Pair exponent = pair_sum(e * LN2_HIGH, e * LN2_LOW);
    return pair_add(exponent, fraction);
}

double math_pow(double x, double y)
{
    if (x != x || y != y || x < 0.0) return NAN;
    if (y == 0.0 || x == 1.0) return 1.0;
    if (x == 0.0) return y > 0.0 ? 0.0 : INFINITY;
    if (x == INFINITY) return y > 0.0 ? INFINITY : 0.0;
    if (y == INFINITY || y == -INFINITY) return (x > 1.0) == (y > 0.0) ? INFINITY : 0.0;
    const Pair logarithm = log_pair(x);
    const double high = logarithm.high * y;
    if (high > 709.79 || high < -745.2) return exp_of_sum(high, 0.0);
    const double low = fma(logarithm.high, y, -high) + logarithm.low * y;
    return exp_of_sum(high, low);
}

/* x - n pi/2 as a pair, n = round(x / (pi/2)); quadrant = n mod 4. The first two parts of pi/2 have 33 bits, so that with
 * |n| <= 2^20 their products are exact. */
static Pair reduce(double x, int *quadrant)
{
    const double n = rint(x * 0x1.45f306dc9c883p-1);
    const double first = x - n * 0x1.921fb544p+0;
    const double second = n * 0x1.0b4611a6p-34;
    const Pair part = pair_sum(first, -second);
    const double third = fma(-n, 0x1.3198a2e037073p-69, part.low);
    *quadrant = (int)((int64_t)n & 3);
    return pair_sum(part.high, third);
}

static double sin_of(Pair r) /* |r| <= pi/4: r + r^3 S(r^2) (error 2.1e-17) */
{
    static const double s[] = {-0x1.5555555555555p-3, 0x1.1111111110babp-7,   -0x1.a01a019e820aep-13,
                               0x1.71de37946ed6dp-19, -0x1.ae6008d114485p-26, 0x1.5e0a4fc16be59p-33};
    const double z = r.high * r.high;
    double y = s[5];
    for (int i = 4; i >= 0; i--) y = fma(y, z, s[i]);
    const double cubic = y * (z * r.high);
    return r.high + (cubic + fma(-0.5 * z, r.low, r.low));
}

static double cos_of(Pair r) /* 1 - r^2/2 + r^4 C(r^2) (error 1.3e-18) */
{
    static const double c[] = {0x1.5555555555555p-5,   -0x1.6c16c16c16963p-10, 0x1.a01a019f4ddfdp-16,
                               -0x1.27e4fa16cc2d1p-22, 0x1.1eeb67d026ec6p-29,  -0x1.907cd8ff5ede7p-37};
    const double z = r.high * r.high;
    double y = c[5];
    for (int i = 4; i >= 0; i--) y = fma(y, z, c[i]);
    const double half = 0.5 * z;
    const double main = 1.0 - half;
    const double lost = (1.0 - main) - half;
    return main + (lost + fma(y, z * z, -(r.high * r.low)));
}

double math_sin(double x)
{
    int quadrant;
    const Pair r = reduce(x, &quadrant);
    const double y = quadrant & 1 ? cos_of(r) : sin_of(r);
    return quadrant & 2 ? -y : y;
}

double math_cos(double x)
{
    int quadrant;
    const Pair r = reduce(x, &quadrant);
    const double y = quadrant & 1 ? sin_of(r) : cos_of(r);
    return (quadrant + 1) & 2 ? -y : y;
}
