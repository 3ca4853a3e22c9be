/* SPDX-License-Identifier: MIT */
/* record/notes.h: what a step's metrics mean, in a sentence, when they explain why nothing is learnt.
 *
 * One table of rules (notes.c), each a condition on metric names and a sentence; used by the live display, the run's log and
 * the report, so that all three say the same. May use base/ and record/metrics.h. */
#ifndef R1_RECORD_NOTES_H
#define R1_RECORD_NOTES_H

#include "record/metrics.h"

enum { NOTE_CAPACITY = 320, NOTES_MAX = 16 };

typedef enum NoteLevel { NOTE_INFO, NOTE_WARNING } NoteLevel;

typedef struct Note {
    const char *id; /* the rule's name, static: a caller says a note once by remembering ids */
    NoteLevel level;
    char text[NOTE_CAPACITY];
} Note;

typedef struct Notes {
    Note items[NOTES_MAX];
    int n;
} Notes;

/* Notes on one step (a row's metrics alone). */
void notes_of_step(Notes *notes, const MetricsRow *row);
/* Notes on a whole run: the rules above on the mean of the last tenth of the steps, and trends over the run. */
void notes_of_run(Notes *notes, const MetricsTable *table);

#endif
