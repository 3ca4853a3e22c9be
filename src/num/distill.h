/* SPDX-License-Identifier: MIT */
/* num/distill.h: generalised Jensen-Shannon divergence between a student's and a teacher's distribution over the vocabulary
 * (GKD, arXiv 2306.13649, eq. 1; the ends as TRL has them):
 *   beta = 0      KL(teacher || student), "forward"
 *   beta = 1      KL(student || teacher), "reverse"
 *   else          beta * KL(teacher || m) + (1 - beta) * KL(student || m),  m = beta * teacher + (1 - beta) * student
 * What is asked once a row, not once an element; the loops over a row are distill_row and distill_row_backward of kernels.h. */
#ifndef R1_NUM_DISTILL_H
#define R1_NUM_DISTILL_H

#include "num/kernels.h"

DistillMode distill_mode(float beta);
/* Both rows have been summarised by head_row at this inverse temperature. */
DistillScale distill_scale(const HeadRow *student, const HeadRow *teacher, float beta, float inv_temperature);
/* The divergence, in nats, of the sums that distill_row gave. */
double distill_divergence(const DistillSums *sums, float beta);
/* The factor that distill_row_backward takes when the loss grows by `weight` times the divergence: f32 of weight * t, times
 * (1 - beta) for the mixture, in f64. */
float distill_factor(float beta, float inv_temperature, float weight);

#endif
