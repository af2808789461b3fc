/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_personas.h -- the JSON of segments_text.h, as the live view shows it. Pure.
 */
#ifndef DEMO_PERSONAS_H
#define DEMO_PERSONAS_H

#include "demo_view.h"
#include "status.h"

/** Largest first. @return how many; -1: no such JSON, and v->segments are untouched */
int demo_personas_read(const char *text, struct view *v);

#endif
