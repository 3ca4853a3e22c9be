#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A small DeepSeek-V3 with modules that predict further tokens, and golden numbers of it.

    python3 -m venv venv && venv/bin/pip install numpy safetensors
    venv/bin/python tools/mtp_golden.py make tests/fixtures/deepseek-v3-mtp   # model and golden.safetensors
    venv/bin/python tools/mtp_golden.py check tests/fixtures/deepseek-v3      # this file's own model against transformers' numbers

transformers has no such modules, so the model is written down here a second time, in numpy and f64, from the report (arXiv
2412.19437, 2.1 and 2.2) and the published tensor names: latent attention in its expanded form, every expert a loop. `check` holds
what stands before the modules against logits that transformers gave; the modules add one projection and two norms around a block
of the same kind. Golden: seqI.ids [T], seqI.logits [T, V], and seqI.mtpK.logits [T - K - 1, V] of module K = 0, 1: row t says what
token t + K + 2 will be.
"""
import json
import math
import sys

import numpy as np
from safetensors.numpy import load_file, save_file

CONFIG = dict(
    architectures=["DeepseekV3ForCausalLM"], model_type="deepseek_v3", hidden_size=32, intermediate_size=48,
    num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=3, vocab_size=96, max_position_embeddings=256,
    q_lora_rank=20, kv_lora_rank=16, qk_nope_head_dim=12, qk_rope_head_dim=8, v_head_dim=10, n_routed_experts=8,
    n_shared_experts=1, num_experts_per_tok=3, moe_intermediate_size=20, first_k_dense_replace=1, n_group=4, topk_group=2,
    norm_topk_prob=True, routed_scaling_factor=2.5, scoring_func="sigmoid", topk_method="noaux_tc", rms_norm_eps=1e-6,
    rope_theta=10000.0, rope_interleave=True, attention_bias=False, tie_word_embeddings=False, hidden_act="silu",
    bos_token_id=0, eos_token_id=1, pad_token_id=2, moe_layer_freq=1, num_nextn_predict_layers=2, torch_dtype="float32",
    rope_scaling=dict(type="yarn", factor=8.0, original_max_position_embeddings=32, beta_fast=32, beta_slow=1, mscale=1.0,
                      mscale_all_dim=1.0),
)


def norm(x, w, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * w


def frequencies(c):
    """YaRN's: fast channels keep theirs, slow ones are stretched, a ramp between."""
    P, s = c["qk_rope_head_dim"], c.get("rope_scaling")
    f = c["rope_theta"] ** (-np.arange(0, P, 2) / P)
    if not s:
        return f
    turns = lambda beta: P * math.log(s["original_max_position_embeddings"] / (beta * 2 * math.pi)) / (2 * math.log(c["rope_theta"]))
    low, high = max(math.floor(turns(s["beta_fast"])), 0), min(math.ceil(turns(s["beta_slow"])), P - 1)
    ramp = np.clip((np.arange(P // 2) - low) / max(high - low, 0.001), 0, 1)
    return f * (1 - ramp) + f / s["factor"] * ramp


def rotate(x, f):
    """x [T, ..., P]: pairs (2i, 2i + 1) turned by position * f_i."""
    angle = np.arange(x.shape[0]).reshape(-1, *[1] * (x.ndim - 1)) * f
    a, b = x[..., 0::2], x[..., 1::2]
    out = np.empty_like(x)
    out[..., 0::2] = a * np.cos(angle) - b * np.sin(angle)
    out[..., 1::2] = b * np.cos(angle) + a * np.sin(angle)
    return out


def attention(c, w, p, x):
    T, H, N, P, V, R = (x.shape[0], c["num_attention_heads"], c["qk_nope_head_dim"], c["qk_rope_head_dim"], c["v_head_dim"],
                        c["kv_lora_rank"])
    eps, f, s = c["rms_norm_eps"], frequencies(c), c.get("rope_scaling")
    q = norm(x @ w[p + "q_a_proj.weight"].T, w[p + "q_a_layernorm.weight"], eps) @ w[p + "q_b_proj.weight"].T
    q = q.reshape(T, H, N + P)
    kv = x @ w[p + "kv_a_proj_with_mqa.weight"].T
    k_rope = rotate(kv[:, R:], f)
    kv = (norm(kv[:, :R], w[p + "kv_a_layernorm.weight"], eps) @ w[p + "kv_b_proj.weight"].T).reshape(T, H, N + V)
    m = 0.1 * s["mscale_all_dim"] * math.log(s["factor"]) + 1 if s and s.get("mscale_all_dim") else 1.0
    scores = np.einsum("thn,shn->hts", q[..., :N], kv[..., :N]) + np.einsum("thp,sp->hts", rotate(q[..., N:], f), k_rope)
    scores = scores * (N + P) ** -0.5 * m * m + np.triu(np.full((T, T), -np.inf), 1)
    probs = np.exp(scores - scores.max(-1, keepdims=True))
    probs /= probs.sum(-1, keepdims=True)
    return np.einsum("hts,shv->thv", probs, kv[..., N:]).reshape(T, H * V) @ w[p + "o_proj.weight"].T


def mlp(w, p, x):
    gate = x @ w[p + "gate_proj.weight"].T
    return (gate / (1 + np.exp(-gate)) * (x @ w[p + "up_proj.weight"].T)) @ w[p + "down_proj.weight"].T


def experts(c, w, p, x):
    out = mlp(w, p + "shared_experts.", x)
    E, G, k = c["n_routed_experts"], c["n_group"], c["num_experts_per_tok"]
    for t in range(x.shape[0]):
        s = 1 / (1 + np.exp(-(w[p + "gate.weight"] @ x[t])))
        choice = s + w[p + "gate.e_score_correction_bias"]
        groups = np.sort(choice.reshape(G, E // G), -1)[:, -2:].sum(-1)
        kept = np.zeros(G, bool)
        kept[np.argsort(-groups, kind="stable")[: c["topk_group"]]] = True
        choice = np.where(np.repeat(kept, E // G), choice, -np.inf)
        chosen = np.argsort(-choice, kind="stable")[:k]
        weights = s[chosen] / (s[chosen].sum() + 1e-20) * c["routed_scaling_factor"]
        for e, weight in zip(chosen, weights):
            out[t] += weight * mlp(w, f"{p}experts.{e}.", x[t : t + 1])[0]
    return out


def block(c, w, l, x):
    p, eps = f"model.layers.{l}.", c["rms_norm_eps"]
    x = x + attention(c, w, p + "self_attn.", norm(x, w[p + "input_layernorm.weight"], eps))
    y = norm(x, w[p + "post_attention_layernorm.weight"], eps)
    return x + (experts(c, w, p + "mlp.", y) if l >= c["first_k_dense_replace"] else mlp(w, p + "mlp.", y))


def forward(c, w, ids, n_modules):
    """Logits of the model, and of each module."""
    eps, L = c["rms_norm_eps"], c["num_hidden_layers"]
    table, head = w["model.embed_tokens.weight"], w["lm_head.weight"]
    x = table[ids]
    for l in range(L):
        x = block(c, w, l, x)
    h = norm(x, w["model.norm.weight"], eps)
    logits, modules = h @ head.T, []
    for k in range(n_modules):
        p, n = f"model.layers.{L + k}.", len(ids) - k - 1
        joined = np.concatenate([norm(table[ids[k + 1 :]], w[p + "enorm.weight"], eps), norm(h[:n], w[p + "hnorm.weight"], eps)], -1)
        h = block(c, w, L + k, joined @ w[p + "eh_proj.weight"].T)
        modules.append(norm(h, w[p + "shared_head.norm.weight"], eps) @ head.T)
    return logits, modules


def block_shapes(c, l):
    p, D, H, N, P, V, R, Q = (f"model.layers.{l}.", c["hidden_size"], c["num_attention_heads"], c["qk_nope_head_dim"],
                              c["qk_rope_head_dim"], c["v_head_dim"], c["kv_lora_rank"], c["q_lora_rank"])
    shapes = {"input_layernorm": [D], "post_attention_layernorm": [D], "self_attn.q_a_proj": [Q, D], "self_attn.q_a_layernorm": [Q],
              "self_attn.q_b_proj": [H * (N + P), Q], "self_attn.kv_a_proj_with_mqa": [R + P, D],
              "self_attn.kv_a_layernorm": [R], "self_attn.kv_b_proj": [H * (N + V), R], "self_attn.o_proj": [D, H * V]}
    if l < c["first_k_dense_replace"]:
        parts = {"mlp": c["intermediate_size"]}
    else:
        parts = {f"mlp.experts.{e}": c["moe_intermediate_size"] for e in range(c["n_routed_experts"])}
        parts["mlp.shared_experts"] = c["moe_intermediate_size"] * c["n_shared_experts"]
        shapes["mlp.gate"] = [c["n_routed_experts"], D]
    for part, F in parts.items():
        shapes |= {f"{part}.gate_proj": [F, D], f"{part}.up_proj": [F, D], f"{part}.down_proj": [D, F]}
    return {f"{p}{name}.weight": shape for name, shape in shapes.items()}


def random_weights(c, rng):
    D, V, L, M = c["hidden_size"], c["vocab_size"], c["num_hidden_layers"], c["num_nextn_predict_layers"]
    shapes = {"model.embed_tokens.weight": [V, D], "lm_head.weight": [V, D], "model.norm.weight": [D]}
    for l in range(L + M):
        shapes |= block_shapes(c, l)
    for l in range(L, L + M):
        p = f"model.layers.{l}."
        shapes |= {p + "enorm.weight": [D], p + "hnorm.weight": [D], p + "eh_proj.weight": [D, 2 * D], p + "shared_head.norm.weight": [D]}
    w = {}
    for name in sorted(shapes):
        shape = shapes[name]
        if len(shape) == 1:  # around the ones that norms begin as, so that a mistake in them shows
            w[name] = 1 + 0.2 * rng.standard_normal(shape)
        else:
            w[name] = rng.standard_normal(shape) * 1.2 / math.sqrt(shape[1])
    for l in range(c["first_k_dense_replace"], L + M):
        w[f"model.layers.{l}.mlp.gate.e_score_correction_bias"] = 0.1 * rng.standard_normal(c["n_routed_experts"])
    w = {name: x.astype(np.float32) for name, x in w.items()}
    for l in range(L, L + M):  # files hold a copy of what is shared
        w[f"model.layers.{l}.embed_tokens.weight"] = w["model.embed_tokens.weight"].copy()
        w[f"model.layers.{l}.shared_head.head.weight"] = w["lm_head.weight"].copy()
    return w


def doubles(w):
    return {name: x.astype(np.float64) for name, x in w.items()}


def make(out):
    rng = np.random.default_rng(5)
    w = random_weights(CONFIG, rng)
    golden = {}
    for i, n in enumerate([23, 3, 40]):
        ids = rng.integers(0, CONFIG["vocab_size"], n)
        logits, modules = forward(CONFIG, doubles(w), ids, CONFIG["num_nextn_predict_layers"])
        golden |= {f"seq{i}.ids": ids.astype(np.int32), f"seq{i}.logits": logits.astype(np.float32)}
        golden |= {f"seq{i}.mtp{k}.logits": m.astype(np.float32) for k, m in enumerate(modules)}
    save_file(w, f"{out}/model.safetensors", metadata={"format": "pt"})
    save_file(golden, f"{out}/golden.safetensors", metadata={"format": "pt"})
    with open(f"{out}/config.json", "w") as f:
        json.dump(CONFIG, f, indent=1, sort_keys=True)


def check(folder):
    with open(f"{folder}/config.json") as f:
        c = json.load(f)
    w, golden = doubles(load_file(f"{folder}/model.safetensors")), load_file(f"{folder}/golden.safetensors")
    worst, i = 0.0, 0
    while f"seq{i}.ids" in golden:
        logits, _ = forward(c, w, golden[f"seq{i}.ids"], 0)
        worst, i = max(worst, np.abs(logits - golden[f"seq{i}.logits"]).max()), i + 1
    print(f"{i} sequences, largest difference of a logit {worst:.3g}")
    return i > 0 and worst <= 2e-4


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("make", "check"):
        sys.exit(__doc__)
    sys.exit(make(sys.argv[2]) if sys.argv[1] == "make" else not check(sys.argv[2]))
