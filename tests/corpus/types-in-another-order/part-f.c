// SPDX-License-Identifier: GPL-2.0
#define UNIT f
#include "types.h"
