/* SPDX-License-Identifier: MIT */
/* model/model_parts.h: what model.c, model_lora.c and model_open.c share: room for a model, and how panels are laid out. Private to model/. */
#ifndef R1_MODEL_MODEL_PARTS_H
#define R1_MODEL_MODEL_PARTS_H

#include "model/model.h"
#include "num/gemm.h"

/* What a model has room for beside its vectors; rows come without panels, panels with rows. */
typedef enum Room { ROOM_FOR_VECTORS, ROOM_FOR_ROWS, ROOM_FOR_PANELS } Room;
bool model_create_room(Model *model, const ModelConfig *config, Room room, Error *err) R1_MUST_CHECK;

/* Room for config->lora's adapters, zero, and for their panels; nothing where there are none. */
bool model_lora_create(Lora *lora, const ModelConfig *config, Error *err) R1_MUST_CHECK;
void model_lora_free(Lora *lora);
/* Renews their panels. */
void model_lora_pack(const Model *model, const Compute *compute);

static inline int64_t panel_floats(int64_t n_out, int64_t n_in)
{
    return (gemm_packed_floats(n_out, n_in) + 15) / 16 * 16;
}

/* Room for the panels of `count` equal matrices at *next; returns where they begin. */
static inline int64_t panels_take(int64_t *next, int64_t count, int64_t n_out, int64_t n_in)
{
    const int64_t at = *next;
    *next += count * panel_floats(n_out, n_in);
    return at;
}

#endif
