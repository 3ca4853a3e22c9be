/* SPDX-License-Identifier: MIT */
/* data/general_world.h: names and facts of the invented world, and requests taken apart; for data/general*.c alone. */
#ifndef R1_DATA_GENERAL_WORLD_H
#define R1_DATA_GENERAL_WORLD_H

#include "data/general.h"

/* The same in English and Chinese. */
typedef struct Term {
    const char *en, *zh;
} Term;

enum { ANIMALS = 8, PEOPLE = 8, VALUES = 6, FORMS = 3, TOPICS = 3 };
enum { COLOUR, FOOD, HOME, ATTRIBUTES };
enum { MANNERS = TOPICS, CARES = TOPICS, HARMS = TOPICS };
enum { CARE_FEED, CARE_WASH, CARE_FIND };

typedef enum RequestKind {
    REQUEST_GREET,
    REQUEST_FACT,
    REQUEST_REPEAT,
    REQUEST_CARE,
    REQUEST_HARM,
    REQUEST_KINDS
} RequestKind;

typedef struct Request {
    RequestKind kind;
    int animal, person;
    int topic; /* manner, attribute, what is to be done; REPEAT: how often */
    int form;  /* of the question */
} Request;

extern const Term general_animals[ANIMALS], general_people[PEOPLE];
extern const Term general_values[ATTRIBUTES][VALUES]; /* HOME has four */
extern const Term general_cares[CARES], general_harms[HARMS];
extern const char *const general_attribute_names[ATTRIBUTES], *const general_manner_names[MANNERS];
int general_values_of(int attribute);
int general_fact(int animal, int attribute); /* which value */

/* "fact cat colour 1": a request behind the name of a check, and back; false when it is none. */
void general_put_request(TextBuffer *out, const Request *request);
bool general_read_request(Request *request, const char *text);

#endif
