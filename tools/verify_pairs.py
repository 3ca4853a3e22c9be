#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""verify_pairs.py N SEED: pairs of answers made by sympy, equal or not by construction, one JSON object a line.

    python3 -m venv /tmp/sympy && /tmp/sympy/bin/pip install sympy
    /tmp/sympy/bin/python tools/verify_pairs.py 3000 1 >/tmp/pairs.jsonl
    build/release/r1 verify --input /tmp/pairs.jsonl >/tmp/verdicts.jsonl
    /tmp/sympy/bin/python tools/verify_pairs.py --compare /tmp/pairs.jsonl /tmp/verdicts.jsonl

An equal pair is an expression and what sympy turns it into by an operation that keeps its value; an unequal one has a term or a
factor more, and sympy's numerical evaluation has to tell the two apart. Both go out as LaTeX, and now and then as plain text."""
import json
import random
import sys


def number(r, low=-9, high=9):
    n = 0
    while n == 0:
        n = r.randint(low, high)
    return n


class Maker:
    def __init__(self, seed):
        import sympy
        self.s = sympy
        self.r = random.Random(seed)
        self.x, self.y, self.a = sympy.symbols("x y a", real=True)
        self.n = sympy.symbols("n", positive=True, integer=True)
        self.kinds = [self.polynomial, self.rational, self.surd, self.nested, self.angle, self.identity, self.logarithm,
                      self.exponential, self.complex, self.sum, self.factorial, self.decimal, self.constant, self.absolute,
                      self.hyperbolic, self.roots, self.power]

    # Each gives two expressions of one value.
    def polynomial(self):
        s, r = self.s, self.r
        e = s.Integer(1)
        for _ in range(r.randint(2, 3)):
            e *= number(r) * self.x + r.choice([number(r), number(r) * self.y, self.y**2 + 1])
        return e, s.expand(e)

    def rational(self):
        s, r = self.s, self.r
        p = s.expand((self.x + number(r)) * (self.x + number(r)) + r.choice([0, self.y]))
        q = r.choice([self.x + number(r), (self.x + number(r)) * (self.x - number(r))])
        e = p / q + s.Rational(number(r), r.randint(1, 7)) / (self.x + 11)
        return e, r.choice([s.together, s.factor, s.cancel, lambda t: s.apart(t, self.x)])(e)

    def surd(self):
        s, r = self.s, self.r
        p = number(r) + number(r) * s.sqrt(r.randint(2, 30))
        q = number(r, 2, 9) + r.randint(0, 2) * s.sqrt(r.randint(2, 13))
        e = p / q
        return s.Mul(p, 1 / q, evaluate=False), s.radsimp(s.expand(e))

    def nested(self):
        s, r = self.s, self.r
        p, q = r.sample([2, 3, 5, 6, 7, 10, 11], 2)
        inner = s.sqrt(p) + s.sqrt(q)
        return s.sqrt(s.expand(inner**2)), inner

    def angle(self):
        s, r = self.s, self.r
        f = r.choice([s.sin, s.cos, s.tan])
        t = s.pi * s.Rational(r.randint(-23, 23), r.choice([1, 2, 3, 4, 5, 6, 8, 10, 12]))
        value = f(t)
        if value.has(s.zoo) or value == s.zoo:
            return self.angle()
        return f(t, evaluate=False), value

    def identity(self):
        s, r = self.s, self.r
        x, y = self.x, self.y
        k = r.randint(2, 4)
        return r.choice([
            lambda: (s.sin(k * x), s.expand_trig(s.sin(k * x))),
            lambda: (s.cos(k * x), s.expand_trig(s.cos(k * x))),
            lambda: (s.sin(x + k * y), s.expand_trig(s.sin(x + k * y))),
            lambda: (s.tan(x)**2 + 1, 1 / s.cos(x)**2),
            lambda: (s.sin(x)**4, s.Rational(3, 8) - s.cos(2 * x) / 2 + s.cos(4 * x) / 8),
            lambda: ((s.sin(x) + s.cos(x))**2, 1 + s.sin(2 * x)),
            lambda: (2 * s.sin(x) * s.cos(y), s.sin(x + y) + s.sin(x - y)),
            lambda: (s.tan(x / 2), s.sin(x) / (1 + s.cos(x))),
        ])()

    def logarithm(self):
        s, r = self.s, self.r
        p, q = r.randint(2, 20), r.randint(2, 20)
        return r.choice([
            lambda: (s.log(p * q, evaluate=False), s.log(p) + s.log(q)),
            lambda: (s.log(s.Rational(p, q)), s.log(p) - s.log(q)),
            lambda: (s.log(p**3), 3 * s.log(p)),
            lambda: (s.log(8) / s.log(2), s.Integer(3)),
            lambda: (s.log(self.x**2 * self.y), 2 * s.log(self.x) + s.log(self.y)),
            lambda: (s.log(self.x / p), s.log(self.x) - s.log(p)),
        ])()

    def exponential(self):
        s, r = self.s, self.r
        x = self.x
        k, m = r.randint(1, 4), r.randint(1, 4)
        return r.choice([
            lambda: (s.exp(k * x) * s.exp(-m * self.y), s.exp(k * x - m * self.y)),
            lambda: ((x + k) * s.exp(m * x), s.expand((x + k) * s.exp(m * x))),
            lambda: ((s.exp(x) - s.exp(-x))**2, s.exp(2 * x) - 2 + s.exp(-2 * x)),
            lambda: (s.diff(x**k * s.exp(m * x), x), s.factor(s.diff(x**k * s.exp(m * x), x))),
            lambda: (s.exp(x / 2)**2, s.exp(x)),
        ])()

    def complex(self):
        s, r = self.s, self.r
        z, w = number(r) + number(r) * s.I, number(r) + number(r) * s.I
        if r.random() < 0.5:
            return s.Mul(z, w, evaluate=False), s.expand(z * w)
        return s.Mul(z, s.Pow(w, -1, evaluate=False), evaluate=False), s.expand(z * s.conjugate(w)) / s.Abs(w)**2

    def sum(self):
        s, r = self.s, self.r
        k, n = s.symbols("k", positive=True, integer=True), self.n
        body = r.choice([k, k**2, k**3, 2 * k - 1, 2**k, 3**k, k * (k + 1), 1 / (k * (k + 1)), s.Integer(5)])
        e = s.Sum(body, (k, 1, n))
        return e, s.factor(e.doit()) if r.random() < 0.5 else s.expand(e.doit())

    def factorial(self):
        s, r = self.s, self.r
        n = self.n
        m = r.randint(4, 12)
        return r.choice([
            lambda: (s.factorial(n + 2) / s.factorial(n), s.expand((n + 2) * (n + 1))),
            lambda: (s.binomial(n, 2), n * (n - 1) / 2),
            lambda: (s.binomial(m, 3, evaluate=False), s.binomial(m, 3)),
            lambda: (s.factorial(m, evaluate=False), s.factorial(m)),
        ])()

    def decimal(self):
        s, r = self.s, self.r
        e = s.Rational(r.randint(1, 9999), r.choice([2, 4, 5, 8, 10, 16, 20, 25, 40, 125]))
        text = str(s.N(e, 30)).rstrip("0")
        return e, text if "." in text and "e" not in text else str(e)

    def constant(self):
        s, r = self.s, self.r
        p, q = number(r), r.randint(2, 9)
        return r.choice([
            lambda: (s.pi * p / q + s.E, (p * s.pi + q * s.E) / q),
            lambda: ((s.pi + p)**2, s.expand((s.pi + p)**2)),
            lambda: (s.atan(1, evaluate=False) + p, s.pi / 4 + p),
            lambda: (s.asin(s.Rational(1, 2), evaluate=False), s.pi / 6),
            lambda: (s.exp(s.log(q) * 2, evaluate=False), s.Integer(q**2)),
            lambda: (s.GoldenRatio.rewrite(s.sqrt)**3, s.sqrt(5) + 2),
        ])()

    def absolute(self):
        s, r = self.s, self.r
        x = self.x
        k = number(r)
        return r.choice([
            lambda: (s.sqrt((x + k)**2, evaluate=False), s.Abs(x + k)),
            lambda: (s.Abs(x * (x + k)), s.Abs(x) * s.Abs(x + k)),
            lambda: (s.Abs(k - x), s.Abs(x - k)),
            lambda: (s.Abs(x)**2, x**2),
        ])()

    def hyperbolic(self):
        s = self.s
        x = self.x
        return self.r.choice([
            lambda: (s.cosh(x)**2 - s.sinh(x)**2, s.Integer(1)),
            lambda: (s.cosh(x), (s.exp(x) + s.exp(-x)) / 2),
            lambda: (s.tanh(x), (s.exp(2 * x) - 1) / (s.exp(2 * x) + 1)),
        ])()

    def roots(self):
        s, r = self.s, self.r
        p = r.randint(2, 20)
        return r.choice([
            lambda: (s.root(p, 3) * s.root(p**2, 3), s.Integer(p)),
            lambda: (s.root(p, 3) * s.root(p, 2), s.root(p**5, 6)),
            lambda: (s.root(s.Integer(p)**5, 4), p * s.root(p, 4)),
            lambda: (1 / s.root(p, 3), s.root(p**2, 3) / p),
        ])()

    def power(self):
        s, r = self.s, self.r
        x, n = s.symbols("x", positive=True), self.n
        return r.choice([
            lambda: (s.Integer(2)**(n + 2), 4 * s.Integer(2)**n),
            lambda: (x**s.Rational(3, 2), x * s.sqrt(x)),
            lambda: (s.Integer(4)**n, s.Integer(2)**(2 * n)),
            lambda: (s.Integer(6)**n, s.Integer(2)**n * s.Integer(3)**n),
            lambda: ((-1)**(2 * n + 1), s.Integer(-1)),
        ])()

    # What makes it another value.
    def spoilt(self, e):
        s, r = self.s, self.r
        e = s.sympify(e)
        return r.choice([lambda: e + r.choice([1, -1, s.Rational(1, 7), s.sqrt(2)]), lambda: 2 * e if e != 0 else e + 1,
                         lambda: e * s.Rational(100, 99) if e != 0 else e - 1])()

    def text(self, e):
        if isinstance(e, str):
            return e
        if self.r.random() < 0.15 and not e.has(self.s.Sum, self.s.binomial, self.s.factorial, self.s.log, self.s.Abs):
            return str(e).replace("**", "^").replace("I", "i").replace("E", "e")
        return self.s.latex(e, ln_notation=True)

    def apart(self, a, b):
        """sympy's numbers tell the two apart at a point."""
        d = (self.s.sympify(a) - self.s.sympify(b)).doit()
        values = {v: self.s.Integer(3 + i) if v.is_integer else self.s.Rational(137 + 86 * i, 101) for i, v in
                  enumerate(sorted(d.free_symbols, key=str))}
        return abs(self.s.N(d.subs(values), 30)) > 1e-12

    def row(self, i):
        kind = self.kinds[i % len(self.kinds)]
        gold, answer = kind()
        equal = self.r.random() < 0.5
        if not equal:
            answer = self.spoilt(answer)
            if not self.apart(gold, answer):
                return self.row(i)
        texts = [self.text(gold), self.text(answer)]
        if self.r.random() < 0.3:
            texts[1] = "The final answer is \\boxed{" + texts[1] + "}."
        return {"id": i, "kind": kind.__name__, "gold": texts[0], "answer": texts[1], "equal": equal}


def compare(pairs, verdicts):
    rows = {r["id"]: r for r in map(json.loads, open(pairs))}
    counts = {}
    for v in map(json.loads, open(verdicts)):
        r = rows[v["id"]]
        said = v.get("equal", "error")
        key = "agree" if said == r["equal"] else "undecided" if said is None else "DISAGREE"
        counts[key] = counts.get(key, 0) + 1
        if key != "agree":
            print(f"{key}: {r['kind']}: {r['gold']}  |  {r['answer']}  | sympy {r['equal']} | {v.get('reason', v.get('error'))}")
    print(counts)


if __name__ == "__main__":
    if sys.argv[1] == "--compare":
        compare(*sys.argv[2:4])
    else:
        maker = Maker(int(sys.argv[2]))
        for i in range(int(sys.argv[1])):
            print(json.dumps(maker.row(i)))
