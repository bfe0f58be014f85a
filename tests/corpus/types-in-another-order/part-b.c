// SPDX-License-Identifier: GPL-2.0
#define TYPE(number) struct corpus_b_##number { long of[__COUNTER__ + 1]; struct corpus_b_##number *next; } corpus_b_##number
#define TEN(number) TYPE(number##0); TYPE(number##1); TYPE(number##2); TYPE(number##3); TYPE(number##4); \
	TYPE(number##5); TYPE(number##6); TYPE(number##7); TYPE(number##8); TYPE(number##9)

TEN(1);
TEN(2);
TEN(3);
TEN(4);
