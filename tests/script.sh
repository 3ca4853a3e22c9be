# SPDX-License-Identifier: MIT
# script.sh: what the scripts here share, to be sourced as `. "${BASH_SOURCE[0]%/*}/../script.sh"` with the program's path in $1: that is $r1, and $work is
# a folder of the script's own, in memory where there is room for it, which goes when the script ends.
r1=$1
place=/tmp
[ -w /dev/shm ] && place=/dev/shm
work=$(mktemp -d "$place/r1-$(basename "$0" .sh)-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'echo "line $LINENO failed"' ERR

fail() { printf '%s\n' "$*"; exit 1; }
is() { # what, expected, actual
    [ "$2" = "$3" ] || fail "$1:
  expected $2
  got      $3"
}
has() { # what, words, text
    case $3 in *"$2"*) ;; *) fail "$1:
  expected ... $2 ...
  got      $3" ;; esac
}
gives() { # status, words on stderr, arguments of r1...: the last line of stderr says the words
    local status=$1 words=$2 got=0 said
    shift 2
    said=$("$r1" "$@" 2>&1 >/dev/null) || got=$?
    is "$* (status; said: $said)" "$status" $got
    has "$*" "$words" "$(tail -n 1 <<<"$said")"
}
digest() { "$r1" digest "$1"; }
metric() { sed -n "s|.*\"$2\": \([^,}]*\).*|\1|p" "$1/metrics.jsonl"; } # run, name: a value a line

# small_base FOLDER OPTION...: a model that has hardly learnt, in a moment.
small_base() {
    local out=$1
    shift
    "$r1" pretrain --out "$out" --quiet --set steps=3 --set seed=3 --set tokens_per_step=600 --set shape.hidden_size=48 \
        --set shape.n_layers=2 --set shape.n_heads=2 --set shape.n_kv_heads=1 --set shape.head_dim=24 --set shape.ffn_size=96 \
        --set tokenizer.vocab_size=300 --set tokenizer.documents=100 "$@" 2>/dev/null
}
