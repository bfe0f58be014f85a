// SPDX-License-Identifier: GPL-2.0
#define UNIT c
#include "types.h"
