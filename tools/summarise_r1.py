#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/results/r1/README.md from the files beside it: tools/record_r1.sh calls this."""
import json
import pathlib
import re
import sys

folder = pathlib.Path(sys.argv[1])
notes = folder / "notes.md"


def stages(name):
    found = {}
    for line in (folder / f"{name}.jsonl").read_text().splitlines():
        row = json.loads(line)
        found.setdefault(row.pop("stage"), {}).update(row)
    return found


def table(name):
    lines = [re.split(r"  +", line.strip()) for line in (folder / f"{name}.txt").read_text().splitlines()]
    print("| " + " | ".join(lines[0]) + " |")
    print("|" + " --- |" * len(lines[0]))
    for line in lines[1:]:
        print("| " + " | ".join(line) + " |")
    print()


def judges(name):
    s = stages(name)
    print("| judge or reward model | agreement with the truth | of |")
    print("| --- | --- | --- |")
    for stage, what in (("judge_held_out", "of held-out requests"), ("helpful_pairs", "of requests that the judge was taught on; the helpful model learns from these")):
        r = s[stage]["results"]
        print(f"| {stage} | {100 * r['agreement']:.1f}% | {r['with_truth']} clear ones among {r['known']} pairs whose truth is known, {what} |")
    for stage, what in (("helpful_model", "held-out pairs by rule"), ("safety_model", "held-out labels by rule")):
        r = s[stage]["last"]
        print(f"| {stage} | {100 * r['eval_accuracy']:.1f}% +- {100 * r['eval_accuracy_stderr']:.1f} | {r['eval_rows']:.0f} {what} |")
    print()


print("""# The whole recipe, measured

Made by `tools/record_r1.sh`; every figure comes from the files in this folder. A row a model, each measured on the same held-out problems in both
languages and on general requests ([docs/r1.md](../../r1.md) says what each column is).
""")
for path in sorted(folder.glob("*.txt")):
    name = path.stem
    if name == "machine":
        continue
    print(f"## {name}\n")
    table(name)
    judges(name)
    seconds = sum(s.get("seconds", 0) for s in stages(name).values())
    print(f"All steps and evaluations of all stages together took {seconds / 60:.0f} minutes. [Report]({name}.html)\n")
if notes.exists():
    print(notes.read_text())
print("```")
print((folder / "machine.txt").read_text().rstrip())
print("```")
