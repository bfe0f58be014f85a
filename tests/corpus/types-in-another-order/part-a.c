// SPDX-License-Identifier: GPL-2.0
#define UNIT a
#include "types.h"
