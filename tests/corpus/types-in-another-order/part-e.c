// SPDX-License-Identifier: GPL-2.0
#define UNIT e
#include "types.h"
