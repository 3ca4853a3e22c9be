#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes small GGUF files to begin fuzzing from: tests/fuzz/corpus/gguf.

    tools/make_gguf_seeds.py tests/fuzz/corpus/gguf

A whole llama and a whole qwen2 model of one layer with a tokenizer, a deepseek2 model in both published layouts, a file of one tensor a type, and cut and bent ones. Needs
Python 3.8 and nothing else; an implementation of the format apart from the program's. The same bytes every time."""
import os
import struct
import sys

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
PLAIN = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "?", U64: "Q", I64: "q", F64: "d"}
# Element types: number, elements a block, bytes a block.
TYPES = {
    "f32": (0, 1, 4), "f16": (1, 1, 2), "bf16": (30, 1, 2), "q4_0": (2, 32, 18), "q4_1": (3, 32, 20), "q5_0": (6, 32, 22),
    "q5_1": (7, 32, 24), "q8_0": (8, 32, 34), "q2_k": (10, 256, 84), "q3_k": (11, 256, 110), "q4_k": (12, 256, 144),
    "q5_k": (13, 256, 176), "q6_k": (14, 256, 210), "iq4_nl": (20, 32, 18), "iq4_xs": (23, 256, 136),
}  # fmt: skip


def text(value):
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def item(kind, value):
    return text(value) if kind == STRING else struct.pack("<" + PLAIN[kind], value)


def gguf(values, tensors, version=3):
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(values))
    for key, kind, value in values:
        out += text(key)
        if isinstance(value, list):
            out += struct.pack("<IIQ", ARRAY, kind, len(value)) + b"".join(item(kind, v) for v in value)
        else:
            out += struct.pack("<I", kind) + item(kind, value)
    data = b""
    for name, kind, shape in tensors:
        number, block, n_bytes = TYPES[kind]
        out += text(name) + struct.pack("<I", len(shape))
        out += b"".join(struct.pack("<Q", n) for n in reversed(shape))
        out += struct.pack("<IQ", number, len(data))
        n = 1
        for size in shape:
            n *= size
        # Small numbers in every type: bytes below 0x30 are finite as f16, bf16 and f32.
        data += bytes((i * 7 + len(name)) % 48 for i in range(n // block * n_bytes))
        data += bytes(-len(data) % 32)
    return out + bytes(-len(out) % 32) + data


def model(arch, bias, kind, pre):
    D, F, V = 32, 64, 40
    values = [
        ("general.architecture", STRING, arch),
        (f"{arch}.block_count", U32, 1),
        (f"{arch}.context_length", U32, 64),
        (f"{arch}.embedding_length", U32, D),
        (f"{arch}.feed_forward_length", U32, F),
        (f"{arch}.attention.head_count", U32, 4),
        (f"{arch}.attention.head_count_kv", U32, 2),
        (f"{arch}.attention.layer_norm_rms_epsilon", F32, 1e-5),
        (f"{arch}.rope.freq_base", F32, 10000.0),
        ("tokenizer.ggml.model", STRING, "gpt2"),
        ("tokenizer.ggml.pre", STRING, pre),
        ("tokenizer.ggml.tokens", STRING, ["<s>", "</s>"] + [chr(97 + i) for i in range(26)] + list("Ġ'12ĊI") + ["o'", "ab"]),
        ("tokenizer.ggml.token_type", I32, [3, 3] + [1] * 34),
        ("tokenizer.ggml.merges", STRING, ["o '", "a b"]),
        ("tokenizer.ggml.bos_token_id", U32, 0),
        ("tokenizer.ggml.eos_token_id", U32, 1),
        ("tokenizer.ggml.add_bos_token", BOOL, True),
        ("tokenizer.chat_template", STRING, "{{ messages[0].content }}"),
    ]  # fmt: skip
    tensors = [("token_embd.weight", kind, [V, D]), ("output_norm.weight", "f32", [D])]
    for name, shape in [
        ("attn_q", [D, D]), ("attn_k", [D // 2, D]), ("attn_v", [D // 2, D]), ("attn_output", [D, D]),
        ("ffn_gate", [F, D]), ("ffn_up", [F, D]), ("ffn_down", [D, F]),
    ]:  # fmt: skip
        tensors.append((f"blk.0.{name}.weight", kind, shape))
        if bias and name in ("attn_q", "attn_k", "attn_v"):
            tensors.append((f"blk.0.{name}.bias", "f32", shape[:1]))
    tensors += [("blk.0.attn_norm.weight", "f32", [D]), ("blk.0.ffn_norm.weight", "f32", [D])]
    return gguf(values, tensors)


def deepseek(apart, modules=None):
    """A dense layer and one of experts. apart: the newer layout, kv_b_proj in two tensors, and groups of experts. modules: the file
    counts one that predicts a further token in place of the layer of experts, and has it: "whole"; without its copies of embedding
    and head: "bare"; not at all: "gone"."""
    D, H, Q, R, N, P, W, E, F, V = 32, 2, 24, 32, 32, 8, 16, 4, 32, 40
    values = [("general.architecture", STRING, "deepseek2")]
    ints = {
        "block_count": 2, "context_length": 64, "embedding_length": D, "feed_forward_length": 64,
        "attention.head_count": H, "attention.head_count_kv": 1 if apart else H, "attention.q_lora_rank": Q,
        "attention.kv_lora_rank": R, "attention.key_length": R + P if apart else N + P,
        "attention.value_length": R if apart else W, "rope.dimension_count": P, "leading_dense_block_count": 1,
        "expert_count": E, "expert_used_count": 2, "expert_shared_count": 1, "expert_feed_forward_length": F,
        "rope.scaling.original_context_length": 16, "vocab_size": V,
    }  # fmt: skip
    if apart:
        ints |= {"attention.key_length_mla": N + P, "attention.value_length_mla": W, "expert_gating_func": 2,
                 "expert_group_count": 2, "expert_group_used_count": 1}  # fmt: skip
    if modules:
        ints["nextn_predict_layers"] = 1
    values += [("deepseek2." + key, U32, value) for key, value in ints.items()]
    values += [
        ("deepseek2.attention.layer_norm_rms_epsilon", F32, 1e-6),
        ("deepseek2.rope.freq_base", F32, 10000.0),
        ("deepseek2.rope.scaling.type", STRING, "yarn"),
        ("deepseek2.rope.scaling.factor", F32, 4.0),
        ("deepseek2.rope.scaling.yarn_log_multiplier", F32, 0.1 if apart else 0.0707),
        ("deepseek2.expert_weights_scale", F32, 2.5 if apart else 1.0),
    ]
    if apart:
        values.append(("deepseek2.expert_weights_norm", BOOL, True))
    tensors = [("token_embd.weight", "q8_0", [V, D]), ("output_norm.weight", "f32", [D]), ("output.weight", "f16", [V, D])]
    for layer in range(1 if modules == "gone" else 2):
        parts = [
            ("attn_norm", "f32", [D]), ("ffn_norm", "f32", [D]), ("attn_q_a", "q4_0", [Q, D]),
            ("attn_q_a_norm", "f32", [Q]), ("attn_q_b", "bf16", [H * (N + P), Q]), ("attn_kv_a_mqa", "q8_0", [R + P, D]),
            ("attn_kv_a_norm", "f32", [R]), ("attn_output", "q8_0", [D, H * W]),
        ]  # fmt: skip
        if apart:
            parts += [("attn_k_b", "q8_0", [H, R, N]), ("attn_v_b", "q4_0", [H, W, R])]
        else:
            parts += [("attn_kv_b", "q8_0", [H * (N + W), R])]
        if layer == 0:
            parts += [("ffn_gate", "q8_0", [64, D]), ("ffn_up", "q8_0", [64, D]), ("ffn_down", "q8_0", [D, 64])]
        else:
            parts += [
                ("ffn_gate_inp", "f32", [E, D]), ("ffn_gate_exps", "q4_0", [E, F, D]), ("ffn_up_exps", "q8_0", [E, F, D]),
                ("ffn_down_exps", "q4_1", [E, D, F]), ("ffn_gate_shexp", "f16", [F, D]), ("ffn_up_shexp", "q8_0", [F, D]),
                ("ffn_down_shexp", "q8_0", [D, F]),
            ]  # fmt: skip
        if layer == 1 and modules:
            parts += [("nextn.eh_proj", "q8_0", [D, 2 * D]), ("nextn.enorm", "f32", [D]), ("nextn.hnorm", "f32", [D]),
                      ("nextn.shared_head_norm", "f32", [D])]  # fmt: skip
        if layer == 1 and modules == "whole":
            parts += [("nextn.embed_tokens", "q8_0", [V, D]), ("nextn.shared_head_head", "q4_0", [V, D])]
        tensors += [(f"blk.{layer}.{name}.weight", kind, shape) for name, kind, shape in parts]
        if apart and layer > 0:
            tensors.append((f"blk.{layer}.exp_probs_b.bias", "f32", [E]))
    return gguf(values, tensors)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    llama, qwen2 = model("llama", False, "q4_0", "llama-bpe"), model("qwen2", True, "q8_0", "qwen2")
    one_each = gguf([("a", F64, 1.5), ("b", I8, [1, -2])], [(k, k, [TYPES[k][1]]) for k in TYPES], 2)
    files = {
        "llama": llama,
        "qwen2": qwen2,
        "types": one_each,
        "deepseek2": deepseek(True),
        "deepseek2-whole": deepseek(False),
        "deepseek2-modules": deepseek(True, "whole"),
        "deepseek2-modules-bare": deepseek(True, "bare"),
        "deepseek2-modules-gone": deepseek(True, "gone"),
        "deepseek2-cut": deepseek(True)[:-4000],
        "cut-in-data": llama[:-40],
        "cut-in-list": qwen2[: len(qwen2) // 3],
        "empty": b"",
        "magic": b"GGUF",
        "big-endian": b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
        "huge-counts": b"GGUF" + struct.pack("<IQQ", 3, 1 << 62, 1 << 62),
        "huge-array": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IIQ", ARRAY, U64, (1 << 61) + 1),
        "twice": gguf([("k", U8, 1), ("k", U8, 1)], []),
        "control-in-name": gguf([("general.architecture", STRING, "a\nb")], [("t\n", "f32", [4])]),
        "many-layers": model("llama", False, "q4_0", "gpt-2").replace(
            text("llama.block_count") + struct.pack("<II", U32, 1), text("llama.block_count") + struct.pack("<II", U32, 1 << 30)
        ),
    }
    os.makedirs(sys.argv[1], exist_ok=True)
    for name, data in files.items():
        with open(os.path.join(sys.argv[1], name), "wb") as f:
            f.write(data)


main()
