/* SPDX-License-Identifier: MIT */
/* recipe/recipe_parts.h: what recipe.c leaves to a file of its own. */
#ifndef R1_RECIPE_RECIPE_PARTS_H
#define R1_RECIPE_RECIPE_PARTS_H

#include "recipe/recipe.h"

/* check_routes.c: what routes leave to the recipe. */
void settle_routes(GrpoSettings *settings);
/* The same: gates, true metric, first steps and routes of a grpo recipe. */
bool check_reward_parts(const Recipe *recipe, Error *err) R1_MUST_CHECK;

#endif
