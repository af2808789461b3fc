/* SPDX-License-Identifier: Apache-2.0
 * factors_parts.c -- see factors_parts.h: eight targets at a time. */
#include "factors_parts.h"

#include "lanes.h"

#define KERNEL factors_parts_usual
#define TARGET
enum { PART = LANES };
typedef lanes part;

#include "factors_parts_kernel.h"
