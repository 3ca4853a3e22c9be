/* SPDX-License-Identifier: MIT */
/* reward/code_drivers.c: Python of our own that runs inside, beside the program under test or beside its tests.
 *
 * What runs beside the program (call, serve) is at its mercy and is trusted with nothing: it is a convenience that turns JSON into
 * a call and a value into JSON. What runs beside the tests (asserts) never holds an object of the program: values arrive as JSON
 * and become plain ints, strings, lists; so no __eq__ of the program is ever asked whether a result is right. */
#include "reward/code_parts.h"

/* Importing `site` is a third of a python's start, so it is left out and what programs use of it is put back: the folders of
 * packages, exit and quit. The program runs as __main__, under its own name. */
const char code_python_start[] =
    "def start(space):\n"
    "    import sys, builtins\n"
    "    version = 'python%d.%d' % sys.version_info[:2]\n"
    "    sys.argv[0] = '/box/main.py'\n"
    "    sys.path[0] = '/box'\n"
    "    sys.path += ['/usr/local/lib/' + version + '/dist-packages', '/usr/local/lib/' + version + '/site-packages',\n"
    "                 '/usr/lib/python3/dist-packages', '/usr/lib/' + version + '/site-packages']\n"
    "    def leave(code=None): raise SystemExit(code)\n"
    "    builtins.exit = builtins.quit = leave\n"
    "    with open('/box/main.py', 'rb') as file: source = file.read()\n"
    "    del space['start']\n"
    "    space['__file__'] = '/box/main.py'\n"
    "    exec(compile(source, '/box/main.py', 'exec'), space)\n"
    "start(globals())\n";

/* Values that JSON has no form for cross as {"t": kind, "v": ...}; a dict always does, its keys may be anything. */
#define PYTHON_WIRE                                                                                                    \
    "def wire(v, depth=0):\n"                                                                                          \
    "    if depth > 200: raise ValueError('a value nested too deep')\n"                                                \
    "    if v is None or v is True or v is False: return v\n"                                                          \
    "    if isinstance(v, int): return {'t': 'int', 'v': str(int(v))} if abs(int(v)) >> 62 else int(v)\n"              \
    "    if isinstance(v, float): return {'t': 'float', 'v': repr(float(v))}\n"                                        \
    "    if isinstance(v, str): return str(v)\n"                                                                       \
    "    if isinstance(v, complex): return {'t': 'complex', 'v': [repr(v.real), repr(v.imag)]}\n"                      \
    "    if isinstance(v, (bytes, bytearray)): return {'t': 'bytes', 'v': list(v)}\n"                                  \
    "    if isinstance(v, list): return [wire(x, depth + 1) for x in v]\n"                                             \
    "    for kind, name in ((tuple, 'tuple'), (set, 'set'), (frozenset, 'frozenset')):\n"                              \
    "        if isinstance(v, kind): return {'t': name, 'v': [wire(x, depth + 1) for x in v]}\n"                       \
    "    if isinstance(v, dict): return {'t': 'dict', 'v': [[wire(k, depth + 1), wire(x, depth + 1)] for k, x in "     \
    "v.items()]}\n"                                                                                                    \
    "    if hasattr(v, 'tolist'): return wire(v.tolist(), depth + 1)\n"                                                \
    "    if hasattr(v, '__next__'): return wire(list(v), depth + 1)\n"                                                 \
    "    raise TypeError('a value of type ' + type(v).__name__ + ' cannot be handed over')\n"                          \
    "def unwire(v):\n"                                                                                                 \
    "    if isinstance(v, list): return [unwire(x) for x in v]\n"                                                      \
    "    if not isinstance(v, dict): return v\n"                                                                       \
    "    t, x = v['t'], v['v']\n"                                                                                      \
    "    if t == 'int': return int(x)\n"                                                                               \
    "    if t == 'float': return float(x)\n"                                                                           \
    "    if t == 'complex': return complex(float(x[0]), float(x[1]))\n"                                                \
    "    if t == 'bytes': return bytes(x)\n"                                                                           \
    "    if t == 'dict': return {unwire(k): unwire(y) for k, y in x}\n"                                                \
    "    return {'tuple': tuple, 'set': set, 'frozenset': frozenset}[t](unwire(y) for y in x)\n"

#define PYTHON_FIND                                                                                                    \
    "def find(name):\n"                                                                                                \
    "    import importlib.util\n"                                                                                      \
    "    global solution\n"                                                                                            \
    "    if solution is None:\n"                                                                                       \
    "        spec = importlib.util.spec_from_file_location('solution', '/box/solution.py')\n"                          \
    "        solution = importlib.util.module_from_spec(spec)\n"                                                       \
    "        sys.modules['solution'] = solution\n"                                                                     \
    "        spec.loader.exec_module(solution)\n"                                                                      \
    "    if hasattr(solution, name): return getattr(solution, name)\n"                                                 \
    "    if hasattr(solution, 'Solution'): return getattr(solution.Solution(), name)\n"                                \
    "    raise NameError('the program defines no function ' + name)\n"                                                 \
    "solution = None\n"

/* argv: the function's name. stdin: its arguments. stdout: what it returned; what it prints itself goes to stderr. */
const char code_driver_call[] = "import sys, os, json\n"
                                "out = os.dup(1)\n"
                                "os.dup2(2, 1)\n"
                                "args = json.load(sys.stdin)\n" PYTHON_FIND "def plain(v):\n"
                                "    if isinstance(v, (set, frozenset)): return sorted(v)\n"
                                "    if hasattr(v, 'tolist'): return v.tolist()\n"
                                "    return list(v)\n"
                                "value = find(sys.argv[1])(*args)\n"
                                "with os.fdopen(out, 'w') as f: json.dump(value, f, default=plain)\n";

/* stdin: calls, a line each. stdout: results, a line each. */
const char code_driver_serve[] =
    "import sys, os, json\n"
    "calls, results = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), 'w')\n"
    "os.dup2(2, 1)\n" PYTHON_WIRE PYTHON_FIND "for line in calls:\n"
    "    try:\n"
    "        call = json.loads(line)\n"
    "        value = find(call['f'])\n"
    "        if call['a'] is not None:\n"
    "            value = value(*[unwire(x) for x in call['a']], **{k: unwire(x) for k, x in call['k'].items()})\n"
    "        elif callable(value): value = None\n"
    "        answer = {'v': wire(value)}\n"
    "    except Exception as e:\n"
    "        answer = {'e': type(e).__name__, 'm': str(e)[:500]}\n"
    "    results.write(json.dumps(answer) + '\\n')\n"
    "    results.flush()\n";

/* argv: the function's name, or "". Names that the tests use and neither they nor Python define are functions of the program.
 * Exit status: 0 and CODE_EXIT_*. */
const char code_driver_asserts[] =
    "import sys, os, json, ast, builtins\n"
    "from os import _exit as leave\n"
    "answers, calls = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), 'w')\n"
    "os.dup2(2, 1)\n"
    "class Lost(BaseException): pass\n"
    "class Raised(Exception): pass\n" PYTHON_WIRE "def ask(name, args, keywords):\n"
    "    try:\n"
    "        calls.write(json.dumps({'f': name, 'a': args, 'k': keywords}) + '\\n')\n"
    "        calls.flush()\n"
    "        line = answers.readline()\n"
    "    except OSError: raise Lost()\n"
    "    if not line.endswith('\\n'): raise Lost()\n"
    "    try:\n"
    "        answer = json.loads(line)\n"
    "        if 'e' not in answer: return unwire(answer['v'])\n"
    "        name, message = str(answer['e']), str(answer['m'])\n"
    "    except Exception: raise Raised('the program sent what is no value')\n"
    "    kind = getattr(builtins, name, None)\n"
    "    ours = isinstance(kind, type) and issubclass(kind, Exception) and kind is not AssertionError\n"
    "    raise (kind if ours else Raised)(message if ours else name + ': ' + message)\n"
    "def function(name):\n"
    "    def call(*args, **keywords): return ask(name, [wire(x) for x in args], {k: wire(x) for k, x in "
    "keywords.items()})\n"
    "    call.__name__ = name\n"
    "    return call\n"
    "def end(status, text=''):\n"
    "    sys.stderr.write(text[:1000])\n"
    "    sys.stderr.flush()\n"
    "    leave(status)\n"
    "name = sys.argv[1]\n"
    "space = {'__name__': 'tests'}\n"
    "try:\n"
    "    text = open('/box/asserts.py').read()\n"
    "    tree = ast.parse(text)\n"
    "    bound, used = set(), set()\n"
    "    for node in ast.walk(tree):\n"
    "        if isinstance(node, ast.Name): (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)\n"
    "        elif isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)): bound.add(node.name)\n"
    "        elif isinstance(node, ast.arg): bound.add(node.arg)\n"
    "        elif isinstance(node, ast.alias): bound.add((node.asname or node.name).split('.')[0])\n"
    "        elif isinstance(node, ast.ExceptHandler) and node.name: bound.add(node.name)\n"
    "    for free in used - bound - set(dir(builtins)): space[free] = function(free)\n"
    "    code = compile(tree, 'tests', 'exec')\n"
    "except Exception as e: end(83, repr(e))\n"
    "try:\n"
    "    if name: space.setdefault(name, function(name))\n"
    "    exec(code, space)\n"
    "    if name and 'check' in bound and callable(space.get('check')): space['check'](function(name))\n"
    "except AssertionError as e:\n"
    "    import traceback\n"
    "    at = traceback.extract_tb(e.__traceback__)[-1]\n"
    "    lines = text.splitlines()\n"
    "    end(81, lines[at.lineno - 1].strip() if at.filename == 'tests' and at.lineno <= len(lines) else str(e))\n"
    "except Lost: end(84)\n"
    "except BaseException as e: end(82, type(e).__name__ + ': ' + str(e))\n"
    "end(0)\n";
