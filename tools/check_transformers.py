#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""r1 and transformers read each other's model folders and find the same log-probabilities in them.

    python3 -m venv venv && venv/bin/pip install torch transformers safetensors peft
    venv/bin/python tools/check_transformers.py build/release/r1

Ours: a few steps of `r1 pretrain` in every architecture; transformers must load RUN/model without a missing or unexpected
tensor, its tokenizer must read tokenizer.json as r1 does, and its log-probabilities must be those of `r1 score` within 1e-4.
Theirs: random models saved by transformers in f32, f16 and bf16, in one file and in shards; `r1 score` must agree as well.
Adapters: PEFT must read what `r1 grpo` with lora.rank writes, and r1 what PEFT writes, with the same numbers; `r1 merge` too.
Nothing of the build or of `make test` runs this.
"""
import json
import os
import subprocess
import sys
import tempfile

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

ARCHS = ["qwen2", "llama", "qwen3", "mistral"]
LIMIT = 1e-4
TEXT = "Compute 12 + 7 * 3, then say it again: \u00e9\u4e2d."
failures = []


def r1(program, *arguments, text=None):
    return subprocess.run([program, *arguments], input=text, capture_output=True, text=True, check=True).stdout


def load(folder):
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    wrong = {k: sorted(v) for k, v in info.items() if v}
    if wrong:
        failures.append(f"{folder}: {wrong}")
    return model.eval()


def compare(program, what, folder, model=None):
    """The largest difference between log-probabilities of 60 random tokens; `model`: what `folder` should be."""
    model = model or load(folder)
    generator = torch.Generator().manual_seed(5)
    ids = torch.randint(0, model.config.vocab_size, (60,), generator=generator)
    with torch.no_grad():
        logits = model(ids[None]).logits[0]
    theirs = torch.log_softmax(logits[:-1], -1).gather(-1, ids[1:, None])[:, 0]
    answer = r1(program, "score", "--model", folder, text=json.dumps({"ids": ids.tolist()}) + "\n")
    ours = torch.tensor(json.loads(answer)["logprobs"])
    error = float((ours - theirs).abs().max())
    print(f"{what}: {error:.1e}")
    if not error <= LIMIT:
        failures.append(f"{what}: {error}")


def compare_tokenizers(program, what, folder):
    theirs = AutoTokenizer.from_pretrained(folder).encode(TEXT, add_special_tokens=False)
    ours = json.loads(r1(program, "tokenize", "--model", folder, text=json.dumps({"text": TEXT}) + "\n"))["ids"]
    if ours != theirs:
        failures.append(f"{what}: tokenizer: {ours} is not {theirs}")


def check_ours(program, work, arch):
    out = os.path.join(work, f"ours-{arch}")
    sets = {
        "steps": 3, "shape.arch": arch, "shape.hidden_size": 48, "shape.head_dim": 20, "shape.n_heads": 4,
        "shape.n_kv_heads": 2, "shape.ffn_size": 72, "shape.n_layers": 2, "tokenizer.documents": 200, "eval.every": 0,
    }
    r1(program, "pretrain", "--out", out, "--quiet", *[x for k, v in sets.items() for x in ("--set", f"{k}={v}")])
    folder = os.path.join(out, "model")
    compare(program, f"ours, {arch}", folder)
    compare_tokenizers(program, f"ours, {arch}", folder)


def random_model(arch, dtype):
    torch.manual_seed(3)
    config = AutoConfig.for_model(
        arch, vocab_size=331, hidden_size=64, intermediate_size=90, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=False, pad_token_id=2, bos_token_id=0,
        eos_token_id=1, dtype=dtype,
    )
    if arch != "qwen2":
        config.head_dim = 24
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.add_(0.1 * torch.randn_like(p))
    return model.to(dtype)


def check_theirs(program, work, arch):
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        for shards in ("5GB", "60KB"):
            what = f"theirs, {arch}, {str(dtype)[6:]}, shards of {shards}"
            folder = os.path.join(work, what.replace(", ", "-").replace(" ", "-"))
            random_model(arch, dtype).save_pretrained(folder, max_shard_size=shards)
            compare(program, what, folder)


ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def check_adapters(program, work, arch):
    base = os.path.join(work, f"ours-{arch}", "model")
    out = os.path.join(work, f"lora-{arch}")
    sets = {
        "steps": 2, "prompts_per_step": 2, "group_size": 2, "minibatches": 1, "max_completion_tokens": 8,
        "learning_rate": 0.1, "kl_coef": 0.1, "entropy_coef": 0.1, "lora.rank": 3, "lora.targets": "q,k,o,up,down",
    }
    flags = [x for k, v in sets.items() for x in ("--set", f"{k}={v}")]
    r1(program, "grpo", "--model", base, "--out", out, "--quiet", *flags)
    ours = os.path.join(out, "model")
    compare(program, f"our adapters, {arch}", ours, PeftModel.from_pretrained(load(base), ours).eval())
    r1(program, "merge", ours, os.path.join(work, f"merged-{arch}"))
    merged = PeftModel.from_pretrained(load(base), ours).merge_and_unload().eval()
    compare(program, f"our adapters merged, {arch}", os.path.join(work, f"merged-{arch}"), merged)
    for rslora, targets in ((False, ["q_proj", "v_proj"]), (True, ALL)):
        torch.manual_seed(4)
        config = LoraConfig(
            r=5, lora_alpha=7, target_modules=targets, use_rslora=rslora, init_lora_weights=False, task_type="CAUSAL_LM"
        )
        model = get_peft_model(load(base), config).eval()
        theirs = os.path.join(work, f"peft-{arch}-{len(targets)}")
        model.save_pretrained(theirs)
        compare(program, f"their adapters, {arch}, {len(targets)} maps", theirs, model)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as work:
        for arch in ARCHS:
            check_ours(sys.argv[1], work, arch)
            check_theirs(sys.argv[1], work, arch)
            check_adapters(sys.argv[1], work, arch)
    for line in failures:
        print(line, file=sys.stderr)
    sys.exit(1 if failures else 0)


main()
