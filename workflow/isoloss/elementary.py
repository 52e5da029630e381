"""sin, cos, tanh, exp, log and the normal quantile in float64, with the same bits everywhere.

The C library's functions, and NumPy's, have other last bits on other processors and systems. These
use only + - * / and sqrt, which IEEE 754 rounds exactly, and an exact split of a number into
fraction and exponent. Each takes a number or an array, and is right to about 1e-15.
"""

import math

import numpy as np

LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # their sum is ln 2
PI_HIGH, PI_LOW = 3.141592651605606, 1.984187159361081e-09  # their sum is pi
SQRT_HALF = 0.7071067811865476
# Series in x^2 of sin(x) / x and cos(x) to |x| = pi / 2; in x of exp(x) to ln(2) / 2; and in t^2 of
# log((1 + t) / (1 - t)) / t to t = 0.172. Each ends where the next term is below 1e-17.
SIN = [(-1) ** k / math.factorial(2 * k + 1) for k in range(12)]
COS = [(-1) ** k / math.factorial(2 * k) for k in range(12)]
EXP = [1 / math.factorial(k) for k in range(15)]
LOG = [2 / (2 * k + 1) for k in range(12)]
MOST_EXP = 700.0  # larger and smaller exponents are cut to it
# Wichura (1988), Algorithm AS 241, PPND16 (doi:10.2307/2347330): numerators and denominators.
CENTRE = (
    [3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
     1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
     3.3430575583588128105e4, 2.5090809287301226727e3],
    [1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4,
     5.2264952788528545610e3],
)  # fmt: skip
TAIL = (
    [1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
     3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
     2.27238449892691845833e-2, 7.74545014278341407640e-4],
    [1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
     1.05075007164441684324e-9],
)  # fmt: skip
FAR_TAIL = (
    [6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
     2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
     2.71155556874348757815e-5, 2.01033439929228813265e-7],
    [1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
     2.04426310338993978564e-15],
)  # fmt: skip


def sin(x):
    """The sine of x, for |x| up to 1e5."""
    turns = np.rint(np.divide(x, math.pi))
    x = (x - turns * PI_HIGH) - turns * PI_LOW
    return (1 - 2 * (turns % 2)) * x * _polynomial(SIN, x * x)


def cos(x):
    """The cosine of x, for |x| up to 1e5."""
    turns = np.rint(np.divide(x, math.pi))
    x = (x - turns * PI_HIGH) - turns * PI_LOW
    return (1 - 2 * (turns % 2)) * _polynomial(COS, x * x)


def exp(x):
    """e to the x; |x| is cut to 700."""
    x = np.clip(x, -MOST_EXP, MOST_EXP)
    exponent = np.rint(x * (1 / (LN2_HIGH + LN2_LOW)))
    rest = (x - exponent * LN2_HIGH) - exponent * LN2_LOW
    return np.ldexp(_polynomial(EXP, rest), np.int32(exponent))


def tanh(x):
    """The hyperbolic tangent of x."""
    squared = exp(np.multiply(np.clip(x, -20.0, 20.0), 2.0))
    return (squared - 1) / (squared + 1)


def log(x):
    """The natural logarithm of a positive x."""
    fraction, exponent = np.frexp(x)
    low = fraction < SQRT_HALF
    fraction, exponent = fraction * (1.0 + low), exponent - low
    t = (fraction - 1) / (fraction + 1)
    return exponent * LN2_HIGH + (t * _polynomial(LOG, t * t) + exponent * LN2_LOW)


def power(base: float, exponent: float) -> float:
    """A positive base to the power of an exponent."""
    return float(exp(exponent * log(base)))


def normal_quantile(p: np.ndarray) -> np.ndarray:
    """The value below which a standard normal number lies with probability p, 0 < p < 1."""
    q = p - 0.5
    r = 0.180625 - q * q
    value = q * _ratio(CENTRE, r)
    (outer,) = np.nonzero(np.abs(q) > 0.425)
    r = np.sqrt(-log(np.minimum(p[outer], 1 - p[outer])))
    tail = np.where(r <= 5, _ratio(TAIL, r - 1.6), _ratio(FAR_TAIL, r - 5))
    value[outer] = np.where(q[outer] < 0, -tail, tail)
    return value


def _ratio(coefficients: tuple[list[float], list[float]], x):
    numerator, denominator = coefficients
    return _polynomial(numerator, x) / _polynomial(denominator, x)


def _polynomial(coefficients: list[float], x):
    """Horner's rule, from the highest power down: a product and a sum, never fused."""
    *rest, value = coefficients
    for coefficient in reversed(rest):
        value = value * x + coefficient
    return value
