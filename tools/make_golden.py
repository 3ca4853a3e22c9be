#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Golden numbers for a model folder, from PyTorch and transformers: a second source that shares no line with r1.

    python3 -m venv venv && venv/bin/pip install torch transformers safetensors
    venv/bin/python tools/make_golden.py make OUT            # random models and all goldens, as tests/fixtures has them
    venv/bin/python tools/make_golden.py model DIR           # DIR/golden.safetensors for the model in DIR
    venv/bin/python tools/make_golden.py grpo  DIR OUT       # OUT/golden.{json,safetensors} on the model in DIR
    venv/bin/python tools/make_golden.py sft   DIR OUT       # OUT/golden.safetensors on the model in DIR
    venv/bin/python tools/make_golden.py reward DIR OUT      # the same of a reward model on the decoder in DIR
    venv/bin/python tools/make_golden.py check GOLDENS       # recomputes tests/fixtures-like goldens from their own inputs

Nothing of the build or the tests runs this: the tests read what tests/fixtures carries. All arithmetic is f32 on one thread
(eager attention), so that the numbers differ from a right implementation only by the order of its sums. `check` takes ids,
rewards and log-probabilities from the goldens that are there, computes everything else again and prints the largest
difference of each kind; it exits with 1 if one is past the tolerance that tests/fixtures/README.md names.
"""
import json
import os
import re
import sys

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM
from transformers import Qwen3Config, Qwen3ForCausalLM

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

SIZES = dict(
    vocab_size=320,
    hidden_size=64,
    intermediate_size=176,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    bos_token_id=0,
    eos_token_id=1,
    pad_token_id=2,
)
GRPO = dict(group_size=4, advantage_eps=1e-4, clip_low=0.2, clip_high=0.2, beta=0.04)
ADAMW = dict(lr=1e-3, beta1=0.9, beta2=0.95, eps=1e-8, weight_decay=0.1, max_grad_norm=0.5)


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def random_model(folder, kind, seed):
    """A model whose norms and biases are not the ones and zeros they begin as, so that a mistake in them shows."""
    torch.manual_seed(seed)
    if kind == "qwen2":
        config = Qwen2Config(
            **SIZES, max_position_embeddings=512, rope_parameters={"rope_type": "default", "rope_theta": 1e6},
            tie_word_embeddings=True, rms_norm_eps=1e-6,
        )
        model = Qwen2ForCausalLM(config)
    elif kind == "qwen3":
        config = Qwen3Config(
            **SIZES, head_dim=32, max_position_embeddings=512, tie_word_embeddings=True, rms_norm_eps=1e-6,
            rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        )
        model = Qwen3ForCausalLM(config)
    else:
        rope = {
            "rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        }
        config = LlamaConfig(
            **SIZES, max_position_embeddings=1024, rope_parameters=rope, tie_word_embeddings=False, rms_norm_eps=1e-5
        )
        model = LlamaForCausalLM(config)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith("norm.weight"):
                p.add_(0.1 * torch.randn_like(p))
            elif name.endswith(".bias"):
                p.add_(0.1 * torch.randn_like(p))
            else:
                p.add_(0.06 * torch.randn_like(p))
    model.save_pretrained(folder, max_shard_size="350KB" if kind == "llama" else "5GB")


def logprobs_of(logits, ids):
    """log-probability of each token but the first, under the logits of the position before it."""
    return torch.log_softmax(logits[:-1], -1).gather(-1, ids[1:].long()[:, None])[:, 0]


def forward(model, ids):
    return model(ids.long()[None]).logits[0]


def gradients(model, prefix):
    grads = {}
    for name, p in model.named_parameters():
        grads[prefix + name] = p.grad.detach().clone().contiguous()
    model.zero_grad(set_to_none=True)
    return grads


def greedy(model, prompt, max_tokens, margin=1e-3):
    """The whole sequence is computed anew for each token; stops where the two best logits are too close to call."""
    ids = prompt.tolist()
    for _ in range(max_tokens):
        best = forward(model, torch.tensor(ids))[-1].topk(2)
        if best.values[0] - best.values[1] < margin:
            break
        ids.append(int(best.indices[0]))
    return torch.tensor(ids[len(prompt) :], dtype=torch.int32)


# ---- one model: logits, loss, gradients, greedy ids ----


def model_golden(model, sequences, prompt, n_greedy):
    golden, total, n = {}, 0.0, 0
    for i, ids in enumerate(sequences):
        logits = forward(model, ids)
        logprobs = logprobs_of(logits, ids)
        total, n = total - logprobs.sum(), n + len(logprobs)
        golden[f"seq{i}.ids"] = ids
        golden[f"seq{i}.logits"] = logits.detach()
        golden[f"seq{i}.logprobs"] = logprobs.detach()
    loss = total / n
    loss.backward()
    golden["loss"] = loss.detach()[None]
    golden.update(gradients(model, "grad."))
    with torch.no_grad():
        golden["greedy.prompt"], golden["greedy.ids"] = prompt, greedy(model, prompt, n_greedy)
    return golden


# ---- GRPO on one batch, and two optimiser steps ----


def group_advantages(rewards):
    """(reward - mean) / (std + eps) within each group; the std divides by G."""
    groups = rewards.view(-1, GRPO["group_size"])
    mean, std = groups.mean(1, keepdim=True), groups.std(1, correction=0, keepdim=True)
    return ((groups - mean) / (std + GRPO["advantage_eps"])).flatten()


def completion_logprobs(model, prompt, completion):
    ids = torch.cat([prompt, completion])
    return logprobs_of(forward(model, ids), ids)[len(prompt) - 1 :]


def grpo_golden(model, prompts, completions, old, ref, rewards):
    """DeepSeekMath's loss: the mean over completions of the mean over tokens of
    min(ratio A, clip(ratio) A) - beta (exp(ref - cur) - (ref - cur) - 1), negated."""
    golden = {"rewards": rewards, "advantages": group_advantages(rewards)}
    loss = 0.0
    for i, completion in enumerate(completions):
        prompt, advantage = prompts[i // GRPO["group_size"]], golden["advantages"][i]
        current = completion_logprobs(model, prompt, completion)
        ratio = torch.exp(current - old[i])
        clipped = ratio.clamp(1 - GRPO["clip_low"], 1 + GRPO["clip_high"])
        kl = torch.exp(ref[i] - current) - (ref[i] - current) - 1
        token = torch.minimum(ratio * advantage, clipped * advantage) - GRPO["beta"] * kl
        loss = loss - token.mean() / len(completions)
        golden[f"completion{i}.ids"], golden[f"completion{i}.logprobs"] = completion, current.detach()
        golden[f"completion{i}.old_logprobs"], golden[f"completion{i}.ref_logprobs"] = old[i], ref[i]
    for i, prompt in enumerate(prompts):
        golden[f"prompt{i}.ids"] = prompt
    loss.backward()
    golden["grpo.loss"] = loss.detach()[None]
    golden.update(gradients(model, "grpo.grad."))
    golden.update(adamw_golden(model, golden))
    return golden


def adamw_golden(model, golden):
    """The weights after one and two steps from the same gradient, clipped by the global norm; matrices decay alone."""
    parameters = dict(model.named_parameters())
    start = {name: p.detach().clone() for name, p in parameters.items()}
    decayed = [p for p in parameters.values() if p.dim() == 2]
    plain = [p for p in parameters.values() if p.dim() != 2]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": ADAMW["weight_decay"]}, {"params": plain, "weight_decay": 0.0}],
        lr=ADAMW["lr"], betas=(ADAMW["beta1"], ADAMW["beta2"]), eps=ADAMW["eps"], foreach=False,
    )
    out = {}
    for step in (1, 2):
        for name, p in parameters.items():
            p.grad = golden["grpo.grad." + name].clone()
        norm = torch.nn.utils.clip_grad_norm_(list(parameters.values()), ADAMW["max_grad_norm"])
        out["grad_norm"] = norm.detach()[None].float()
        optimiser.step()
        out.update({f"adamw.step{step}.{name}": p.detach().clone() for name, p in parameters.items()})
    model.zero_grad(set_to_none=True)
    with torch.no_grad():
        for name, p in parameters.items():
            p.copy_(start[name])
    return out


# ---- SFT: packed mean over the tokens that follow the prompts ----


def sft_golden(model, sequences, prompt_lengths):
    golden, total, n = {}, 0.0, 0
    for i, (ids, length) in enumerate(zip(sequences, prompt_lengths)):
        trained = logprobs_of(forward(model, ids), ids)[length - 1 :]
        total, n = total - trained.sum(), n + len(trained)
        golden[f"seq{i}.ids"] = ids
        golden[f"seq{i}.prompt_length"] = torch.tensor([length], dtype=torch.int32)
    loss = total / n
    loss.backward()
    golden["loss"] = loss.detach()[None]
    golden.update(gradients(model, "grad."))
    return golden


# ---- reward model: Bradley-Terry over pairs, a linear head on the last token's final hidden state ----


def reward_golden(model, pairs, head):
    golden, loss = {"head.weight": head.detach()}, 0.0
    head = head.detach().clone().requires_grad_()
    for i, pair in enumerate(pairs):
        scores = {}
        for side, ids in zip(("chosen", "rejected"), pair):
            scores[side] = model.model(ids.long()[None]).last_hidden_state[0, -1] @ head
            golden[f"pair{i}.{side}.ids"], golden[f"pair{i}.{side}.score"] = ids, scores[side].detach()[None]
        loss = loss - torch.nn.functional.logsigmoid(scores["chosen"] - scores["rejected"]) / len(pairs)
    loss.backward()
    golden["loss"] = loss.detach()[None]
    golden.update(gradients(model, "grad."))
    golden["grad.head.weight"] = head.grad
    return golden


# ---- commands ----


def random_ids(n, generator):
    return torch.randint(3, SIZES["vocab_size"], (n,), generator=generator, dtype=torch.int32)


def save(golden, folder):
    os.makedirs(folder, exist_ok=True)
    save_file({name: t.contiguous() for name, t in golden.items()}, os.path.join(folder, "golden.safetensors"))


def make_model(folder):
    g = torch.Generator().manual_seed(1)
    sequences = [random_ids(n, g) for n in (17, 40, 150)]
    save(model_golden(load(folder), sequences, random_ids(12, g), 32), folder)


def make_grpo(folder, out):
    """Old and reference log-probabilities are those of the model, moved: a third of the ratios then stands outside the clip."""
    g = torch.Generator().manual_seed(2)
    model = load(folder)
    prompts = [random_ids(n, g) for n in (11, 6)]
    completions = [random_ids(n, g) for n in (5, 9, 3, 12, 7, 7, 1, 10)]
    old, ref = [], []
    with torch.no_grad():
        for i, completion in enumerate(completions):
            current = completion_logprobs(model, prompts[i // GRPO["group_size"]], completion)
            old.append(current + 0.2 * torch.randn(len(current), generator=g))
            ref.append(current + 0.3 * torch.randn(len(current), generator=g))
    rewards = torch.tensor([1.0, 0.0, 0.5, 1.5, 0.0, 1.0, 0.0, 0.25])
    save(grpo_golden(model, prompts, completions, old, ref, rewards), out)
    settings = dict(
        group_size=GRPO["group_size"], advantage_eps=GRPO["advantage_eps"], std="population (divide by G)",
        kl="k3, per token: exp(ref-cur) - (ref-cur) - 1",
        variants={"grpo": dict(
            clip_low=GRPO["clip_low"], clip_high=GRPO["clip_high"], beta=GRPO["beta"],
            loss="mean over completions of (mean over tokens)",
        )},
        adamw=dict(ADAMW, decayed="tensors with two dimensions only"),
    )
    with open(os.path.join(out, "golden.json"), "w") as f:
        json.dump(settings, f, indent=1)


def make_sft(folder, out):
    g = torch.Generator().manual_seed(3)
    sequences = [random_ids(n, g) for n in (19, 28, 16)]
    save(sft_golden(load(folder), sequences, [7, 12, 4]), out)


def make_reward(folder, out):
    g = torch.Generator().manual_seed(4)
    pairs = [[random_ids(n, g) for n in lengths] for lengths in ((5, 10), (14, 9), (8, 8))]
    head = 0.1 * torch.randn(SIZES["hidden_size"], generator=g)
    save(reward_golden(load(folder), pairs, head), out)


def make_all(out):
    random_model(f"{out}/models/qwen2-tied", "qwen2", 11)
    random_model(f"{out}/models/llama31", "llama", 12)
    random_model(f"{out}/models/qwen3", "qwen3", 13)
    make_model(f"{out}/models/qwen2-tied")
    make_model(f"{out}/models/llama31")
    make_model(f"{out}/models/qwen3")
    make_grpo(f"{out}/models/qwen2-tied", f"{out}/grpo")
    make_sft(f"{out}/models/qwen2-tied", f"{out}/sft")
    make_reward(f"{out}/models/qwen2-tied", f"{out}/reward_model")


# Tolerance and whether it is relative to the largest golden entry, by what a name ends in or begins with.
def limit_of(name, golden):
    if ".grad." in name or name.startswith("grad."):
        return 1e-3 * max(float(golden.abs().max()), 1e-6)
    if name == "grad_norm":
        return 1e-5 * float(golden.abs().max())
    if name.startswith("adamw."):
        return 1e-6
    if name.endswith(".logits"):
        return 2e-4
    if name.endswith("logprobs") or name.endswith(".score"):
        return 1e-4
    return 1e-5 if golden.is_floating_point() else 0.0


def compare(what, golden, again):
    worst, ok = {}, True
    for name in sorted(golden):
        if name not in again:
            continue
        error = float((golden[name].double() - again[name].double()).abs().max()) if golden[name].numel() else 0.0
        ok = ok and golden[name].shape == again[name].shape and error <= limit_of(name, golden[name])
        kind = re.sub(r"\d+", "I", name.split("model.")[0].rstrip("."))
        worst[kind] = max(worst.get(kind, 0.0), error)
    for kind, error in worst.items():
        print(f"{what} {kind}: {error:.2e}")
    return ok


def check_model(folder):
    golden = load_file(f"{folder}/golden.safetensors")
    n = len([name for name in golden if name.startswith("seq") and name.endswith(".ids")])
    sequences = [golden[f"seq{i}.ids"] for i in range(n)]
    again = model_golden(load(folder), sequences, golden["greedy.prompt"], len(golden["greedy.ids"]))
    return compare(os.path.basename(folder), golden, again)


def check(goldens):
    ok = check_model(f"{goldens}/qwen2-tied") & check_model(f"{goldens}/llama31") & check_model(f"{goldens}/qwen3")
    model, golden = load(f"{goldens}/qwen2-tied"), load_file(f"{goldens}/grpo/golden.safetensors")
    each = [{k: golden[f"completion{i}.{k}"] for k in ("ids", "old_logprobs", "ref_logprobs")} for i in range(8)]
    again = grpo_golden(
        model, [golden["prompt0.ids"], golden["prompt1.ids"]], [c["ids"] for c in each],
        [c["old_logprobs"] for c in each], [c["ref_logprobs"] for c in each], golden["rewards"],
    )
    again.update(adamw_golden(model, golden))  # fed the golden gradients: a tiny entry of one's own may change its sign
    ok &= compare("grpo", golden, again)
    golden = load_file(f"{goldens}/sft/golden.safetensors")
    lengths = [int(golden[f"seq{i}.prompt_length"][0]) for i in range(3)]
    ok &= compare("sft", golden, sft_golden(model, [golden[f"seq{i}.ids"] for i in range(3)], lengths))
    golden = load_file(f"{goldens}/reward_model/golden.safetensors")
    pairs = [[golden[f"pair{i}.{side}.ids"] for side in ("chosen", "rejected")] for i in range(3)]
    ok &= compare("reward model", golden, reward_golden(model, pairs, golden["head.weight"]))
    return ok


def main():
    command, arguments = (sys.argv[1] if len(sys.argv) > 1 else ""), sys.argv[2:]
    commands = {"make": make_all, "model": make_model, "grpo": make_grpo, "sft": make_sft}
    commands["reward"] = make_reward
    if command in commands:
        commands[command](*arguments)
    elif command == "check":
        sys.exit(0 if check(*arguments) else 1)
    else:
        sys.exit(__doc__)


main()
