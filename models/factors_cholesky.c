/* SPDX-License-Identifier: Apache-2.0
 * factors_cholesky.c -- see factors_cholesky.h: eight floats at a time. */
#include "factors_cholesky.h"

#include "factors_state.h"

#define KERNEL factors_cholesky_usual
#define TARGET
enum { PART = LANES };
typedef lanes part;

#include "factors_cholesky_kernel.h"
