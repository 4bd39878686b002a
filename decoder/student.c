#include "decoder/student.h"

#include <math.h>

double student_tail(double t, unsigned df)
{
	double angle = atan(t / sqrt(df)), c = cos(angle), term = df % 2 ? c : 1, sum = 0;
	double inside;

	/* Odd: cos + 2/3 cos^3 + ...; even: 1 + 1/2 cos^2 + ... */
	for (unsigned k = df % 2 ? 3 : 2; k <= df; k += 2) {
		sum += term;
		term *= c * c * (k - 1.0) / k;
	}
	inside = sin(angle) * sum;
	if (df % 2)
		inside = (angle + inside) * M_2_PI;
	return inside < 1 ? 1 - inside : 0;
}

double student_bound(double level, unsigned df)
{
	double lo = 0, hi = 1;

	while (student_tail(hi, df) > 1 - level)
		hi *= 2;
	for (int i = 0; i < 100; i++) {
		double mid = (lo + hi) / 2;

		if (student_tail(mid, df) > 1 - level)
			lo = mid;
		else
			hi = mid;
	}
	return hi;
}
