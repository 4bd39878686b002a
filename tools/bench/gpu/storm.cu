/* What the module-load storm loads. */
extern "C" __global__ void work(int *p)
{
	if (p)
		*p = 1;
}
