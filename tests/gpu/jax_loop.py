"""(e) JAX: a jitted attention + MLP step in a loop. Its independent count is count_inject.c."""
import os

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
import common

a = common.options(common.opt("--steps", type=int, default=200))
import jax
import jax.numpy as jnp


@jax.jit
def step(x, w):
    q, k, v = (x @ w[i] for i in range(3))
    x = x + jax.nn.softmax(q @ k.T / 16.0) @ v
    h = jax.nn.gelu(x @ w[3]) @ w[4]
    x = x + h
    return x / jnp.sqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-6)


keys = jax.random.split(jax.random.key(0), 6)
w = [jax.random.normal(k, (256, 256)) * 0.05 for k in keys[:5]]
x = jax.random.normal(keys[5], (128, 256))
for i in range(a.steps):
    x = step(x, w)
    if i % 20 == 0:
        x.block_until_ready()
x.block_until_ready()
common.finish("jax_loop", steps=a.steps, platform=jax.devices()[0].platform)
