/*
 * student: Student's t distribution for whole degrees of freedom: the finite series of Abramowitz &
 * Stegun 26.7.3 and 26.7.4, exact to rounding. df >= 1. No state, so any thread; no errors.
 */
#ifndef JITNESS_DECODER_STUDENT_H
#define JITNESS_DECODER_STUDENT_H

/* P(|T| > t), two-sided; t >= 0. */
double student_tail(double t, unsigned df);
/* The t with P(|T| <= t) = level, 0 < level < 1. */
double student_bound(double level, unsigned df);

#endif
