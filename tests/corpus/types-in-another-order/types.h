/* SPDX-License-Identifier: GPL-2.0 */
/* Types of one unit: so many that the first thread is not done with all parts before the second one begins. */
#define TYPE(number) OF_UNIT(UNIT, number)
#define OF_UNIT(unit, number) NAMED(unit, number)
#define NAMED(unit, number) struct corpus_##unit##_##number { long of[__COUNTER__ + 1]; \
	struct corpus_##unit##_##number *next; } corpus_##unit##_##number
#define TEN(number) TYPE(number##0); TYPE(number##1); TYPE(number##2); TYPE(number##3); TYPE(number##4); \
	TYPE(number##5); TYPE(number##6); TYPE(number##7); TYPE(number##8); TYPE(number##9)
#define HUNDRED(number) TEN(number##0); TEN(number##1); TEN(number##2); TEN(number##3); TEN(number##4); \
	TEN(number##5); TEN(number##6); TEN(number##7); TEN(number##8); TEN(number##9)

HUNDRED(1);
HUNDRED(2);
HUNDRED(3);
HUNDRED(4);
HUNDRED(5);
HUNDRED(6);
HUNDRED(7);
HUNDRED(8);
HUNDRED(9);
