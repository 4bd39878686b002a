extern "C" __global__ void c_kernel(int *p) { if (p) *p = 1; }
