// SPDX-License-Identifier: GPL-2.0
#define UNIT h
#include "types.h"
