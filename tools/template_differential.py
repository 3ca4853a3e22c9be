#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Renders chat templates with Python's Jinja2, set up as transformers sets it up, and with `r1 template`, and shows where they differ.

    python3 tools/template_differential.py --r1 build/release/r1 F.jinja ... [--rounds 20] [--seed 1]
    python3 tools/template_differential.py --r1 build/release/r1 --expressions 20000
    python3 tools/template_differential.py --golden tests/text/templates.jsonl

The first renders each template with random conversations: system, tools, tool calls, parts, thinking, in odd orders. The second makes
random expressions. The third asks Jinja2 again about each line {"template", "variables"} of the tests' golden file and writes its
answer beside it: "text", or "error" with the kind of the failure.
A failure on both sides counts as the same; its message may differ. Needs Jinja2 3.1."""
import argparse
import copy
import datetime
import json
import random
import subprocess
import sys
import tempfile

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.sandbox


class Generation(jinja2.ext.Extension):
    """{% generation %}: its text, in a scope of its own."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("text_of"), [], [], body).set_lineno(line)

    def text_of(self, caller):
        return caller()


def environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda form: datetime.datetime.now().strftime(form)
    return env


def compiled(env, source):
    try:
        return env.from_string(source)
    except Exception as error:
        return error


def by_jinja(template, variables):
    """What a compiled template makes of the variables, or why it does not."""
    if isinstance(template, Exception):
        return template
    try:
        return template.render(**copy.deepcopy(variables))  # some filters add to a list in place
    except Exception as error:  # whatever a template can make Python raise
        return error


def by_r1(program, path, rows):
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    done = subprocess.run([program, "template", "--template", path], input=lines, capture_output=True, text=True)
    if done.returncode not in (0, 2):
        sys.exit(f"{path}: status {done.returncode}: {done.stderr}")
    out = [json.loads(line) for line in done.stdout.splitlines()]
    return out if len(out) == len(rows) else [{"error": done.stderr.strip()}] * len(rows)


# ---- conversations ----

TEXTS = ["Hello", "", " spaced ", "line\nline\n", "Ünïcödé 漢字 🙂", '"quotes" and \'more\' \\', "{{ not }} {% a tag %}",
         "<b>&amp;</b>", "<think>\nhm\n</think>\n\nanswer", "<think></think>", "x</think>y", "/no_think hi", "/think"]
TOOL = {"type": "function", "function": {"name": "get_weather", "description": "The weather, it's \"nice\" <here>",
        "parameters": {"type": "object", "properties": {
            "city": {"type": "string", "description": "a place"},
            "unit": {"type": "string", "enum": ["c", "f"]},
            "days": {"type": ["integer", "null"], "default": 3},
            "tags": {"type": "array", "items": {"type": "string"}},
            "opt": {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "boolean"}}, "required": ["a"]}},
            "required": ["city"]}}}
TOOL_2 = {"type": "function", "function": {"name": "add", "description": "adds\ntwo lines", "parameters": {
          "type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}, "required": ["a", "b"]},
          "return": {"type": "number", "description": "sum"}}}


def content(draw):
    kind = draw.random()
    if kind < 0.8:
        return draw.choice(TEXTS)
    parts = [{"type": "text", "text": draw.choice(TEXTS)} for _ in range(draw.randint(1, 3))]
    if draw.random() < 0.3:
        parts.append({"type": draw.choice(["image", "video"])})
    return parts


def tool_call(draw):
    arguments = draw.choice([{"city": "Köln", "days": 2, "x": 1.5, "y": None, "z": [1, "a", True], "o": {"k": "v"}}, {}, {"a": 1, "b": 2}])
    call = {"type": "function", "function": {"name": draw.choice(["get_weather", "add"]),
            "arguments": arguments if draw.random() < 0.7 else json.dumps(arguments)}}
    if draw.random() < 0.7:
        call["id"] = draw.choice(["call_1", "abcdefghi", "functions.add:0"])
    return call


def message(draw, role):
    one = {"role": role, "content": content(draw)}
    if role == "assistant":
        if draw.random() < 0.35:
            one["tool_calls"] = [tool_call(draw) for _ in range(draw.randint(1, 2))]
            one["content"] = draw.choice([None, "", "I call"])
            if draw.random() < 0.1:
                del one["content"]
        if draw.random() < 0.25:
            one[draw.choice(["reasoning_content", "reasoning", "thinking"])] = draw.choice(["because", "", "a\nb\n"])
    if role == "tool":
        if draw.random() < 0.6:
            one["tool_call_id"] = draw.choice(["call_1", "abcdefghi"])
        if draw.random() < 0.5:
            one["name"] = draw.choice(["get_weather", "add"])
        one["content"] = draw.choice(["12", '{"t": 3}', "", "a\nb"])
    return one


def well_behaved(draw):
    """What every template accepts: strings, user and assistant by turns."""
    messages = [{"role": "system", "content": draw.choice(TEXTS)}] if draw.random() < 0.3 else []
    for turn in range(draw.randint(0, 3)):
        messages += [{"role": "user", "content": draw.choice(TEXTS)}, {"role": "assistant", "content": draw.choice(TEXTS)}]
    return messages + [{"role": "user", "content": draw.choice(TEXTS)}]


def odd(draw):
    messages = []
    if draw.random() < 0.5:
        messages.append(message(draw, draw.choice(["system", "system", "developer"])))
    for _ in range(draw.randint(0, 4)):
        if draw.random() < 0.9:
            messages.append(message(draw, "user"))
        if draw.random() < 0.9:
            messages.append(message(draw, "assistant"))
            if "tool_calls" in messages[-1] and draw.random() < 0.9:
                messages += [message(draw, "tool") for _ in messages[-1]["tool_calls"]]
                if draw.random() < 0.7:
                    messages.append(message(draw, "assistant"))
    if draw.random() < 0.7 or not messages:
        messages.append(message(draw, "user"))
    return messages


def conversation(draw):
    messages = well_behaved(draw) if draw.random() < 0.4 else odd(draw)
    row = {"messages": messages, "add_generation_prompt": draw.random() < 0.5, "bos_token": "<s>", "eos_token": "</s>"}
    if draw.random() < 0.4:
        row["tools"] = draw.choice([[TOOL], [TOOL, TOOL_2], []])
    elif draw.random() < 0.7:
        row["tools"] = None
    for key, values in [("enable_thinking", [True, False]), ("thinking", [True, False]), ("reasoning_effort", ["low", "high"]),
                        ("date_string", ["26 Jul 2024"]), ("documents", [None, [{"title": "T", "text": "D"}]]),
                        ("datetime", ["2024-01-01"]), ("functions", ["{}"]), ("builtin_tools", [["wolfram_alpha"]]), ("custom_tools", [[TOOL]]), ("model_identity", ["I am"])]:
        if draw.random() < 0.15:
            row[key] = draw.choice(values)
    return row


# ---- expressions ----

VARIABLES = {"n": 7, "m": -3, "f": 2.5, "z": 0, "s": "Hello, World", "e": "", "u": "Straße ÉÀ 漢字 🙂", "w": " a  b\tc\n", "t": True,
             "o": None, "l": [3, 1, 2], "ls": ["b", "A", "c", "a"], "d": {"k": 1, "b": "two", "a": None}, "nl": [[1, 2], [3], []],
             "lm": [{"r": "u", "c": "x", "i": 2}, {"r": "a", "c": "Y", "i": 1}, {"r": "u", "c": "z", "i": 3}], "el": [], "ed": {}}


def literal(draw):
    return draw.choice(["1", "2", "0", "-1", "10", "0.5", "3.0", "1e3", "'a'", "'l'", "', '", "''", "'x,y,z'", "true", "false", "none",
                        "[1, 2]", "['a', 'b']", "(1, 'a')", "{'a': 1}", "[]", "{}", "undefined_thing"])


def expression(draw, depth):
    if depth == 0 or draw.random() < 0.1:
        return draw.choice(list(VARIABLES)) if draw.random() < 0.7 else literal(draw)
    def sub():
        return expression(draw, depth - 1)
    def wrap():
        return "(" + sub() + ")"
    kind = draw.randrange(12)
    if kind == 0:
        return f"{wrap()} {draw.choice(['+', '-', '*', '/', '//', '%', '~', '**'])} {wrap()}"
    if kind == 1:
        return f"{wrap()} {draw.choice(['==', '!=', '<', '>', '<=', '>=', 'in', 'not in'])} {wrap()}"
    if kind == 2:
        return f"{wrap()} {draw.choice(['and', 'or'])} {wrap()}"
    if kind == 3:
        return draw.choice([f"not {wrap()}", f"-{wrap()}", f"{wrap()} if {wrap()} else {wrap()}", f"{wrap()} if {wrap()}"])
    if kind == 4:
        return f"{wrap()}[{draw.choice(['0', '-1', '1', '5', repr('k'), sub()])}]"
    if kind == 5:
        return f"{wrap()}[{draw.choice(['1:', ':-1', '::-1', '::2', '1:3', '-2:', ':2', '5:1:-2', ':0:-1', '-9:9', '9:'])}]"
    if kind in (6, 7, 8):
        name = draw.choice(["length", "upper", "lower", "title", "capitalize", "trim", "join", "join(', ')", "first", "last", "list", "sort",
                            "sort(reverse=true)", "reverse|list", "unique|list", "string", "int", "float", "abs", "round", "round(1)",
                            "round(1, 'floor')", "default('dd')", "default('dd', true)", "d", "tojson", "tojson(indent=2)", "sum", "min",
                            "max", "items|list", "dictsort", "replace('l', 'L')", "replace('a', '')", "replace('', '-')", "indent",
                            "indent(2, true)", "batch(2)|list", "slice(2)|list", "map('upper')|list", "map(attribute='r')|list",
                            "selectattr('r', 'equalto', 'u')|list", "rejectattr('i', 'gt', 1)|list", "select('string')|list",
                            "select|list", "reject('none')|list", "groupby('r')|list", "count", "wordcount", "center(20)", "format(1)",
                            "truncate(5)", "truncate(9, true, '')", "escape", "safe", "map('default', 'q')|join", "sort(attribute='i')",
                            "sum(attribute='i')", "max(attribute='i')", "join(attribute='c')", "urlencode", "dictsort(by='value')",
                            "tojson(ensure_ascii=true)", "tojson(separators=(',', ':'))", "tojson(sort_keys=true)", "trim('aHx')", "e"])
        return f"{wrap()}|{name}"
    if kind == 9:
        name = draw.choice(["defined", "undefined", "none", "string", "number", "integer", "float", "mapping", "iterable", "sequence", "boolean",
                            "true", "false", "odd", "even", "divisibleby 3", "eq 1", "ne 1", "in [1, 'a', none]", "lower", "upper",
                            "sameas true", "gt 0", "le 2", "callable"])
        return f"{wrap()} is {draw.choice(['', 'not '])}{name}"
    if kind == 10:
        name = draw.choice(["strip()", "lstrip()", "rstrip()", "strip('aHd')", "upper()", "lower()", "title()", "capitalize()", "split()",
                            "split(',')", "split('l', 1)", "rsplit('l', 1)", "rsplit()", "split(none, 1)", "splitlines()",
                            "startswith('H')", "endswith(('d', 'x'))", "replace('l', 'r')", "replace('l', 'r', 1)", "find('l')",
                            "rfind('l')", "count('l')", "join(['a', 'b'])", "items()", "keys()|list", "values()|list", "get('k')",
                            "get('q', 3)", "isdigit()", "isalpha()", "isspace()", "format(1, a=2)", "zfill(5)", "center(15, '*')",
                            "ljust(14)", "rjust(14)", "partition(',')", "rpartition('l')", "removeprefix('He')", "removesuffix('ld')",
                            "index('l')", "isupper()", "islower()", "count(1)", "index(1)", "title", "k", "items"])
        return f"{wrap()}.{name}"
    return draw.choice([f"[{sub()}, {sub()}]", f"({sub()}, {sub()})", f"{{'a': {sub()}, 'b': {sub()}}}", f"'%s|%5s|%-4s.' % {wrap()}",
                        f"'%d %05.1f %x' % ({sub()}, {sub()}, {sub()})", f"'{{}}-{{:>6}}'.format({sub()}, {sub()})", f"range({sub()})|list",
                        f"dict(a={sub()})", f"{wrap()} ~ {wrap()}", f"{sub()} {draw.choice(['+', '*', '-', '<'])} {sub()}",
                        f"{sub()}|{draw.choice(['upper', 'length', 'list'])} ~ {sub()}"])


# ---- comparing ----

def is_address(text):
    return isinstance(text, str) and (" object at 0x" in text or "<built-in" in text or "<function" in text or "<bound" in text)


def compare(name, template, rows, wanted, got, shown):
    differs = 0
    for row, want, have in zip(rows, wanted, got):
        failed = isinstance(want, Exception)
        if is_address(want) or (failed and "error" in have) or (not failed and have.get("text") == want):
            continue
        differs += 1
        if shown[0] > 0:
            shown[0] -= 1
            print(f"--- {name}: {template[:300] if len(template) < 400 else ''}\n jinja {want!r}\n r1    {have!r}\n row   {json.dumps(row)[:1500]}")
    return differs


def run_templates(arguments):
    env, shown, total = environment(), [arguments.show], 0
    for path in arguments.templates:
        with open(path, encoding="utf-8") as file:
            template = file.read()
        draw = random.Random(f"{arguments.seed} {path.split('/')[-1]}")
        rows = [conversation(draw) for _ in range(arguments.rounds)]
        jinja = compiled(env, template)
        wanted = [by_jinja(jinja, row) for row in rows]
        differs = compare(path, template, rows, wanted, by_r1(arguments.r1, path, rows), shown)
        failures = sum(isinstance(want, Exception) for want in wanted)
        total += differs
        print(f"{path.split('/')[-1]}: {len(rows) - differs} of {len(rows)} alike ({failures} failures)")
    return total


def run_expressions(arguments):
    """Many expressions in one template: each in an `if`, chosen by a variable, so that one that fails does not take the others."""
    env, shown, differs = environment(), [arguments.show], 0
    draw = random.Random(arguments.seed)
    for start in range(0, arguments.expressions, 200):
        sources = [expression(draw, draw.randint(1, 3)) for _ in range(200)]
        template = "".join(f"{{% if which == {i} %}}{{{{ {source} }}}}{{% endif %}}" for i, source in enumerate(sources))
        rows = [{**VARIABLES, "which": i} for i in range(200)]
        with tempfile.NamedTemporaryFile("w", suffix=".jinja", encoding="utf-8") as file:
            file.write(template)
            file.flush()
            got = by_r1(arguments.r1, file.name, rows)
        for i, source in enumerate(sources):
            want = by_jinja(compiled(env, "{{ " + source + " }}"), VARIABLES)
            differs += compare(source, source, [{}], [want], [got[i]], shown)
    print(f"{arguments.expressions - differs} of {arguments.expressions} alike")
    return differs


def write_golden(arguments):
    env = environment()
    with open(arguments.golden, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    with open(arguments.golden, "w", encoding="utf-8") as file:
        for row in rows:
            text = by_jinja(compiled(env, row["template"]), row["variables"])
            kept = {"template": row["template"], "variables": row["variables"]}
            kept.update({"error": type(text).__name__} if isinstance(text, Exception) else {"text": text})
            file.write(json.dumps(kept, ensure_ascii=False) + "\n")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("templates", nargs="*")
    parser.add_argument("--r1", default="build/release/r1")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=5, help="differences that are shown")
    parser.add_argument("--expressions", type=int, default=0)
    parser.add_argument("--golden")
    arguments = parser.parse_args()
    if arguments.golden:
        return write_golden(arguments)
    differs = run_expressions(arguments) if arguments.expressions else run_templates(arguments)
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
