/* SPDX-License-Identifier: MIT */
/* cli/parity.c: `r1 parity`. */
#include "cli/cli.h"

#include "eval/parity.h"

#include <inttypes.h>
#include <string.h>

typedef struct Printer {
    JsonOut out;
    Error err;
    bool failed; /* to write; the first error is kept */
} Printer;

static void print_line(Printer *p)
{
    json_out_object_end(&p->out);
    if (!p->failed && !json_out_line(&p->out, stdout, &p->err)) p->failed = true;
}

static void print_tensor(void *context, const ParityLine *line)
{
    Printer *p = context;
    json_out_object(&p->out);
    json_out_kv_string(&p->out, "tensor", line->tensor);
    json_out_kv_double(&p->out, "max_error", line->max_error);
    json_out_kv_double(&p->out, "limit", line->limit);
    json_out_kv_bool(&p->out, "ok", line->ok);
    print_line(p);
}

static void print_layer(void *context, const ParityLayer *layer)
{
    Printer *p = context;
    json_out_object(&p->out);
    json_out_kv_string(&p->out, "sequence", layer->sequence);
    json_out_kv_int(&p->out, "layer", layer->layer);
    json_out_kv_double(&p->out, "hidden_rms", layer->rms);
    print_line(p);
}

static ParityKind kind_named(const char *name)
{
    int kind = 0;
    while (strcmp(parity_kind_names()[kind], name) != 0) kind++;
    return (ParityKind)kind;
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    const char *kind = "model";
    ParityRequest request = {.micro_batch_tokens = 4096};
    const CliOption options[] = {
        CLI_CHOICE("--kind", &kind, parity_kind_names(), "what the golden holds [model]"),
        CLI_STRING_REQUIRED("--model", "DIR", &request.model,
                            "a Hugging Face folder or a GGUF file; kind dequant: also a safetensors file"),
        CLI_STRING_REQUIRED("--golden", "FILE", &request.golden, "safetensors of another program's numbers"),
        CLI_STRING("--dump", "OUT", &request.dump, "write our numbers under the same names"),
        CLI_FLAG("--layers", &request.layers, "kind model: each layer's hidden-state RMS too"),
        CLI_INT("--micro-batch-tokens", "N", &request.micro_batch_tokens, 1, 1 << 20,
                "memory of the gradients; changes no number [4096]"),
        CLI_END,
    };
    if (!cli_parse(cli, options, argc, argv, NULL, 0, 0, err)) return false;
    request.kind = kind_named(kind);
    Compute compute;
    if (!cli_kernels(cli, &compute.k, err) || !cli_threads(cli, &compute.threads, err)) return false;
    Printer printer = {0};
    const ParitySink sink = {print_tensor, print_layer, &printer};
    ParityResult result;
    bool ok = parity_run(&request, &compute, &sink, &result, err);
    json_out_free(&printer.out);
    if (ok && printer.failed) *err = printer.err, ok = false;
    if (!ok) return false;
    cli_note(cli, "%" PRId64 " tensors compared, %" PRId64 " past their limit\n", result.n_compared, result.n_failed);
    cli->status = result.n_failed > 0 ? 1 : 0;
    return true;
}

const Command command_parity = {
    .name = "parity",
    .summary = "compare this program's numbers with another's",
    .usage = "r1 parity [--kind model|grpo|sft|reward-model|dequant] --model DIR|FILE --golden F.safetensors [--dump "
             "OUT.safetensors] [--layers]",
    .details =
        "Prints {\"tensor\",\"max_error\",\"limit\",\"ok\"} for each tensor of the golden file that can be computed; "
        "the exit\n"
        "status is 1 when one is past its limit. Kind grpo reads its settings from golden.json beside the golden; "
        "kind\n"
        "dequant compares the values of stored weights to the bit.",
    .example = "build/release/r1 parity --model tests/fixtures/qwen2-tied --golden "
               "tests/fixtures/qwen2-tied/golden.safetensors",
    .run = run,
};
