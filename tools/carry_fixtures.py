#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cuts the small fixtures under tests/fixtures out of a larger set of golden numbers.

    tools/carry_fixtures.py GOLDENS tests/fixtures

GOLDENS is a folder as tools/make_golden.py leaves it: models/NAME/ (config.json, safetensors, golden.safetensors),
grpo/ (golden.json, golden.safetensors), sft/ and reward_model/ (golden.safetensors), gguf/ (types.gguf, golden.safetensors) and chat/NAME/ (chat_template.jinja, tokens.json,
golden.jsonl). What is kept:

    qwen2-tied   everything
    qwen3        everything
    fp8          the matrix of 300 x 129 and its values; the table
    llama31      weights in two shards; of the golden: sequences 0 and 1 and the greedy ids, no gradients
    deepseek-v3  everything
    deepseek-v3-noqlora  of the golden: sequences 0 and 1 and the greedy ids, no gradients
    grpo         the grpo variant, the optimiser steps, and what they start from; the other variants are left out
    sft          everything
    reward_model everything
    gguf         everything
    smollm2      texts, ids, log-probabilities and greedy completions, as lines
    chat         everything, special tokens put into the lines, too

Needs Python 3.8 and nothing else. The same input gives the same bytes: tensors are written wider dtypes first, then by
name, the header padded with spaces to 8 bytes.
"""
import json
import os
import re
import shutil
import struct
import sys

WIDTH = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "U8": 1, "I8": 1, "BOOL": 1, "F8_E4M3": 1}


def read_safetensors(path):
    """{name: (dtype, shape, bytes)}"""
    with open(path, "rb") as f:
        (n,) = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(n))
        data = f.read()
    header.pop("__metadata__", None)
    return {
        name: (t["dtype"], t["shape"], data[t["data_offsets"][0] : t["data_offsets"][1]]) for name, t in header.items()
    }


def write_safetensors(path, tensors):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    order = sorted(tensors, key=lambda name: (-WIDTH[tensors[name][0]], name.encode()))
    for name in order:
        dtype, shape, data = tensors[name]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name in order:
            f.write(tensors[name][2])


def carry(source, target, plain, pattern, file="golden.safetensors"):
    """Copies the files `plain` as they are, and of `file` the tensors whose name matches."""
    os.makedirs(target, exist_ok=True)
    for name in plain:
        shutil.copyfile(os.path.join(source, name), os.path.join(target, name))
    tensors = read_safetensors(os.path.join(source, file))
    kept = {name: t for name, t in tensors.items() if re.fullmatch(pattern, name)}
    write_safetensors(os.path.join(target, file), kept)
    print(f"{target}/{file}: {len(kept)} of {len(tensors)} tensors")


def numbers(tensor):
    dtype, _, data = tensor
    return struct.unpack(f"<{len(data) // 4}{'i' if dtype == 'I32' else 'f'}", data)


def carry_smollm2(source, target):
    """What the real model gives, as lines that a script compares: inputs of `r1 score` and `r1 tokenize` with their answers,
    and prompts with the ids of their greedy completions."""
    os.makedirs(target, exist_ok=True)
    golden = read_safetensors(os.path.join(source, "golden.safetensors"))
    with open(os.path.join(source, "golden.json"), encoding="utf-8") as f:
        told = json.load(f)
    texts = [(text, numbers(golden[f"text{i}.ids"])) for i, text in enumerate(told["texts"])]
    with open(os.path.join(target, "score.jsonl"), "w") as f:
        for i, (_, ids) in enumerate(texts):
            logprobs = [float(f"{x:.9g}") for x in numbers(golden[f"text{i}.logprobs"])]
            f.write(json.dumps({"ids": ids}) + "\n" + json.dumps({"logprobs": logprobs}) + "\n")
    with open(os.path.join(target, "tokenize.jsonl"), "w") as f:
        for text, ids in texts + [(g["rendered"], g["prompt_ids"]) for g in told["greedy"]]:
            f.write(json.dumps({"text": text}) + "\n" + json.dumps({"ids": list(ids)}) + "\n")
    with open(os.path.join(target, "greedy.txt"), "w") as f:
        for g in told["greedy"]:
            f.write(",".join(map(str, g["prompt_ids"])) + "\n" + ", ".join(map(str, g["ids"])) + "\n")


def carry_chat(source, target):
    """Chat templates and what Jinja2 made of conversations: lines that `r1 template` reads, the text beside."""
    for name in sorted(os.listdir(source)):
        os.makedirs(os.path.join(target, name), exist_ok=True)
        shutil.copyfile(f"{source}/{name}/chat_template.jinja", f"{target}/{name}/chat_template.jinja")
        shutil.copyfile(f"{source}/{name}/tokens.json", f"{target}/{name}/tokenizer_config.json")
        with open(f"{source}/{name}/tokens.json", encoding="utf-8") as f:
            tokens = json.load(f)
        with open(f"{source}/{name}/golden.jsonl", encoding="utf-8") as f:
            rows = [json.loads(line) for line in f]
        with open(f"{target}/{name}/golden.jsonl", "w", encoding="utf-8") as f:
            for row in rows:
                f.write(json.dumps({**tokens, **row}, ensure_ascii=False) + "\n")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, target = sys.argv[1:]
    carry(f"{source}/models/qwen2-tied", f"{target}/qwen2-tied", ["config.json", "model.safetensors"], r".*")
    carry(f"{source}/models/qwen3", f"{target}/qwen3", ["config.json", "model.safetensors"], r".*")
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    carry(
        f"{source}/models/llama31",
        f"{target}/llama31",
        ["config.json", "model.safetensors.index.json"] + shards,
        r"seq[01]\..*|greedy\..*",
    )
    grpo = r"grpo\..*|adamw\..*|rewards|advantages|completion\d+\..*|prompt\d+\..*|grad_norm"
    plain = ["config.json", "model.safetensors"]
    carry(f"{source}/models/deepseek-v3", f"{target}/deepseek-v3", plain, r".*")
    carry(f"{source}/models/deepseek-v3-noqlora", f"{target}/deepseek-v3-noqlora", plain, r"seq[01]\..*|greedy\..*")
    carry(f"{source}/grpo", f"{target}/grpo", ["golden.json"], grpo)
    carry(f"{source}/fp8", f"{target}/fp8", [], r"c\..*", "quantised.safetensors")
    carry(f"{source}/fp8", f"{target}/fp8", ["e4m3_table.safetensors"], r"c\..*")
    carry(f"{source}/sft", f"{target}/sft", [], r".*")
    carry(f"{source}/reward_model", f"{target}/reward_model", [], r".*")
    carry(f"{source}/gguf", f"{target}/gguf", ["types.gguf"], r".*")
    carry_smollm2(f"{source}/smollm2", f"{target}/smollm2")
    carry_chat(f"{source}/chat", f"{target}/chat")


main()
