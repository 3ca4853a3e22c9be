#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a Hugging Face folder of random bf16 weights in the true widths of a published model, to measure what it takes.

    tools/make_wide.py deepseek-v3 /tmp/deepseek-wide     one dense layer, one of 8 experts: 3.0e9 parameters, 6.0 GB
    tools/make_wide.py qwen2.5-math-1.5b /tmp/qwen-wide   all 28 layers: 1.5e9 parameters, 3.1 GB

A weight is a random sign and a magnitude log-uniform over two octaves around 1 / sqrt(inputs), so activations stay in range; norms
are 1, biases 0. Needs Python 3.9 and nothing else; the same bytes every time. A tokenizer is the caller's to add
(`r1 tokenize --train`)."""
import json
import math
import os
import random
import struct
import sys

CHUNK = 1 << 22
ONE = struct.pack("<H", 0x3F80)

DEEPSEEK = {
    "architectures": ["DeepseekV3ForCausalLM"], "attention_bias": False, "bos_token_id": 0, "eos_token_id": 1,
    "first_k_dense_replace": 1, "hidden_act": "silu", "hidden_size": 7168, "intermediate_size": 18432, "kv_lora_rank": 512,
    "max_position_embeddings": 163840, "model_type": "deepseek_v3", "moe_intermediate_size": 2048, "moe_layer_freq": 1,
    "n_group": 4, "n_routed_experts": 8, "n_shared_experts": 1, "norm_topk_prob": True, "num_attention_heads": 128,
    "num_experts_per_tok": 4, "num_hidden_layers": 2, "num_key_value_heads": 128, "num_nextn_predict_layers": 0,
    "q_lora_rank": 1536, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "rms_norm_eps": 1e-06,
    "rope_scaling": {"beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 1.0, "mscale_all_dim": 1.0,
                     "original_max_position_embeddings": 4096, "type": "yarn"},
    "rope_theta": 10000, "routed_scaling_factor": 2.5, "scoring_func": "sigmoid", "tie_word_embeddings": False,
    "topk_group": 2, "topk_method": "noaux_tc", "torch_dtype": "bfloat16", "v_head_dim": 128, "vocab_size": 129280,
}  # fmt: skip
QWEN = {
    "architectures": ["Qwen2ForCausalLM"], "bos_token_id": 0, "eos_token_id": 1, "hidden_act": "silu",
    "hidden_size": 1536, "intermediate_size": 8960, "max_position_embeddings": 4096, "model_type": "qwen2",
    "num_attention_heads": 12, "num_hidden_layers": 28, "num_key_value_heads": 2, "rms_norm_eps": 1e-06,
    "rope_theta": 10000.0, "tie_word_embeddings": True, "torch_dtype": "bfloat16", "vocab_size": 151936,
}  # fmt: skip


def mlp(prefix, D, F):
    return [(f"{prefix}.gate_proj.weight", [F, D]), (f"{prefix}.up_proj.weight", [F, D]), (f"{prefix}.down_proj.weight", [D, F])]


def deepseek(c):
    D, H, Q, R = c["hidden_size"], c["num_attention_heads"], c["q_lora_rank"], c["kv_lora_rank"]
    N, P, W, F = c["qk_nope_head_dim"], c["qk_rope_head_dim"], c["v_head_dim"], c["moe_intermediate_size"]
    for i in range(c["num_hidden_layers"]):
        layer = f"model.layers.{i}"
        a = layer + ".self_attn"
        yield from [
            (layer + ".input_layernorm.weight", [D]), (layer + ".post_attention_layernorm.weight", [D]),
            (a + ".q_a_proj.weight", [Q, D]), (a + ".q_a_layernorm.weight", [Q]), (a + ".q_b_proj.weight", [H * (N + P), Q]),
            (a + ".kv_a_proj_with_mqa.weight", [R + P, D]), (a + ".kv_a_layernorm.weight", [R]),
            (a + ".kv_b_proj.weight", [H * (N + W), R]), (a + ".o_proj.weight", [D, H * W]),
        ]  # fmt: skip
        if i < c["first_k_dense_replace"]:
            yield from mlp(layer + ".mlp", D, c["intermediate_size"])
            continue
        yield (layer + ".mlp.gate.weight", [c["n_routed_experts"], D])
        yield (layer + ".mlp.gate.e_score_correction_bias", [c["n_routed_experts"]])
        yield from mlp(layer + ".mlp.shared_experts", D, c["n_shared_experts"] * F)
        for e in range(c["n_routed_experts"]):
            yield from mlp(f"{layer}.mlp.experts.{e}", D, F)


def qwen(c):
    D, H, K = c["hidden_size"], c["num_attention_heads"], c["num_key_value_heads"]
    C = D // H
    for i in range(c["num_hidden_layers"]):
        layer = f"model.layers.{i}"
        yield (layer + ".input_layernorm.weight", [D])
        yield (layer + ".post_attention_layernorm.weight", [D])
        for name, size in (("q", H * C), ("k", K * C), ("v", K * C)):
            yield (f"{layer}.self_attn.{name}_proj.weight", [size, D])
            yield (f"{layer}.self_attn.{name}_proj.bias", [size])
        yield (layer + ".self_attn.o_proj.weight", [D, H * C])
        yield from mlp(layer + ".mlp", D, c["intermediate_size"])


def write_matrix(out, rng, n, columns):
    # The high byte of a bf16 is the sign and all but the last bit of the exponent; that bit and the fraction are drawn.
    half_exponent = (127 - round(math.log2(columns) / 2)) // 2
    signs = bytes((b & 0x80) | half_exponent for b in range(256))
    for first in range(0, n, CHUNK):
        count = min(CHUNK, n - first)
        chunk = bytearray(2 * count)
        chunk[0::2] = rng.randbytes(count)
        chunk[1::2] = rng.randbytes(count).translate(signs)
        out.write(chunk)


def main():
    shapes = {"deepseek-v3": (DEEPSEEK, deepseek), "qwen2.5-math-1.5b": (QWEN, qwen)}
    if len(sys.argv) != 3 or sys.argv[1] not in shapes:
        sys.exit(__doc__)
    config, layers = shapes[sys.argv[1]]
    os.makedirs(sys.argv[2], exist_ok=True)
    with open(os.path.join(sys.argv[2], "config.json"), "w") as f:
        json.dump(config, f, indent=1)
    D, V = config["hidden_size"], config["vocab_size"]
    tensors = [("model.embed_tokens.weight", [V, D]), ("model.norm.weight", [D]), *layers(config)]
    if not config["tie_word_embeddings"]:
        tensors.append(("lm_head.weight", [V, D]))
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in tensors:
        end = at + 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    rng = random.Random(1)
    with open(os.path.join(sys.argv[2], "model.safetensors"), "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for name, shape in tensors:
            if len(shape) == 2:
                write_matrix(out, rng, math.prod(shape), shape[1])
            else:
                out.write((ONE if name.endswith("norm.weight") else bytes(2)) * shape[0])
    print(f"{at // 2} parameters in {sys.argv[2]}")


main()
