# SPDX-License-Identifier: MIT
"""Makes tests/text/tiny/golden.jsonl and tests/text/pipelines.jsonl with Hugging Face's tokenizers.

    pip install tokenizers==0.23.3
    build/release/r1 tokenize --train tests/text/tiny/corpus.txt --vocab 600 --out tests/text/tiny \
        --special '<|endoftext|>' --special '<|pad|>' --added '<think>' --added '</think>'
    python3 tools/tokenizer_golden.py

tiny/ is a tokenizer that r1 trained; the golden file says how Hugging Face reads it. pipelines.jsonl holds small
tokenizers, one a line, that differ from one another in what stands around the model, with what Hugging Face makes of
the same texts. A row has "special_ids" (with special tokens) where they differ from "ids", and "decoded" (special tokens
kept) where it differs from "text".
"""
import json
import pathlib
import random

from tokenizers import Tokenizer, __version__

TESTS = pathlib.Path(__file__).resolve().parent.parent / "tests" / "text"

TEXTS = [
    "",
    " ",
    "a",
    "The quick brown fox can't jump; it's 3,141.59 metres away!",
    "12+30=42, 42*7=294. wait, check 12+30=42 right",
    "    four spaces\t\ttabs\n\n   \n trailing   ",
    "#include <stdio.h>\r\nint main(void)\r\n{\r\n    return 0;\r\n}\r\n",
    "I'LL we'Re 'S 'ſ it'd",
    "na\u00efve cafe\u0301 Zo\u00eb \u2014 \u201cquoted\u201d \u2026 \u00bd \u2153 \u21165 \u2167 \u0663 \u00b2",
    "\u6211\u4eec\u6765\u89e3\u8fd9\u4e2a\u65b9\u7a0b\uff1ax\u00b2\uff0d5x\uff0b6\uff1d0\u3002",
    "\uc548\ub155\ud558\uc138\uc694 \u1112\u1161\u11ab \ufb01ne \u212b \u1e9b\u0323 q\u0307\u0323",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 a\u200db \u180e\u00a0\u3000\u2028x",
    "nul \x00 in the middle\x00",
    "<think>so</think> <think> </think><|endoftext|>\n<|pad|> <think",
    "the the  the<the>thethe them_the the.",
    "aaaaaaaaaaaaaaaa bbbbbbb abababababab",
    "x [y] (z) {w} ^v$ a|b c\\d e.f ...",
    # characters of Unicode 15 and 16, marks and compositions newer than 9, and what is no final consonant
    " \U0001FA77\U0001FAE8!\U0001FAE9 a\u1DF6\u0301 \U0001D2C0\U0001D2C1 \U00031350\U0001E4EC \U00011935\U00011930 \u110E\u1165\u11A7",
]


def added(content, index, **flags):
    token = dict(id=index, content=content, single_word=False, lstrip=False, rstrip=False, normalized=False, special=False)
    return dict(token, **flags)


def byte_level(prefix_space=False, use_regex=False):
    return {"type": "ByteLevel", "add_prefix_space": prefix_space, "trim_offsets": True, "use_regex": use_regex}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
            r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
ONIGURUMA = [r"\w+", r"\W", r"\b", r"\s", r"[\s\d]+", r"\h+", r"\p{N}{2}+", r"a*", r"(?m:t.)", r"^.", r".$", r"\u0061",
             r"\S{,3}", r"[[:punct:]]+", r"[[:space:]]", r"\p{Han}+", r"\p{Letter}+", r"(?<=a)b", r"(?i:k|s)+", r"\B"]


def pipelines(tiny):
    """(name, what replaces keys of the base tokenizer; "model" is merged into the model)."""
    size = len(tiny["model"]["vocab"])
    the, a, b = (tiny["model"]["vocab"][t] for t in ("\u0120the", "a", "b"))
    yield "gpt2", {"pre_tokenizer": byte_level(use_regex=True)}
    yield "gpt2 with a prefix space", {"pre_tokenizer": byte_level(True, True)}
    yield "no pre-tokenizer pattern", {"pre_tokenizer": byte_level()}
    yield "smollm2", {"pre_tokenizer": sequence({"type": "Digits", "individual_digits": True}, byte_level(False, True))}
    yield "digits together", {"pre_tokenizer": sequence({"type": "Digits", "individual_digits": False}, byte_level())}
    yield "llama 3", {"pre_tokenizer": sequence(split(LLAMA3), byte_level()), "model": {"ignore_merges": True},
                      "post_processor": {"type": "Sequence", "processors": [byte_level(), template(the, None)]}}
    yield "deepseek", {"pre_tokenizer": sequence(split(r"\p{N}{1,3}"), split("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"),
                                                 split(DEEPSEEK), byte_level()),
                       "normalizer": {"type": "Sequence", "normalizers": []}}
    yield "qwen", {"normalizer": {"type": "NFC"}, "post_processor": template(a, b)}
    yield "falcon", {"pre_tokenizer": sequence({"type": "Punctuation", "behavior": "Contiguous"}, byte_level(False, True),
                                               {"type": "Digits", "individual_digits": False},
                                               split("[0-9][0-9][0-9]"))}
    yield "roberta", {"post_processor": {"type": "RobertaProcessing", "sep": ["b", b], "cls": ["a", a],
                                         "trim_offsets": True, "add_prefix_space": False}}
    for form in ("NFD", "NFKC", "NFKD"):
        yield form, {"normalizer": {"type": form}}
    for behavior in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
        for invert in (False, True):
            steps = sequence(split(r"\s|[t.]", behavior, invert), byte_level())
            yield f"{behavior}, inverted: {invert}", {"pre_tokenizer": steps}
    for text in (" ", "the", ".", "  ", "|"):
        yield f"string {text!r}", {"pre_tokenizer": sequence(split(text, "MergedWithNext", kind="String"), byte_level())}
    for pattern in ONIGURUMA:
        yield f"pattern {pattern}", {"pre_tokenizer": sequence(split(pattern), byte_level())}
    yield "whitespace", {"pre_tokenizer": sequence({"type": "Whitespace"}, byte_level())}
    yield "whitespace split", {"pre_tokenizer": sequence({"type": "WhitespaceSplit"}, byte_level())}
    yield "characters", {"pre_tokenizer": {"type": "WhitespaceSplit"}, "decoder": None}
    yield "unknown characters", {"pre_tokenizer": {"type": "WhitespaceSplit"}, "model": {"unk_token": "a"}, "decoder": None}
    yield "unknown fused", {"pre_tokenizer": {"type": "WhitespaceSplit"}, "model": {"unk_token": "a", "fuse_unk": True},
                            "decoder": {"type": "Fuse"}}
    yield "stripping", {"added_tokens": [added("<think>", 2, lstrip=True, rstrip=True), added("</think>", 3, rstrip=True),
                                         added("  ", size, lstrip=True), added("<|pad|>", 1, special=True)]}
    yield "single words", {"added_tokens": [added("the", size, single_word=True), added("a", a, single_word=True)]}
    yield "longest", {"added_tokens": [added("the", size), added("thethe", size + 1), added("th", size + 2), added("<", tiny["model"]["vocab"]["<"])]}
    yield "normalized", {"normalizer": {"type": "NFKC"}, "added_tokens": [
        added("\ufb01", size, normalized=True), added("\u2153", size + 1), added("Zo\u00eb", size + 2, normalized=True)]}


def template(before, after):
    pieces = [{"SpecialToken": {"id": str(before), "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    if after is not None:
        pieces.append({"SpecialToken": {"id": str(after), "type_id": 0}})
    names = [str(i) for i in (before, after) if i is not None]
    return {"type": "TemplateProcessing", "single": pieces,
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {n: {"id": n, "ids": [int(n)], "tokens": [n]} for n in names}}


def with_changes(tiny, changes):
    whole = json.loads(json.dumps(tiny))
    for key, value in changes.items():
        if key == "model":
            whole["model"].update(value)
        else:
            whole[key] = value
    return whole


def row(tokenizer, text):
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    special = tokenizer.encode(text, add_special_tokens=True).ids
    out = {"text": text, "ids": ids}
    decoded = tokenizer.decode(ids, skip_special_tokens=False)
    if decoded != text:
        out["decoded"] = decoded
    if special != ids:
        out["special_ids"] = special
    return out


def random_texts(n):
    draw = random.Random(1)
    letters = list("aab  cthe  \n\t\r.,!'sStTKk0123456789-_()<>/|\u00e9") + list("K\u017f\u4e16\u00bd\u2167\u00a0\u0301\U0001f600")
    return ["".join(draw.choice(letters) for _ in range(draw.randint(1, 60))) for _ in range(n)]


def main():
    tiny = json.loads((TESTS / "tiny" / "tokenizer.json").read_text())
    hf = Tokenizer.from_str(json.dumps(tiny))
    rows = [row(hf, text) for text in TEXTS + random_texts(100)]
    (TESTS / "tiny" / "golden.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))

    # The pipelines' model: the first 120 merges are enough to tell pieces apart.
    merges = tiny["model"]["merges"][:120]
    fixed = len(tiny["added_tokens"]) + 256
    vocab = {t: i for t, i in tiny["model"]["vocab"].items() if i < fixed + len(merges)}
    small = with_changes(tiny, {"model": {"vocab": vocab, "merges": merges}})
    with open(TESTS / "pipelines.jsonl", "w") as out:
        out.write(json.dumps({"made_by": f"tokenizers {__version__}", "tokenizer": small}) + "\n")
        for name, changes in pipelines(small):
            hf = Tokenizer.from_str(json.dumps(with_changes(small, changes)))
            texts = TEXTS[3:10] + TEXTS[-3:] if "pattern " in name or "string " in name or "inverted" in name else TEXTS
            rows = [row(hf, text) for text in texts]
            out.write(json.dumps({"name": name, "changes": changes, "rows": rows}) + "\n")


main()
