/* SPDX-License-Identifier: Apache-2.0
 * version.h -- the version of the program; CHANGELOG.md says what changed. */
#ifndef VERSION_H
#define VERSION_H

#define CROSSREC_VERSION "0.1.0"

#endif
