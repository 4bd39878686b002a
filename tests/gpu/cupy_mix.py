"""(f) CuPy: elementwise, reduction, matmul, RawKernel. Counts the launches that it makes itself."""
import common

a = common.options(common.opt("--steps", type=int, default=300))
import cupy

scale = cupy.RawKernel(r"""
extern "C" __global__ void user_scale(float *x, float s, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        x[i] *= s;
}
""", "user_scale")
axpy = cupy.ElementwiseKernel("float32 x, float32 y", "float32 z", "z = 2 * x + y", "user_axpy")
m = cupy.ones((256, 256), dtype=cupy.float32)
y = cupy.ones((256, 256), dtype=cupy.float32)
for i in range(a.steps):
    y = axpy(m, y)
    y = (y @ m) / (y.sum() + 1)
    scale((256,), (256,), (y, cupy.float32(0.5), cupy.int32(y.size)))
cupy.cuda.Device().synchronize()
common.finish("cupy_mix", kernel_names={"user_scale": a.steps, "user_axpy": a.steps}, value=float(y[0, 0]))
