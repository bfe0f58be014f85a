// SPDX-License-Identifier: GPL-2.0
#define UNIT g
#include "types.h"
