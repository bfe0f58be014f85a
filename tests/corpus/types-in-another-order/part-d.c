// SPDX-License-Identifier: GPL-2.0
#define UNIT d
#include "types.h"
