/* SPDX-License-Identifier: MIT */
/* model/mtp_files.h: how modules that predict further tokens stand in a folder (DeepSeek-V3's published layout): module k is layer
 * L + k, its block under the names of any layer, beside it enorm, hnorm, eh_proj and shared_head.norm. Embedding and head are the model's
 * own; files hold a copy of each (embed_tokens, shared_head.head), which is written and, when read, must be equal.
 * Private to model/. */
#ifndef R1_MODEL_MTP_FILES_H
#define R1_MODEL_MTP_FILES_H

#include "model/folder.h"

/* Whether the folder has the first module that its config counts; of shards, whether the index says so. A folder that cannot be read has
 * none: reading it says why. */
bool mtp_is_in_folder(const char *folder, const ModelConfig *config);
/* Whether this is the name of a copy; and the tensor it is a copy of, NULL: there is none. */
const char *mtp_copied_name(const char *name, const ModelConfig *config);
/* That every copy in the files is what it is a copy of, in shape and elements. */
bool mtp_check_copies(const ModelTensors *tensors, const ModelConfig *config, Error *err) R1_MUST_CHECK;

enum { MTP_COPIES = 2 };
/* What to write for copy i (0: the embedding, 1: the head) of module k: its name, and the tensor of `layout` that it is a copy of. */
const ParamTensor *mtp_copy(char name[96], const ParamLayout *layout, int64_t k, int i);

#endif
