#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Answers made to cost a verifier time or memory, as rows for `r1 bench verify --input` and `r1 verify --input`.

    tools/hostile_answers.py > hostile.jsonl
    build/release/r1 bench verify --threads 1 -r 5 --input hostile.jsonl     # the slowest of them
    build/release/r1 verify --input hostile.jsonl | grep -c crashed          # 0: none went over its memory

Towers of powers, factorials, deep nesting, matrices, long sums, answers of a megabyte, nested radicals, trigonometry of far
multiples of pi, binomials, powers of polynomials, sums and products to huge bounds, and random trees of all of it (fixed seed).
"""
import json
import random

PRIMES = [p for p in range(2, 400) if all(p % d for d in range(2, p))]
BOUNDS = (100, 10**4, 10**6, 10**9, 10**18)
rows = []


def hostile(answer, gold="5"):
    rows.append({"kind": "hostile", "gold": gold, "answer": answer})


def powers_and_factorials():
    hostile("2^{" * 60 + "2" + "}" * 60)
    for answer, gold in (("9^{9^{9}}", "5"), ("2^{10^{9}}-2^{10^{9}}+5", "5"), ("3^{100000}", "3^{100000}+1"),
                         ("(1+10^{-50})^{10^{50}}", "e"), ("((3!)!)!", "5"), ("((((3!)!)!)!)!", "5")):
        hostile(answer, gold)
    for n in (20, 1000, 5000, 20000, 10**6, 10**9):
        hostile(f"{n}!", f"{n}!+1")
        hostile(f"\\frac{{{n}!}}{{{n - 1}!}}", str(n))


def nesting():
    pairs = (("(", ")"), ("\\frac{1}{", "}"), ("\\sqrt{2+", "}"), ("-", ""), ("|", "|"), ("\\{", "\\}"), ("x^{", "}"),
             ("\\sin(", ")"), ("\\ln(", ")"))
    for depth in (10, 50, 200, 1000, 5000):
        for before, after in pairs:
            hostile(before * depth + "x" + after * depth, "x")


def matrices():
    def matrix(n, entry):
        lines = ("&".join(entry(i, j, n) for j in range(n)) for i in range(n))
        return "\\begin{pmatrix}" + "\\\\".join(lines) + "\\end{pmatrix}"

    for n in (3, 5, 10, 20, 50, 100):
        symbols = matrix(n, lambda i, j, n: f"\\sqrt{{{i * n + j}}}+x^{{{j}}}")
        numbers = matrix(n, lambda i, j, n: str(i * n + j))
        hostile(symbols, symbols + " ")
        hostile("\\det" + symbols, "0")
        hostile(symbols + "^{5}", symbols)
        hostile(numbers, numbers.replace("1", "2"))


def long_ones():
    terms = (lambda i: f"x^{{{i}}}", lambda i: f"\\frac{{1}}{{x+{i}}}", lambda i: f"\\sqrt{{{i + 2}}}",
             lambda i: f"\\frac{{1}}{{{i + 1}}}", lambda i: f"\\sin({i}x)", lambda i: f"\\ln({i + 2})", lambda i: f"e^{{{i}x}}")
    for n in (10, 100, 1000, 10000):
        for term in terms:
            hostile("+".join(term(i) for i in range(n)), "x")
        hostile("*".join(f"(x+{i})" for i in range(n)), "x^2")
        hostile(",".join(str(i) for i in range(n)), ",".join(str(i) for i in range(n, 0, -1)))
        hostile("\\{" + ",".join(f"\\sqrt{{{i % 97}}}" for i in range(n)) + "\\}",
                "\\{" + ",".join(f"\\sqrt{{{(i + 3) % 97}}}" for i in range(n)) + "\\}")
        hostile("\\cup".join(f"[{3 * i},{3 * i + 1}]" for i in range(n)), "[0,1]")
    for text, count in (("1", 10**6), ("x", 10**6), ("a ", 5 * 10**5), ("\\frac", 2 * 10**5), ("{", 10**6), ("1+", 5 * 10**5)):
        hostile(text * count + "1", "500001")
    for answer, gold in (("0." + "3" * 30000, "1/3"), ("0." + "3" * 8000, "1/3"), ("9" * 8000 + "!", "1"),
                         ("1," * 8000 + "1", "1"), ("1" + ",000" * 3000, "10^{9000}"), ("1" * 3900 + "/" + "7" * 3900, "3"),
                         ("\\sqrt{" + "7" * 7000 + "}", "5")):
        hostile(answer, gold)


def radicals():
    hostile("\\sqrt[1000]{2}^{1000}", "2")
    hostile("\\sqrt[997]{2}+\\sqrt[991]{3}")
    hostile("\\sqrt[100000]{2}")
    for k in range(2, 30, 3):
        roots = "+".join(f"\\sqrt{{{p}}}" for p in PRIMES[:k])
        for answer in (roots, f"({roots})^{{2}}", f"\\frac{{1}}{{{roots}}}", roots.replace("sqrt", "sqrt[3]"),
                       f"\\prod_{{k=1}}^{{{k}}}(1+\\sqrt{{k}})",
                       "\\frac{1}{" + "+".join(f"\\sqrt[{p}]{{{p}}}" for p in PRIMES[:k]) + "}"):
            hostile(answer)
    for k in (1, 2, 3, 4, 5, 6, 8, 12):
        nested = "2"
        for p in PRIMES[:k]:
            nested = f"\\sqrt{{{p}+{nested}}}"
        for answer in (nested, nested + "+" + nested.replace("7", "11"), f"({nested})^{{7}}",
                       "\\sqrt[3]{" * k + "5+\\sqrt{2}" + "}" * k):
            hostile(answer)


def trigonometry():
    far = 10**30 + 7
    for q in (7, 11, 17, 97, 101, 1009, 10007):
        for f in ("sin", "cos", "tan"):
            hostile(f"\\{f}\\frac{{\\pi}}{{{q}}}", "\\frac{1}{3}")
            hostile(f"\\{f}\\frac{{{far}\\pi}}{{{q}}}", f"\\{f}\\frac{{{far % (2 * q)}\\pi}}{{{q}}}")
        hostile("+".join(f"\\cos\\frac{{{2 * k}\\pi}}{{{q}}}" for k in range(1, min(q, 300))), "-1")
        hostile(f"\\prod_{{k=1}}^{{{q - 1}}}\\sin\\frac{{k\\pi}}{{{q}}}", f"\\frac{{{q}}}{{2^{{{q - 1}}}}}")


def huge_bounds():
    answers = ("\\binom{N}{M}", "\\binom{N}{3}", "\\binom{x}{N}", "\\sum_{k=0}^{N}\\binom{N}{k}", "\\sum_{k=1}^{N}\\frac{1}{k}",
               "\\sum_{k=1}^{N}k^{20}", "\\prod_{k=1}^{N}(x+k)", "\\sum_{k=1}^{N}x^k", "(x+1)^{N}", "(x+y+1)^{N}",
               "(x+\\sqrt2+\\sqrt3+\\sqrt5+\\pi+e)^{N}", "(1+\\sqrt{2})^{N}", "(3+4i)^{N}", "e^{N}", "\\sin(N)", "\\ln(N)",
               "\\log_{N}{M}", "1e-N", "\\frac{x^{N}-1}{x-1}", "2^{\\frac{1}{N}}", "10^{-N}", "e^{e^{N}}", "\\lfloor e^{N}\\rfloor",
               "N\\bmod 7", "\\gcd(N!,N)", "\\sum_{k=1}^{N}\\sum_{j=1}^{N} x^{kj}")
    for n in BOUNDS:
        for answer in answers:
            hostile(answer.replace("N", str(n)).replace("M", str(n // 2)))
        hostile(f"(x+1)^{{{n}}}", f"(1+x)^{{{n}}}")


def polynomials():
    for n_symbols in (3, 6, 12, 26):
        symbols = "abcdefghijklmnopqrstuvwxyz"[:n_symbols]
        for n in (2, 4, 8, 16, 40):
            hostile(f"({'+'.join(symbols)})^{{{n}}}", f"({'+'.join(reversed(symbols))})^{{{n}}}")
            hostile(f"\\frac{{({'+'.join(symbols)})^{{{n}}}}}{{({'-'.join(symbols)})^{{{n}}}}}", "1")
            hostile("*".join(f"({'+'.join(symbols)}+{i})" for i in range(n)), "x")


def many_parts():
    """Each part alone is within bounds; so must all of them be, and all pairs of them."""
    for n in (5, 20, 50, 100, 200):
        for part, other in (("\\prod_{k=1}^{16}\\sin\\frac{Ik\\pi}{17}", "\\frac{17}{2^{16}}+I\\cdot10^{-500}"),
                            ("\\cos\\frac{2\\pi}{17}+\\sqrt{I}", "\\cos\\frac{36\\pi}{17}+\\sqrt{I}"),
                            ("\\sum_{k=1}^{100}\\sum_{j=1}^{100}x^{kj}+I", "\\sum_{k=1}^{100}\\sum_{j=1}^{100}x^{kj}+2+I")):
            parts, others = (",".join(p.replace("I", str(i + 2)) for i in range(n)) for p in (part, other))
            hostile(f"\\{{{parts}\\}}", f"\\{{{others}\\}}")
            hostile(f"({parts})", f"({others})")


def nested_sums():
    bodies = ("x^{kj}", "\\sin(kjx)", "\\frac{1}{x+kj}", "\\sqrt{k+jx}", "e^{kjx}", "\\binom{k}{j}", "k!j!", "(x+k)^{j}",
              "\\cos\\frac{k\\pi}{j+7}", "\\log_{k+1}(j+x)", "\\tan(k+ji)", "|k-jx|", "\\sqrt[k]{j+x}", "e^{e^{kj}}")
    for body in bodies:
        for n in (10, 30, 70, 100, 200):
            for outer, inner in (("sum", "sum"), ("prod", "prod"), ("sum", "prod")):
                hostile(f"\\{outer}_{{k=1}}^{{{n}}}\\{inner}_{{j=1}}^{{{n}}} {body}")
        for n in (10, 15, 30):
            hostile(f"\\sum_{{k=1}}^{{{n}}}\\sum_{{j=1}}^{{{n}}}\\sum_{{l=1}}^{{{n}}} {body}+l")


def random_trees():
    random.seed(1)
    leaves = ("x", "y", "z", "2", "3", "\\pi", "e", "i", "\\sqrt{7}", "10^{20}", "0.1", "n")
    nodes = ("(%s+%s)", "%s\\cdot %s", "\\frac{%s}{%s}", "(%s)^{%s}", "\\sqrt[%s]{%s}", "\\log_{%s}(%s)", "\\sin(%s)\\cos(%s)",
             "\\binom{%s}{%s}", "\\sum_{k=1}^{%s}(%s)", "|%s-%s|")

    def tree(depth):
        return random.choice(leaves) if depth == 0 else random.choice(nodes) % (tree(depth - 1), tree(depth - 1))

    for i in range(600):
        depth = random.randint(3, 6)
        answer = tree(depth)
        hostile(answer, tree(depth) if i % 2 else answer + "+0")


for make in (powers_and_factorials, nesting, matrices, long_ones, radicals, trigonometry, huge_bounds, polynomials, many_parts,
             nested_sums, random_trees):
    make()
for row in rows:
    print(json.dumps(row))
