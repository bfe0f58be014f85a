// SPDX-License-Identifier: GPL-2.0
#define UNIT b
#include "types.h"
